// Which Redis several gateways share their limits through: `gateway.redis`.
#pragma once

#include <string>

#include "manifest/schema.h"

namespace tl::gateway {

struct RedisConfig {
    std::string address;        // host:port, rediss://host:port under TLS
    std::string ca;             // PEM file of who may have signed its certificate; "": the roots of the system
    std::string user;           // of an ACL; "": the default user
    std::string password_file;  // relative to the manifest; "": no password
    uint32_t database = 0;
    std::string prefix = "trunkline";  // of all keys
};

[[nodiscard]] const manifest::Object<RedisConfig>& redis_schema();

// "redis.internal:6379", "redis://..." or "rediss://..." in its parts; the port is 6379 unless it is said.
struct RedisPlace {
    std::string host;
    uint16_t port = 6379;
    bool tls = false;
};
[[nodiscard]] std::expected<RedisPlace, std::string> parse_redis_address(std::string_view text);

}  // namespace tl::gateway
