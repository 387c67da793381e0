#include "gateway/policies/redis_config.h"

#include <charconv>

#include "codec/http1.h"

namespace tl::gateway {

namespace {

std::optional<std::string> check_address(std::string_view text) {
    const auto place = parse_redis_address(text);
    if (place) return std::nullopt;
    return place.error();
}

std::optional<std::string> check_prefix(std::string_view text) {
    if (codec::is_token(text)) return std::nullopt;
    return "must be letters, digits and -._";
}

}  // namespace

std::expected<RedisPlace, std::string> parse_redis_address(std::string_view text) {
    const bool tls = text.starts_with("rediss://");
    for (const std::string_view scheme : {"redis://", "rediss://"}) {
        if (text.starts_with(scheme)) text.remove_prefix(scheme.size());
    }
    const size_t colon = text.rfind(':');
    const bool only_v6 = text.ends_with(']');
    RedisPlace place{.host = std::string{text}, .tls = tls};
    if (colon != std::string_view::npos && !only_v6) {
        const std::string_view port = text.substr(colon + 1);
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), place.port);
        if (error != std::errc{} || end != port.data() + port.size() || place.port == 0) {
            return std::unexpected("must end in a port, such as redis.internal:6379");
        }
        place.host = text.substr(0, colon);
    }
    if (place.host.empty() || !codec::is_valid_authority(place.host)) {
        return std::unexpected("must be a host with a port, such as redis.internal:6379");
    }
    return place;
}

const manifest::Object<RedisConfig>& redis_schema() {
    static const auto schema =
        manifest::Object<RedisConfig>("a Redis")
            .field("address", &RedisConfig::address, manifest::text("a host and port").check(check_address))
            .required()
            .doc("Host and port; the port is 6379 unless it is said. rediss://HOST:PORT speaks TLS.")
            .example("redis.internal:6379")
            .field("ca", &RedisConfig::ca, manifest::text("a PEM file"))
            .doc("Under TLS: the authorities that may have signed its certificate (PEM); read at each connection.")
            .default_is("those of the system")
            .field("user", &RedisConfig::user, manifest::text("a user's name").at_most(128))
            .doc("Of Redis' access list.")
            .default_is("Redis' default user")
            .field("password_file", &RedisConfig::password_file, manifest::text("a file"))
            .doc("A file that holds the password alone; read at each connection.")
            .default_is("no password")
            .field("database", &RedisConfig::database, manifest::integer().range(0, 15))
            .doc("Its number.")
            .field("prefix", &RedisConfig::prefix, manifest::text("a prefix of keys").at_most(64).check(check_prefix))
            .doc("What all keys begin with; gateways with the same one share.");
    return schema;
}

}  // namespace tl::gateway
