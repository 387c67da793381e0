#include "gateway/grpc_json/mapping.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <numeric>

#include "base/text.h"

namespace tl::gateway {

using manifest::Severity;

namespace {

// Services of infrastructure, which nobody means by "all".
bool is_plumbing(std::string_view service) {
    return service.starts_with("grpc.reflection.") || service.starts_with("grpc.health.") ||
           service.starts_with("grpc.channelz.");
}

std::string hint_of(std::string_view name, const std::vector<std::string>& known) {
    const std::string_view near = base::nearest(name, known);
    if (!near.empty()) return fmt::format("did you mean {}?", near);
    return known.empty() ? "" : fmt::format("there is {}", base::join(known, ", ").substr(0, 200));
}

}  // namespace

class GrpcMapping::Maker {
  public:
    Maker(GrpcMapping& made, const GrpcConfig& config, const proxy::PathPattern& path, std::string_view rewrite,
          std::vector<GrpcComplaint>& wrong)
        : made_(&made), config_(&config), path_(&path), wrong_(&wrong) {
        // What stands before the rest of the path, as templates see it.
        std::string_view before = rewrite.empty() ? std::string_view{path.text()} : rewrite;
        if (before.ends_with("/*")) before.remove_suffix(2);
        before_ = before;
    }

    void run() {
        if (config_->method) {
            add_route();
        } else {
            add_services();
        }
        judge_ties();
    }

  private:
    void say(Severity severity, manifest::Position at, std::string message, std::string hint = {}) {
        wrong_->push_back({severity, at, std::move(message), std::move(hint)});
    }

    void add_route() {
        const auto& name = *config_->method;
        const auto& methods = made_->schema_->methods();
        const auto found = std::ranges::find(methods, name.value, &GrpcMethod::name);
        if (found == methods.end()) {
            std::vector<std::string> known;
            for (const GrpcMethod& one : methods) known.push_back(one.name);
            return say(Severity::error, name.at, fmt::format("the descriptors have no method {}", name.value),
                       hint_of(name.value, known));
        }
        if (found->client_streams) {
            return say(Severity::error, name.at,
                       fmt::format("{} takes a stream of messages, which one request of HTTP is not", name.value),
                       "clients of gRPC reach it by a route without \"grpc\"");
        }
        GrpcBinding binding{.method = &*found,
                            .rule = {.method = "*", .path = path_->text(), .body = "*", .response_body = ""},
                            .path = *UriTemplate::parse("/"),
                            .whole_route = true,
                            .params = {},
                            .fields = {}};
        for (const auto& [field, value] : config_->fields) {
            const std::string why = GrpcSchema::judge_field(*found, field.value, GrpcSchema::Takes::one_text);
            if (!why.empty()) say(Severity::error, field.at, fmt::format("\"{}\" {}", field.value, why));
            binding.fields.emplace_back(field.value, value);
        }
        for (const proxy::Segment& segment : path_->segments()) {
            if (segment.kind != proxy::Segment::Kind::param) continue;
            const bool used = std::ranges::any_of(binding.fields, [&](const auto& one) {
                return Template::text_of(one.second).contains(fmt::format("{{path.{}}}", segment.text));
            });
            binding.params.push_back(used ? "" : segment.text);
            if (used) continue;
            const std::string why = GrpcSchema::judge_field(*found, segment.text, GrpcSchema::Takes::one_text);
            if (!why.empty())
                say(Severity::error, config_->at, fmt::format("{{{}}} of {} {}", segment.text, path_->text(), why),
                    fmt::format("name it as the field is called, or say fields: {{ FIELD: \"{{path.{}}}\" }}",
                                segment.text));
        }
        made_->bindings_.push_back(std::move(binding));
    }

    void add_services() {
        const auto& known = made_->schema_->services();
        for (const auto& name : config_->services) {
            if (std::ranges::find(known, name.value) == known.end())
                say(Severity::error, name.at, fmt::format("the descriptors have no service {}", name.value),
                    hint_of(name.value, known));
        }
        for (const GrpcMethod& method : made_->schema_->methods()) {
            const bool wanted = config_->services.empty() ? !is_plumbing(method.service) : is_named(method.service);
            if (wanted) add_method(method);
        }
        if (made_->bindings_.empty() && wrong_->empty())
            say(Severity::error, config_->descriptors.at, "the descriptors have no method that can be mapped");
        judge_reach();
    }

    [[nodiscard]] bool is_named(const std::string& service) const {
        return std::ranges::any_of(config_->services, [&](const auto& one) { return one.value == service; });
    }
    [[nodiscard]] manifest::Position place_of(const GrpcMethod& method) const {
        for (const auto& one : config_->services) {
            if (one.value == method.service) return one.at;
        }
        return config_->descriptors.at;
    }

    void add_method(const GrpcMethod& method) {
        if (method.client_streams) {
            if (!method.rules.empty())
                say(Severity::warning, place_of(method),
                    fmt::format("{} takes a stream of messages, so its google.api.http has no effect", method.name));
            return;
        }
        if (method.rules.empty()) {
            return add_rule(method, {.method = "POST", .path = method.path, .body = "*", .response_body = ""});
        }
        for (const HttpRule& rule : method.rules) add_rule(method, rule);
    }

