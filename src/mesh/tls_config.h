// What the manifest says about TLS to a service that others run: `tls` beside its `address`. Plain values; that files
// are there and fit together is checked in app/.
#pragma once

#include <optional>
#include <string>

#include "manifest/schema.h"

namespace tl::mesh {

struct ServiceTlsConfig {
    manifest::Position at;
    std::optional<manifest::Located<std::string>> ca;
    std::string name;
    std::optional<manifest::Located<std::string>> cert;
    std::optional<manifest::Located<std::string>> key;
};

[[nodiscard]] const manifest::Object<ServiceTlsConfig>& service_tls_schema();

}  // namespace tl::mesh
