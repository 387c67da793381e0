#include "gateway/auth/method.h"

#include "base/text.h"

namespace tl::gateway {

rt::Task<Finding> Method::check_later(proxy::RequestContext& /*context*/) const {
    co_return cannot_decide("there is nothing to wait for");
}

Finding refuse_credential(std::string why, std::string challenge) {
    Finding finding;
    finding.refusal = {.cause = proxy::Cause::unauthenticated, .detail = std::move(why)};
    if (!challenge.empty()) finding.refusal.headers.emplace_back("WWW-Authenticate", std::move(challenge));
    return finding;
}

Finding cannot_decide(std::string why, uint32_t retry_after) {
    Finding finding;
    finding.refusal = {.cause = proxy::Cause::policy_unavailable, .detail = std::move(why), .retry_after = retry_after};
    return finding;
}

std::optional<std::string_view> authorization(const codec::HeaderTable& headers, std::string_view scheme) {
    const codec::Header* const header = headers.find(codec::Field::authorization);
    if (header == nullptr) return std::nullopt;
    const std::string_view value = header->value;
    const size_t end = value.find(' ');
    if (!base::iequals(value.substr(0, end), scheme)) return std::nullopt;
    return end == std::string_view::npos ? std::string_view{} : base::trim(value.substr(end));
}

std::string quote(std::string_view text) {
    std::string out = "\"";
    for (const char c : text) {
        if (c >= ' ' && c < '\x7f' && c != '"' && c != '\\') out += c;
    }
    return out + '"';
}

}  // namespace tl::gateway
