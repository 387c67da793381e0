// The whole of a Kong file: services with their policies, and each of their routes as often as a manifest needs it.
#include "app/import/kong.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>

#include "app/import/fields.h"
#include "app/import/kong_file.h"
#include "app/import/kong_paths.h"
#include "app/import/kong_plugins.h"
#include "app/import/kong_services.h"
#include "base/text.h"

namespace tl::app {

using manifest::Node;
using manifest::Position;

namespace {

constexpr size_t kMostOfOne = 64;  // routes of a manifest that one of Kong's becomes
constexpr uint64_t kUsualBody = 16ULL << 20;

struct Header {
    std::string name;
    std::vector<std::string> values;
};

class KongImport {
  public:
    KongImport(const KongFile& file, Draft& draft, Report& report) : file_(&file), draft_(&draft), report_(&report) {
        context_.report = &report;
        for (const KongEntity& consumer : file.consumers) {
            const bool refused = std::ranges::any_of(
                consumer.plugins, [](const KongPlugin& one) { return one.name == "request-termination"; });
            if (!refused) continue;
            for (const std::string& name : {consumer.name, consumer.id}) context_.refused.insert(name);
        }
    }

    void run() {
        const KongPluginSet everywhere = overlay({}, file_->plugins);
        PolicyDraft global = translate_plugins(everywhere, file_->plugins, context_);
        terminated_ = global.terminated;
        keep(draft_->gateway(), global);
        for (const KongService& service : file_->services) add_service(service, everywhere);
        for (const KongEntity& consumer : file_->consumers) tell_consumer(consumer, context_);
        if (body_ > kUsualBody) put(child(draft_->gateway(), "limits"), "body", word_node(std::to_string(body_)));
        if (refused_ != 0)
            report_->missing({}, fmt::format("{} routes", refused_),
                             fmt::format("a manifest made here has {} at most", Draft::kMostRoutes));
    }

  private:
    void keep(Node& place, PolicyDraft& made) {
        body_ = std::max(body_, made.body);
        Node policies = made.take();
        if (!policies.entries.empty()) put(place, "policies", std::move(policies));
    }

    static Node fault_of(unsigned status, Position at) {
        Node abort = map_node(at);
        put(abort, "status", word_node(std::to_string(status), at));
        put(abort, "share", word_node("100%", at));
        Node fault = map_node(at);
        put(fault, "abort", std::move(abort));
        return fault;
    }

    void add_service(const KongService& service, const KongPluginSet& outer) {
        KongTarget target = translate_service(service, *file_, *report_);
        if (!target.usable) return;
        const KongPluginSet holding = overlay(outer, service.entity.plugins);
        PolicyDraft made = translate_plugins(holding, service.entity.plugins, context_);
        if (const unsigned status = made.terminated != 0 ? made.terminated : terminated_)
            put(target.service, "fault", fault_of(status, target.service.at));
        keep(target.service, made);
        const std::string name = draft_->add_service(target.wanted, std::move(target.service));
        if (service.routes.empty())
            report_->differs(service.entity.node->at, fmt::format("service \"{}\" has no route", service.entity.name),
                             "nobody reaches it by the gateway");
        for (const KongEntity& route : service.routes) add_route(route, name, target.path, holding);
    }

    void add_route(const KongEntity& route, const std::string& service, const std::string& base,
                   const KongPluginSet& outer) {
        Fields fields{*route.node, fmt::format("route \"{}\"", route.name), *report_};
        if (fields.has("expression"))
            return report_->missing(fields.at("expression"), fields.what(),
                                    "write a route for each path that its expression takes");
        if (takes_connections(fields))
            return report_->missing(fields.at("protocols"), fields.what() + " takes connections",
                                    "a port of gateway.tcp, for TCP");
        const bool strip = fields.flag("strip_path", true) && !is_rpc(fields);
        std::vector<Node> made;
        for (const KongPath& path : paths_of(fields)) {
            Node node = map_node(fields.at("paths"));
            put(node, "path", text_node(path.pattern(), fields.at("paths")));
            put_target(node, path, service, base, strip);
            made.push_back(std::move(node));
        }
        multiply_hosts(made, fields);
        multiply_headers(made, fields);
        put_rest(made, fields);
        const KongPluginSet holding = overlay(outer, route.plugins);
        PolicyDraft policies = translate_plugins(holding, route.plugins, context_);
        const unsigned status = policies.terminated;
        const Position at = route.node->at;
        Node all = map_node(at);
        keep(all, policies);
        for (Node& node : made) {
            if (const Node* const mine = all.find("policies")) put(node, "policies", *mine);
            if (status != 0) put(node, "fault", fault_of(status, at));
            if (!draft_->add_route(std::move(node))) ++refused_;
        }
        tell_rest(fields);
    }

