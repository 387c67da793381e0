// Passwords against their hashes, as /etc/shadow and htpasswd write them (crypt(5)): bcrypt ($2b$, $2y$, $2a$),
// yescrypt ($y$), SHA-512 ($6$) and SHA-256 ($5$); and Argon2 (RFC 9106; $argon2id$, $argon2i$) as its own program
// writes it, with 256 MB, 16 passes and 16 lanes at most. Slow by design, a quarter of a second is usual: never on a
// core that serves requests.
#pragma once

#include <string>
#include <string_view>

namespace tl::net {

// False for what is no such hash, and for methods that are fast to guess (MD5, SHA-1, DES, plain text).
[[nodiscard]] bool is_password_hash(const std::string& hash);

// `password` holds no NUL byte, or it is wrong.
[[nodiscard]] bool password_matches(const std::string& password, const std::string& hash);

}  // namespace tl::net
