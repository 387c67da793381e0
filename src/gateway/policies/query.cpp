#include "gateway/policies/query.h"

#include <fmt/format.h>

#include <algorithm>

#include "gateway/policies/policies.h"

namespace tl::gateway {

using manifest::list_of;
using manifest::map_of;
using manifest::text;
using proxy::RequestContext;

namespace {

constexpr size_t kMostQuery = 16 * 1024;  // twice what a client may send by default

std::string coded(std::string_view text) {
    std::string out;
    Template::append_coded(out, text, Template::Target::query);
    return out;
}

class QueryFilter final : public proxy::Filter {
  public:
    explicit QueryFilter(const QueryConfig& config) : config_(config) {}

    std::string_view name() const override { return "query"; }

    Verdict on_request(RequestContext& context) const override {
        codec::RequestHead& head = context.head();
        if (head.form == codec::TargetForm::asterisk) return Verdict::proceed;
        std::string query;
        if (!make(context, query)) {
            context.refusal = {proxy::Cause::bad_request, "the query that the gateway makes of it would be too long",
                               414};
            return Verdict::refuse;
        }
        head.query = context.arena.copy(query);
        // What goes on as it came is the target: it has to say the same.
        if (head.form == codec::TargetForm::origin)
            head.target = query.empty() ? head.path : context.arena.concat(head.path, "?", head.query);
        context.upstream_target = {};
        return Verdict::proceed;
    }

  private:
    // False: too long.
    [[nodiscard]] bool make(RequestContext& context, std::string& out) const {
        const auto append = [&](std::string_view pair) {
            if (!out.empty()) out += '&';
            out += pair;
        };
        std::string_view left = context.head().query;
        while (!left.empty()) {
            const std::string_view pair = left.substr(0, left.find('&'));
            left.remove_prefix(std::min(left.size(), pair.size() + 1));
            const size_t equals = std::min(pair.find('='), pair.size());
            const std::string_view name = decode_percent(pair.substr(0, equals), Plus::space, context.arena);
            if (is_dropped(name)) continue;
            const std::string* const renamed = config_.rename.find(name);
            append(renamed == nullptr ? std::string{pair} : coded(*renamed) + std::string{pair.substr(equals)});
        }
        for (const auto* list : {&config_.set, &config_.add}) {
            for (const auto& [name, value] : *list) {
                const std::string_view made = value.expand(context, Template::Target::parameter);
                if (made.empty()) continue;
                append(coded(name.value) + "=" + std::string{made});
                if (out.size() > kMostQuery) return false;
            }
        }
        return true;
    }
    [[nodiscard]] bool is_dropped(std::string_view name) const {
        const auto has = [&](const std::vector<std::string>& list) {
            return std::ranges::find(list, name) != list.end();
        };
        if (has(config_.remove) || config_.set.find(name) != nullptr) return true;
        if (!config_.only.empty() && !has(config_.only) && config_.rename.find(name) == nullptr) return true;
        // Beside a renamed parameter nobody may send one of the new name.
        const auto is_new_name = [&](const auto& item) { return item.value == name; };
        return std::ranges::any_of(config_.rename, is_new_name);
    }

    QueryConfig config_;
};

}  // namespace

const manifest::Object<QueryConfig>& query_schema() {
    const auto name = [] { return text("a query parameter"); };
    const auto value =
        manifest::custom<Template>("a value such as \"{path.id}\"", &Template::parse, &Template::text_of);
    static const auto schema = manifest::Object<QueryConfig>("a query policy")
                                   .position(&QueryConfig::at)
                                   .field("only", &QueryConfig::only, list_of(name()).at_most(100).or_single())
                                   .doc("Parameters of clients that go on; without: all.")
                                   .field("remove", &QueryConfig::remove, list_of(name()).at_most(100).or_single())
                                   .doc("Parameters that are taken out.")
                                   .field("rename", &QueryConfig::rename, map_of(name()).names(name()).at_most(100))
                                   .doc("Old name to new; one that has the new name already is dropped.")
                                   .field("set", &QueryConfig::set, map_of(value).names(name()).at_most(100))
                                   .doc("Parameters that have this one value afterwards, whatever was there.")
                                   .field("add", &QueryConfig::add, map_of(value).names(name()).at_most(100))
                                   .doc("Parameters that are added to what is there.");
    return schema;
}

void QueryConfig::check(const PolicyCheck& check) const {
    if (check.path == nullptr) return;
    for (const auto* map : {&set, &add}) {
        for (const auto& [name, value] : *map) value.check(*check.path, name.at, check.diagnostics);
    }
}

FilterPtr make_query_filter(const QueryConfig& config, const PolicyContext& /*context*/) {
    return std::make_shared<QueryFilter>(config);
}

}  // namespace tl::gateway
