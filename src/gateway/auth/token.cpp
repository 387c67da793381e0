#include "gateway/auth/token.h"

#include <simdjson.h>

#include "codec/base64url.h"
#include "gateway/auth/strict_json.h"

namespace tl::gateway {

namespace {

constexpr size_t kMostKid = 256;

std::unexpected<base::Error> refuse(std::string_view why) { return base::fail(base::Code::invalid, std::string{why}); }

std::optional<nlohmann::json> object_of(std::string_view segment) {
    const auto bytes = codec::decode_base64url(segment);
    return bytes ? parse_strict_object(*bytes) : std::nullopt;
}

base::Result<void> read_header(const nlohmann::json& header, Token& token) {
    token.algorithm = text_at(header, "alg");
    token.type = text_at(header, "typ");
    if (token.algorithm.empty()) return refuse("the token names no algorithm");
    if (header.contains("crit")) return refuse("the token has a critical extension, and none is supported");
    if (header.contains("zip")) return refuse("the token is compressed");
    const auto kid = header.find("kid");
    if (kid == header.end()) return {};
    if (!kid->is_string()) return refuse("the token's kid is no text");
    token.kid = kid->get<std::string>();
    if (token.kid->size() > kMostKid) return refuse("the token's kid is too long");
    return {};
}

}  // namespace

base::Result<Token> parse_token(std::string_view text) {
    if (text.size() > kMostToken) return refuse("the token is too long");
    const size_t first = text.find('.');
    const size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
    if (second == std::string_view::npos || text.find('.', second + 1) != std::string_view::npos) {
        return refuse("the token has not the three parts of a signed one");
    }
    Token token;
    const auto header = object_of(text.substr(0, first));
    if (!header) return refuse("the token's header is no JSON object in base64url");
    TL_TRY(read_header(*header, token));
    auto claims = object_of(text.substr(first + 1, second - first - 1));
    if (!claims) return refuse("the token's payload is no JSON object in base64url");
    auto signature = codec::decode_base64url(text.substr(second + 1));
    if (!signature || signature->empty()) return refuse("the token has no signature");
    token.claims = std::move(*claims);
    token.signature = std::move(*signature);
    token.signed_part = text.substr(0, second);
    return token;
}

std::string claimed_issuer(std::string_view text) {
    const size_t first = text.find('.');
    const size_t second = first == std::string_view::npos ? first : text.find('.', first + 1);
    if (text.size() > kMostToken || second == std::string_view::npos) return {};
    const auto payload = codec::decode_base64url(text.substr(first + 1, second - first - 1));
    if (!payload) return {};
    thread_local simdjson::dom::parser parser;
    std::string_view issuer;
    if (parser.parse(*payload).at_key("iss").get(issuer) != simdjson::SUCCESS) return {};
    return std::string{issuer};
}

}  // namespace tl::gateway
