// Which countries may ask, by a database of addresses in MaxMind's format (GeoLite2-Country, DB-IP ...). An address
// tells where a network is registered, not where a person sits: a rough sieve, no proof.
#pragma once

#include <string>
#include <vector>

#include "gateway/policies/context.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct PolicyCheck;

enum class UnknownCountry : uint8_t { allow, deny };

struct GeoConfig {
    manifest::Position at;
    manifest::Located<std::string> file;
    std::vector<std::string> allow;  // ISO 3166-1; empty: all
    std::vector<std::string> deny;   // wins
    UnknownCountry unknown = UnknownCountry::deny;
    void check(const PolicyCheck& check) const;
};

[[nodiscard]] const manifest::Object<GeoConfig>& geo_schema();
[[nodiscard]] FilterPtr make_geo_filter(const GeoConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
