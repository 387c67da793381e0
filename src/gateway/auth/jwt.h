// Bearer tokens (RFC 6750) that are JSON Web Tokens. Checked on the data core: 20 to 150 us for a new one, a hash for
// one that was seen before. Only what the keys cannot say waits for newer ones.
#pragma once

#include "gateway/auth/key_source.h"
#include "gateway/auth/method.h"
#include "gateway/auth/token_check.h"

namespace tl::gateway {

struct JwtOptions {
    TokenRules rules;
    std::string realm;
    base::Duration wait = std::chrono::seconds{2};  // for keys, a request at most
    bool keep = true;                               // the service gets the token, too
};

// `keys` shared by all routes with the same source; `slot` of the key source and all of `options`.
[[nodiscard]] MethodPtr make_jwt_method(JwtOptions options, std::shared_ptr<KeySource> keys, proxy::StateSlot slot);
// Tokens of several issuers, each held against the rules of the one that it names: `issuers` to their methods, at least
// one.
[[nodiscard]] MethodPtr make_issuers_method(std::vector<std::pair<std::string, MethodPtr>> issuers, std::string realm);
// HS256, HS384, HS512: who can check such a token can make one.
[[nodiscard]] MethodPtr make_jwt_method(JwtOptions options, std::shared_ptr<const KeySet> keys, proxy::StateSlot slot);

}  // namespace tl::gateway
