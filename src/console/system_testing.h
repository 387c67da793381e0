// For tests only: a System with two services, answers that a test can change, and a record of what it was asked.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "console/system.h"
#include "rt/loop.h"

namespace tl::console {

class FakeSystem final : public System {
  public:
    FakeSystem() {
        view.system = "shop";
        view.version = "0.1.0";
        view.pid = 4242;
        view.uptime = std::chrono::seconds{192};
        view.manifest = "/srv/shop/trunkline.yaml";
        view.revision = 3;
        view.gateway = {"http://127.0.0.1:8080"};
        view.services = {service("orders", "healthy"), service("payments", "starting")};
        route.name = "orders";
        route.path = "/api/orders/*";
        route.to = "orders";
        plan_view.changes = {{"service", "orders", "scale", "replicas 1 -> 2"}, {"route", "orders", "keep", ""}};
    }

    static ServiceView service(const std::string& name, std::string state) {
        ServiceView made{.name = name, .context = "ordering", .state = std::move(state), .replicas_wanted = 1};
        made.replicas_healthy = made.state == "healthy" ? 1 : 0;
        made.instances = {{.id = name + "-1", .service = name, .address = "127.0.0.1", .port = 9001, .pid = 77}};
        made.instances[0].state = made.state;
        return made;
    }
    void say(const LogLine& line) {
        for (const auto& [sink, query] : followers) sink->on_line(line);
    }

    rt::Task<StatusView> status() override { co_return view; }
    rt::Task<std::vector<ServiceView>> services() override { co_return view.services; }
    rt::Task<std::vector<RouteView>> routes() override { co_return std::vector<RouteView>{route}; }
    rt::Task<base::Result<Why>> why(std::string trace, bool colour) override {
        asked.push_back("why " + trace);
        if (trace == "deaddead") co_return base::fail(base::Code::not_found, "no record of the trace dead is left");
        co_return Why{R"({"trace":"4bf9"})", colour ? "\x1b[1mtrace\x1b[0m 4bf9\n" : "trace 4bf9\n"};
    }
    rt::Task<base::Result<void>> upgrade(std::string binary, ProgressSink& sink) override {
        asked.push_back("upgrade " + binary);
        if (binary == "/bin/false") co_return base::fail(base::Code::invalid, "/bin/false is no Trunkline");
        sink.on_progress("handing over");
        co_return base::fail(base::Code::internal, "it cannot be run");
    }
    rt::Task<PlanResult> plan(std::string text, std::string file) override {
        asked.push_back("plan " + file);
        co_return judge(text);
    }
    rt::Task<PlanResult> apply(std::string text, std::string file, ProgressSink& sink) override {
        asked.push_back("apply " + file);
        PlanResult result = judge(text);
        if (!result) co_return result;
        sink.on_progress("orders: 1 more instance");
        co_await rt::sleep(std::chrono::milliseconds{2});
        if (text == "late failure")
            co_return std::unexpected(ManifestRefused{{.context = "orders never got healthy"}, {}, {}});
        co_return result;
    }
    rt::Task<base::Result<void>> restart(std::string name, ProgressSink& sink) override {
        asked.push_back("restart " + name);
        if (name == "payments") co_return base::fail(base::Code::conflict, "payments is run by others");
        sink.on_progress("orders-1 is replaced by orders-2");
        while (hold_restart) co_await rt::sleep(std::chrono::milliseconds{1});
        restarted += 1;
        co_return base::Result<void>{};
    }
    std::vector<KeyView> keys() override { return {{.name = "partner", .id = "1f3a9c04", .plan = "gold"}}; }
    base::Result<std::string> create_key(NewKey key) override {
        asked.push_back("create key " + key.name + " " + key.plan);
        if (key.name == "partner") return base::fail(base::Code::conflict, "there is a key of this name");
        return std::string{"tlk_00000000_secret"};
    }
    base::Result<std::string> rotate_key(std::string name, base::Duration grace) override {
        asked.push_back("rotate key " + name + " " + std::to_string(grace / std::chrono::seconds{1}));
        if (name != "partner") return base::fail(base::Code::not_found, "there is no key of this name");
        return std::string{"tlk_00000001_secret"};
    }
    base::Result<void> revoke_key(std::string name) override {
        asked.push_back("revoke key " + name);
        return {};
    }
    void stop() override { stops += 1; }
    rt::Task<std::string> metrics() override { co_return std::string{"trunkline_up 1\n"}; }
    rt::Task<std::string> dump_tasks() override { co_return std::string{"main loop: nothing\n"}; }

    base::Result<std::unique_ptr<LogSubscription>> subscribe(LogQuery query, LogSink& sink) override {
        const size_t shown = std::min(query.tail, kept.size());
        for (size_t i = kept.size() - shown; i < kept.size(); ++i) sink.on_line(kept[i]);
        if (query.follow) followers.emplace_back(&sink, query);
        return std::make_unique<Subscription>(*this, sink);
    }

    StatusView view;
    RouteView route;
    PlanView plan_view;
    std::vector<LogLine> kept;
    std::vector<std::string> asked;
    std::vector<std::pair<LogSink*, LogQuery>> followers;
    int stops = 0;
    int restarted = 0;
    bool hold_restart = false;  // a restart does not end before the test lets it

  private:
    struct Subscription final : LogSubscription {
        Subscription(FakeSystem& of, LogSink& to) : system(&of), sink(&to) {}
        ~Subscription() override {
            std::erase_if(system->followers, [this](const auto& each) { return each.first == sink; });
        }
        FakeSystem* system;
        LogSink* sink;
    };

    PlanResult judge(const std::string& text) const {
        if (text != "bad") return plan_view;
        return std::unexpected(ManifestRefused{{.code = base::Code::invalid, .context = "the manifest has 1 mistake"},
                                               "trunkline.yaml:1:1: error: no key \"bad\"\n",
                                               Json{{"errors", 1}}});
    }
};

}  // namespace tl::console
