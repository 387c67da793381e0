#include "gateway/policies/opa_result.h"

#include "base/text.h"
#include "gateway/auth/strict_json.h"
#include "gateway/policies/authoriser.h"

namespace tl::gateway {

using nlohmann::json;

namespace {

constexpr size_t kMostReason = 200;
constexpr uint16_t kForbidden = 403;

Decision refused(std::string reason) {
    return {.allowed = false, .status = kForbidden, .keep = true, .headers = {}, .reason = std::move(reason)};
}

// Names to a text or a list of texts, one line each. False: something else is among them.
bool read_headers(const json& object, std::vector<std::pair<std::string, std::string>>& headers) {
    if (!object.is_object()) return false;
    for (const auto& [name, value] : object.items()) {
        const json list = value.is_array() ? value : json::array({value});
        for (const json& one : list) {
            if (!one.is_string()) return false;
            headers.emplace_back(name, one.get<std::string>());
        }
    }
    return true;
}

uint16_t read_status(const json& result) {
    const auto found = result.find("status");
    if (found == result.end() || !found->is_number_unsigned()) return kForbidden;
    const auto number = found->get<uint64_t>();
    return number >= 300 && number <= 499 ? static_cast<uint16_t>(number) : kForbidden;
}

std::expected<Decision, std::string> read_object(const json& result, const std::vector<std::string>& take,
                                                 const std::vector<std::string>& answer) {
    const auto allow = result.find("allow");
    if (allow == result.end() || !allow->is_boolean()) return refused("its result has no allow that is true or false");
    Decision decision{.allowed = allow->get<bool>(), .keep = true, .headers = {}, .reason = {}};
    decision.reason = base::printable(text_at(result, "reason"), kMostReason);
    std::vector<std::pair<std::string, std::string>> headers;
    const auto said = result.find("headers");
    if (said != result.end() && !read_headers(*said, headers)) return std::unexpected("its headers are not all texts");
    decision.headers = pick_headers(headers, decision.allowed ? take : answer);
    if (decision.allowed) return decision;
    // A status that nobody can be refused with changes nothing about the refusal.
    const uint16_t status = refusal_status(read_status(result), decision.headers);
    decision.status = status == 0 ? kForbidden : status;
    // A redirect and a cookie are meant for one client.
    for (const auto& [name, value] : decision.headers)
        decision.keep = decision.keep && !base::iequals(name, "Set-Cookie");
    decision.keep = decision.keep && decision.status >= 400;
    return decision;
}

}  // namespace

std::expected<Decision, std::string> parse_opa_result(std::string_view body, const std::vector<std::string>& take,
                                                      const std::vector<std::string>& answer) {
    const auto document = parse_strict_object(body);
    if (!document) return std::unexpected("its answer is no JSON object");
    const auto result = document->find("result");
    // The API answers so when no rule of that path gives a value.
    if (result == document->end()) return refused("undefined");
    if (result->is_boolean()) {
        return Decision{
            .allowed = result->get<bool>(), .status = kForbidden, .keep = true, .headers = {}, .reason = {}};
    }
    if (result->is_object()) return read_object(*result, take, answer);
    return refused("its result is neither true nor false nor an object");
}

}  // namespace tl::gateway
