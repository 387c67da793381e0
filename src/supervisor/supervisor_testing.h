// What this room's tests share: a folder that goes away, and a book that calls an instance healthy by a rule of the
// test. Unit tests only.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "rt/loop.h"
#include "supervisor/call_addresses.h"
#include "supervisor/instance_book.h"

namespace tl::supervisor {

class TestFolder {
  public:
    TestFolder() {
        std::string pattern = "/tmp/tl_supervisor_XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    ~TestFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TestFolder(const TestFolder&) = delete;
    TestFolder& operator=(const TestFolder&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }
    std::string write(const std::string& name, std::string_view text) const {
        const std::string file = path_ + "/" + name;
        std::filesystem::create_directories(std::filesystem::path{file}.parent_path());
        std::ofstream{file} << text;
        return file;
    }
    [[nodiscard]] std::string read(const std::string& name) const {
        std::ifstream in{path_ + "/" + name};
        return {std::istreambuf_iterator<char>{in}, {}};
    }

  private:
    std::string path_;
};

struct FakeAddresses final : CallAddresses {
    std::string url_for(std::string_view /*caller*/, std::string_view callee) override {
        return callee == "nowhere" ? "" : "http://127.0.0.1:1/" + std::string{callee};
    }
    std::vector<TcpDoor> tcp_doors(std::string_view caller) override {
        if (caller != "orders") return {};
        return {{.callee = "order-db", .host = "127.0.0.1", .port = 5433}};
    }
    std::string proxy_for(std::string_view caller) override { return "http://proxy/" + std::string{caller}; }
};

class FakeBook final : public InstanceBook {
  public:
    // Whether an instance that runs is healthy.
    std::function<bool(const StartedInstance&)> healthy = [](const StartedInstance&) { return true; };
    // How long requests in flight take to end.
    base::Duration in_flight{0};
    std::vector<std::string> events;
    std::map<std::string, StartedInstance> running;

    void instance_starting(const StartedInstance& instance) override {
        events.push_back("starting " + instance.id);
        running.insert_or_assign(instance.id, instance);
    }
    void instance_gone(const std::string& id, const std::string& reason) override {
        events.push_back("gone " + id + ": " + reason);
        running.erase(id);
    }
    rt::Task<base::Result<void>> wait_healthy(std::string id, rt::Wait wait) override {
        return poll(wait, [this, id] { return is_healthy(id); });
    }
    rt::Task<base::Result<void>> wait_service_healthy(std::string service, rt::Wait wait) override {
        return poll(wait, [this, service] {
            for (const auto& [id, instance] : running) {
                if (instance.service == service && healthy(instance)) return true;
            }
            return false;
        });
    }
    rt::Task<void> drain(std::string id, std::string /*reason*/, base::TimePoint deadline) override {
        events.push_back("drain " + id);
        const base::TimePoint done = std::min(deadline, rt::this_loop().now() + in_flight);
        while (running.contains(id) && rt::this_loop().now() < done) co_await rt::sleep(std::chrono::milliseconds{2});
    }
    [[nodiscard]] size_t position(const std::string& event) const {
        return static_cast<size_t>(std::ranges::find(events, event) - events.begin());
    }

  private:
    [[nodiscard]] bool is_healthy(const std::string& id) const {
        const auto found = running.find(id);
        return found != running.end() && healthy(found->second);
    }
    static rt::Task<base::Result<void>> poll(rt::Wait wait, std::function<bool()> ready) {
        for (;;) {
            if (ready()) co_return base::Result<void>{};
            const rt::Wake wake =
                co_await rt::wait_for(wait.until(rt::this_loop().now() + std::chrono::milliseconds{2}));
            if (wake == rt::Wake::cancelled || rt::this_loop().now() >= wait.deadline) {
                co_return base::fail(rt::wake_error(wake, "waiting for health"));
            }
        }
    }
};

}  // namespace tl::supervisor
