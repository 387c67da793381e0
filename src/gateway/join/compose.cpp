#include "gateway/join/compose.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "gateway/policies/json_changes.h"

namespace tl::gateway {

using Json = nlohmann::ordered_json;

namespace {

constexpr int kDeepest = 64;

Json picked(const Json& from, const std::vector<std::string>& fields) {
    if (from.is_array()) {
        Json all = Json::array();
        for (const Json& item : from) all.push_back(picked(item, fields));
        return all;
    }
    if (!from.is_object()) return from;
    Json some = Json::object();
    for (const std::string& field : fields) {
        if (const auto found = from.find(field); found != from.end()) some[field] = *found;
    }
    return some;
}

// Objects into objects; whatever else is there already stays.
void merge_deep(Json& into, const Json& from) {
    for (const auto& [key, value] : from.items()) {
        const auto there = into.find(key);
        if (there == into.end()) {
            into[key] = value;
        } else if (there->is_object() && value.is_object()) {
            merge_deep(*there, value);
        }
    }
}

}  // namespace

std::expected<Json, std::string> parse_answer(std::string_view text) {
    bool too_deep = false;
    const auto watch = [&too_deep](int depth, Json::parse_event_t /*event*/, Json& /*parsed*/) {
        too_deep = too_deep || depth > kDeepest;
        return !too_deep;
    };
    Json parsed = Json::parse(text, watch, false);
    if (too_deep) return std::unexpected(fmt::format("its JSON is more than {} levels deep", kDeepest));
    if (parsed.is_discarded()) return std::unexpected("its answer is no JSON");
    return parsed;
}

std::expected<Json, std::string> cut_answer(const JoinCall& call, Json answer) {
    if (call.take) {
        const Json* const part = call.take->in(answer);
        if (part == nullptr) return std::unexpected("its answer has no such part as \"take\" names");
        answer = Json(*part);
    }
    const bool deep = std::ranges::any_of(call.pick, [](const std::string& path) { return path.contains('.'); });
    if (deep) {
        answer = pick_paths(answer, {call.pick.begin(), call.pick.end()});
    } else if (!call.pick.empty()) {
        answer = picked(answer, call.pick);
    }
    for (const std::string& path : call.drop) drop_path(answer, path);
    for (const auto& [path, name] : call.rename) rename_path(answer, path, name);
    return answer;
}

std::expected<Json, std::string> compose(const JoinPlan& plan, std::vector<JoinedPart> parts) {
    Json document = Json::object();
    std::map<std::string, std::string> whose;  // key of the document to the call that it came from
    const auto put = [&](const JoinCall& call, const std::string& key, Json value) -> std::optional<std::string> {
        const auto [place, fresh] = whose.emplace(key, call.name);
        if (fresh) {
            document[key] = std::move(value);
            return std::nullopt;
        }
        switch (plan.collisions) {
            case Collision::error:
                return fmt::format("\"{}\" comes from call \"{}\" and from call \"{}\"", key, place->second, call.name);
            case Collision::first: break;
            case Collision::prefix: document[call.name + "_" + key] = std::move(value); break;
            case Collision::deep:
                if (document[key].is_object() && value.is_object()) merge_deep(document[key], value);
                break;
        }
        return std::nullopt;
    };
    Json missing = Json::array();
    for (JoinedPart& part : parts) {
        if (part.missing) missing.push_back(part.call->name);
        std::optional<std::string> collision;
        if (!part.call->merge) {
            collision = put(*part.call, part.call->name, std::move(part.value));
        } else if (part.value.is_object()) {
            for (auto& [key, value] : part.value.items()) {
                collision = put(*part.call, key, std::move(value));
                if (collision) break;
            }
        }
        if (collision) return std::unexpected(std::move(*collision));
    }
    if (!plan.missing.empty()) document[plan.missing] = std::move(missing);
    return document;
}

}  // namespace tl::gateway
