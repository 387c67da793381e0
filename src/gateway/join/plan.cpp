#include "gateway/join/plan.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tl::gateway {

namespace {

using manifest::Located;

std::vector<std::string> names_of(const JoinConfig& config) {
    std::vector<std::string> names;
    for (const auto& call : config.calls) names.push_back(call.name.value);
    return names;
}

// "{order.items}" alone.
std::optional<AnswerReference> parse_each(std::string_view text) {
    if (!text.starts_with('{') || !text.ends_with('}')) return std::nullopt;
    return AnswerReference::parse(text.substr(1, text.size() - 2));
}

// Every value of a call, with the place where it was written.
template <class Visit>
void for_each_value(const JoinCallConfig& call, Visit visit) {
    visit(call.path);
    for (const auto& one : call.query) visit(one.value);
    for (const auto& one : call.headers) visit(one.value);
}

// Names that values may point at: the calls, and the item where there is one.
std::vector<std::string> pointed_at(const JoinConfig& config, const JoinCallConfig& call) {
    std::vector<std::string> names = names_of(config);
    if (call.each) names.emplace_back(kItem);
    return names;
}

std::vector<std::string> needs_of(const JoinConfig& config, const JoinCallConfig& call) {
    std::vector<std::string> needs;
    for_each_value(call, [&](const Located<std::string>& value) {
        const auto parsed = JoinTemplate::parse(value.value, pointed_at(config, call));
        if (parsed) std::ranges::copy(parsed->needs(), std::back_inserter(needs));
    });
    if (call.each) {
        if (const auto each = parse_each(call.each->value)) needs.push_back(each->call);
    }
    std::erase(needs, kItem);
    std::ranges::sort(needs);
    const auto again = std::ranges::unique(needs);
    needs.erase(again.begin(), again.end());
    return needs;
}

size_t index_of(const JoinConfig& config, std::string_view name) {
    const auto names = names_of(config);
    return static_cast<size_t>(std::ranges::find(names, name) - names.begin());
}

// A way from `from` back to itself: "a, b"; "" if there is none.
std::string find_cycle(const JoinConfig& config, size_t from) {
    std::vector<std::string> way;
    std::vector<bool> seen(config.calls.size(), false);
    const auto visit = [&](const auto& self, size_t at) -> bool {
        way.push_back(config.calls.begin()[static_cast<ptrdiff_t>(at)].name.value);
        for (const std::string& need : needs_of(config, config.calls.begin()[static_cast<ptrdiff_t>(at)].value)) {
            const size_t next = index_of(config, need);
            if (next == from) return true;
            if (next >= seen.size() || seen[next]) continue;
            seen[next] = true;
            if (self(self, next)) return true;
        }
        way.pop_back();
        return false;
    };
    return visit(visit, from) ? base::join(way, ", ") : std::string{};
}

void check_call(const JoinConfig& config, const std::string& name, const JoinCallConfig& call,
                manifest::Diagnostics& diagnostics) {
    for_each_value(call, [&](const Located<std::string>& value) {
        const auto parsed = JoinTemplate::parse(value.value, pointed_at(config, call));
        if (!parsed)
            diagnostics.error(value.at, fmt::format("\"{}\" {}", manifest::shown(value.value), parsed.error()));
    });
    if (!call.each) return;
    const auto each = parse_each(call.each->value);
    if (!each) {
        diagnostics.error(call.each->at, fmt::format("each of call \"{}\" must be one reference", name),
                          "write it as \"{order.items}\"");
    } else if (index_of(config, each->call) >= config.calls.size()) {
        diagnostics.error(
            call.each->at,
            fmt::format("each of call \"{}\" names \"{}\", which is no call", name, manifest::shown(each->call)),
            manifest::did_you_mean(each->call, names_of(config)));
    }
}

JoinTemplate parsed(const JoinConfig& config, const JoinCallConfig& call, const std::string& text) {
    return JoinTemplate::parse(text, pointed_at(config, call)).value();
}

JoinCall make_call(const JoinConfig& config, const std::string& name, const JoinCallConfig& from,
                   const PolicyContext& context) {
    JoinCall call{.name = name,
                  .route = context.target(from.to.value),
                  .method = from.method,
                  .path = parsed(config, from, from.path.value),
                  .pick = from.pick,
                  .drop = from.drop,
                  .body = from.body,
                  .optional = from.optional || from.fallback,
                  .merge = from.merge,
                  .parallel = from.parallel,
                  .most = from.most,
                  .timeout = from.timeout};
    for (const auto& one : from.query) call.query.emplace_back(one.name.value, parsed(config, from, one.value.value));
    for (const auto& one : from.headers)
        call.headers.emplace_back(one.name.value, parsed(config, from, one.value.value));
    for (const auto& one : from.rename) call.rename.emplace_back(one.name.value, one.value);
    if (from.each) call.each = parse_each(from.each->value);
    for (const std::string& need : needs_of(config, from)) call.after.push_back(index_of(config, need));
    if (!from.take.empty()) call.take = AnswerReference::parse("answer." + from.take);
    if (from.fallback) call.fallback = nlohmann::ordered_json::parse(from.fallback->value);
    return call;
}

}  // namespace

void check_join(const JoinConfig& config, const manifest::Names& services, manifest::Diagnostics& diagnostics) {
    static const std::vector<std::string> kTaken{"request",  "path",  "query", "header", "cookie",   "client",
                                                 "identity", "claim", "trace", "route",  "response", "item"};
    for (const auto& [name, call] : config.calls) {
        if (std::ranges::find(kTaken, name.value) != kTaken.end() ||
            name.value.find_first_of(".{}") != std::string::npos) {
            diagnostics.error(name.at, fmt::format("a call cannot be named \"{}\"", manifest::shown(name.value)),
                              "values of the request are named so; choose another name without \".\", \"{\", \"}\"");
        }
        services.check(call.to, fmt::format("call \"{}\" goes to", name.value), diagnostics);
        check_call(config, name.value, call, diagnostics);
    }
    for (size_t i = 0; i < config.calls.size(); ++i) {
        const auto& [name, call] = config.calls.begin()[static_cast<ptrdiff_t>(i)];
        const std::string cycle = find_cycle(config, i);
        if (cycle.empty()) continue;
        diagnostics.error(name.at, fmt::format("call \"{}\" waits for its own answer: {}", name.value, cycle),
                          "take one of the references out");
        return;  // the others of the circle say the same
    }
}

JoinPlan make_join_plan(const JoinConfig& config, const PolicyContext& context) {
    JoinPlan plan{
        .calls = {}, .collisions = config.collisions, .missing = config.missing, .most_items = config.most_items};
    for (const auto& [name, call] : config.calls) {
        plan.calls.push_back(make_call(config, name.value, call, context));
        plan.wants_body = plan.wants_body || call.body;
    }
    return plan;
}

}  // namespace tl::gateway