    static bool takes_connections(Fields& fields) {
        const std::vector<std::string> protocols = fields.list("protocols");
        constexpr std::array<std::string_view, 6> kRequests{"http", "https", "grpc", "grpcs", "ws", "wss"};
        return !protocols.empty() && std::ranges::find_first_of(protocols, kRequests) == protocols.end();
    }

    // Kong strips nothing of calls, whose path is the method.
    static bool is_rpc(Fields& fields) {
        const std::vector<std::string> protocols = fields.list("protocols");
        return std::ranges::any_of(protocols, [](const std::string& one) { return one.starts_with("grpc"); });
    }

    std::vector<KongPath> paths_of(Fields& fields) {
        const std::vector<std::string> written = fields.list("paths");
        std::vector<KongPath> all;
        for (const std::string& path : written) {
            if (!is_kong_regex(path, file_->major)) {
                all.push_back(kong_prefix(path));
                continue;
            }
            const auto translated = kong_regex(path);
            if (!translated) {
                report_->missing(fields.at("paths"), fmt::format("the path \"{}\" of {}", path, fields.what()),
                                 "say it by literals, {parameters} and a last /*");
                continue;
            }
            if (translated->wider)
                report_->differs(fields.at("paths"),
                                 fmt::format("the path \"{}\" of {} is {}", path, fields.what(), translated->pattern()),
                                 "a parameter takes any segment; the service has to judge it");
            all.push_back(*translated);
        }
        if (written.empty()) all.push_back({.stem = {}, .below = true});
        for (const KongPath& path : all) {
            if (path.stem.empty() || !path.below || told_prefix_) continue;
            told_prefix_ = true;
            report_->differs(
                fields.at("paths"),
                fmt::format("paths end with a segment: {} takes {} and what is below it", path.pattern(), path.stem),
                fmt::format("Kong's prefix takes {}x as well", path.stem));
        }
        return all;
    }

    static void put_target(Node& node, const KongPath& path, const std::string& service, const std::string& base,
                           bool strip) {
        put(node, "to", word_node(service, node.at));
        const std::string front = strip ? base : base + path.stem;
        const std::string seen = path.below ? front + "/*" : front.empty() ? "/" : front;
        if (seen != path.pattern()) put(node, "rewrite", text_node(seen, node.at));
    }

    // Each route so far, once for each choice.
    template <class Choice, class Apply>
    void multiply(std::vector<Node>& routes, const std::vector<Choice>& choices, const Fields& fields, Apply apply) {
        std::vector<Node> all;
        for (const Node& route : routes) {
            for (const Choice& choice : choices) {
                if (all.size() == kMostOfOne) {
                    report_->missing(fields.at(), fmt::format("{} in all its combinations", fields.what()),
                                     fmt::format("it becomes {} routes at most", kMostOfOne));
                    break;
                }
                all.push_back(route);
                apply(all.back(), choice);
            }
        }
        routes = std::move(all);
    }