    void add_rule(const GrpcMethod& method, const HttpRule& rule) {
        bool good = true;
        const auto complain = [&](const std::string& what) {
            say(Severity::error, place_of(method), fmt::format("{}: {}", method.name, what));
            good = false;
        };
        auto path = UriTemplate::parse(rule.path);
        if (!path) return complain(fmt::format("its path {} {}", rule.path, path.error()));
        for (const UriTemplate::Variable& one : path->variables()) {
            const std::string why = GrpcSchema::judge_field(method, one.field, GrpcSchema::Takes::one_text);
            if (!why.empty()) complain(fmt::format("{{{}}} of its path {} {}", one.field, rule.path, why));
        }
        if (!rule.body.empty() && rule.body != "*") {
            const std::string why = rule.body.contains('.')
                                        ? "must be a field of the request itself"
                                        : GrpcSchema::judge_field(method, rule.body, GrpcSchema::Takes::anything);
            if (!why.empty()) complain(fmt::format("its body \"{}\" {}", rule.body, why));
        }
        if (!rule.response_body.empty()) {
            const std::string why = GrpcSchema::judge_answer_field(method, rule.response_body);
            if (!why.empty()) complain(fmt::format("its response_body \"{}\" {}", rule.response_body, why));
        }
        if (!good) return;
        if (made_->bindings_.size() == kMostBindings) return complain("there are too many bindings");
        made_->bindings_.push_back({.method = &method,
                                    .rule = rule,
                                    .path = std::move(*path),
                                    .whole_route = false,
                                    .params = {},
                                    .fields = {}});
    }

    // A template whose literals do not begin as the route's path does never gets a request. All of them: a mistake.
    void judge_reach() {
        const auto literal = before_.substr(0, before_.find("/{"));
        const auto reached = [&](const GrpcBinding& one) {
            const std::string beginning = one.path.beginning() + "/";
            const std::string wanted = std::string{literal} + "/";
            return beginning.starts_with(wanted) || (wanted.starts_with(beginning) && !one.path.exact());
        };
        auto& all = made_->bindings_;
        if (all.empty() || literal.empty() || std::ranges::any_of(all, reached)) return;
        say(Severity::error, config_->at,
            fmt::format("none of the methods lies below {}: {} is at {}", before_, all.front().method->name,
                        all.front().path.text()),
            "the path that templates see is the service's: add rewrite: /* to the route, or change its path");
    }

    // The most specific first; of equals the first one stays the first.
    static void sort(std::vector<GrpcBinding>& all) {
        std::vector<size_t> order(all.size());
        std::iota(order.begin(), order.end(), size_t{0});
        std::ranges::sort(order, [&](size_t a, size_t b) {
            if (all[a].path.before(all[b].path)) return true;
            return !all[b].path.before(all[a].path) && a < b;
        });
        std::vector<GrpcBinding> sorted;
        sorted.reserve(all.size());
        for (const size_t i : order) sorted.push_back(std::move(all[i]));
        all = std::move(sorted);
    }

    void judge_ties() {
        auto& all = made_->bindings_;
        sort(all);
        std::map<std::pair<std::string, std::string>, const GrpcBinding*> first;
        std::vector<bool> lost(all.size());
        for (size_t i = 0; i < all.size(); ++i) {
            const GrpcBinding& one = all[i];
            const auto [place, alone] = first.try_emplace({one.rule.method, one.path.shape()}, &one);
            if (alone) continue;
            lost[i] = true;
            say(Severity::error, place_of(*one.method),
                fmt::format("{} and {} take the same requests: {} {}", place->second->method->name, one.method->name,
                            one.rule.method, one.path.text()),
                "change one of the annotations, or name fewer services");
        }
        size_t i = 0;
        std::erase_if(all, [&](const auto&) { return lost[i++]; });
    }

    GrpcMapping* made_;
    const GrpcConfig* config_;
    const proxy::PathPattern* path_;
    std::string before_;
    std::vector<GrpcComplaint>* wrong_;
};

GrpcMappingPtr GrpcMapping::make(GrpcSchemaPtr schema, const GrpcConfig& config, const proxy::PathPattern& path,
                                 const std::string& rewrite, std::vector<GrpcComplaint>& wrong) {
    std::shared_ptr<GrpcMapping> made{new GrpcMapping};
    made->schema_ = std::move(schema);
    made->rules_ = config.rules();
    Maker{*made, config, path, rewrite, wrong}.run();
    for (const GrpcBinding& one : made->bindings_) {
        if (one.path.exact() && !one.whole_route) {
            made->exact_[one.path.text()].push_back(&one);
        } else {
            made->open_.push_back(&one);
        }
    }
    return made;
}

GrpcMapping::Found GrpcMapping::find(std::string_view method, std::string_view path) const {
    Found found;
    const auto takes = [&](const GrpcBinding& one) {
        if (one.rule.method == method || one.rule.method == "*") return true;
        const std::string_view other = one.rule.method;
        if (std::ranges::find(found.elsewhere, other) == found.elsewhere.end()) found.elsewhere.push_back(other);
        return false;
    };
    if (const auto known = exact_.find(path); known != exact_.end()) {
        for (const GrpcBinding* const one : known->second) {
            if (!takes(*one)) continue;
            found.binding = one;
            return found;
        }
    }
    const auto segments = UriTemplate::split(path);
    for (const GrpcBinding* const one : open_) {
        if (!one->whole_route && !one->path.match(segments, found.values)) continue;
        if (!takes(*one)) continue;
        found.binding = one;
        return found;
    }
    found.values.clear();
    return found;
}

}  // namespace tl::gateway
