// Any bytes as a token and as a key set: what is taken apart can be put together again, nothing is believed without a
// key, and whatever is refused is refused with a word.
#include "codec/base64url.h"
#include "fuzz_support.h"
#include "gateway/auth/key_set.h"
#include "gateway/auth/token.h"
#include "gateway/auth/token_check.h"

namespace {

using namespace tl::gateway;
using tl::fuzz::require;

const KeySet& some_keys() {
    static const KeySet kKeys = *parse_key_set(
        R"({"keys":[{"kty":"OKP","crv":"Ed25519","kid":"e","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})");
    return kKeys;
}

void check_text(std::string_view text) {
    const auto token = parse_token(text);
    if (!token) {
        require(!token.error().context.empty(), "refused without a word");
        return;
    }
    const std::string again = std::string{token->signed_part} + "." + tl::codec::encode_base64url(token->signature);
    require(again == text, "a token has two spellings");
    TokenRules rules{.algorithms = {tl::net::SignatureAlgorithm::eddsa, tl::net::SignatureAlgorithm::rs256}};
    const TokenVerdict verdict = check_token(*token, some_keys(), rules, tl::base::WallTime{});
    require(verdict.identity == nullptr && !verdict.why.empty(), "a token that nobody has signed is believed");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check_text(bytes);
    // Its parts plain: header, payload and signature by lines, so that the fuzzer reaches what is inside.
    const size_t first = bytes.find('\n');
    const size_t second = first == std::string_view::npos ? first : bytes.find('\n', first + 1);
    if (second != std::string_view::npos) {
        check_text(tl::codec::encode_base64url(bytes.substr(0, first)) + "." +
                   tl::codec::encode_base64url(bytes.substr(first + 1, second - first - 1)) + "." +
                   tl::codec::encode_base64url(bytes.substr(second + 1)));
    }
    const auto set = parse_key_set(bytes);
    require(set ? !set->keys.empty() : !set.error().context.empty(), "an empty set, or no word");
    return 0;
}