    void multiply_hosts(std::vector<Node>& routes, Fields& fields) {
        std::vector<std::string> hosts;
        bool any = false;
        for (std::string host : fields.list("hosts")) {
            any = true;
            if (const size_t colon = host.rfind(':'); colon != std::string::npos && !host.ends_with(']')) {
                report_->differs(fields.at("hosts"), fmt::format("the host \"{}\" of {}", host, fields.what()),
                                 "its port is ignored");
                host.resize(colon);
            }
            if (host.ends_with('*')) {
                report_->missing(fields.at("hosts"), fmt::format("the host \"{}\" of {}", host, fields.what()),
                                 "a \"*\" stands in front: *.shop.example");
                continue;
            }
            hosts.push_back(base::lower(host));
        }
        if (!any) return;
        multiply(routes, hosts, fields, [&](Node& route, const std::string& host) {
            put(route, "host", text_node(host, fields.at("hosts")));
        });
    }

    void multiply_headers(std::vector<Node>& routes, Fields& fields) {
        const Node* const headers = fields.take("headers");
        if (headers == nullptr) return;
        for (const manifest::Entry& entry : headers->entries) {
            std::vector<std::string> values;
            for (const Node& value : entry.value.items) {
                if (value.is_scalar() && !value.text.starts_with("~*")) values.push_back(value.text);
            }
            if (values.size() != entry.value.items.size() || values.empty())
                report_->missing(entry.at,
                                 fmt::format("{} for some values of the header \"{}\"", fields.what(), entry.key),
                                 "a value is one text, or \"*\" for any");
            if (names_a_secret(entry.key)) {
                report_->to_do(entry.at,
                               fmt::format("{} for a value of \"{}\" that may be a secret", fields.what(), entry.key),
                               "write the route yourself");
                values.clear();
            }
            multiply(routes, values, fields, [&](Node& route, const std::string& value) {
                put(child(route, "headers", entry.at), entry.key, text_node(value, entry.at));
            });
        }
    }

    void put_rest(std::vector<Node>& routes, Fields& fields) {
        std::vector<std::string> methods = fields.list("methods");
        for (std::string& method : methods) method = method_of(method);
        const double priority = std::clamp(fields.number("regex_priority").value_or(0), -1000.0, 1000.0);
        for (Node& route : routes) {
            if (!methods.empty()) put(route, "methods", list_node(methods, fields.at("methods")));
            if (priority != 0)
                put(route, "priority",
                    word_node(fmt::format("{:.0f}", std::trunc(priority)), fields.at("regex_priority")));
        }
        if (priority != 0)
            report_->differs(fields.at("regex_priority"),
                             fmt::format("\"regex_priority\" of {} is `priority`", fields.what()),
                             "here it counts before hosts and paths of every route");
    }

    void tell_rest(Fields& fields) {
        const std::vector<std::string> protocols = fields.list("protocols");
        const auto speaks = [&](std::string_view one) { return std::ranges::find(protocols, one) != protocols.end(); };
        if ((speaks("https") && !speaks("http")) || (speaks("grpcs") && !speaks("grpc")))
            report_->to_do(fields.at("protocols"), fields.what() + " is for TLS only",
                           "gateway.tls with a certificate, and tls.redirect: true");
        fields.tell("snis", "gateway.tls.certificates chooses by name; `host` tells routes apart");
        fields.tell("sources", "policies: { ip: { allow: [...] } }");
        if (fields.text("path_handling") == "v1")
            report_->differs(fields.at("path_handling"), "\"path_handling: v1\" of " + fields.what(),
                             "slashes where two paths meet are as with v0");
        fields.tell("destinations", "gateway.tcp has a port for each");
        fields.ignore({"name", "id", "tags", "service", "plugins", "preserve_host", "created_at", "updated_at",
                       "path_handling", "https_redirect_status_code", "request_buffering", "response_buffering"});
        fields.finish();
    }

    const KongFile* file_;
    Draft* draft_;
    Report* report_;
    KongContext context_;
    unsigned terminated_ = 0;  // of the whole file
    uint64_t body_ = 0;
    size_t refused_ = 0;
    bool told_prefix_ = false;
};

}  // namespace

std::optional<manifest::Diagnostic> import_kong(const Node& root, Draft& draft, Report& report) {
    const auto file = read_kong(root, report);
    if (!file) return file.error();
    KongImport{*file, draft, report}.run();
    return std::nullopt;
}

}  // namespace tl::app
