// The whole manifest as one struct: what the rooms declare for themselves, put together. The only place that knows that
// a service is run, probed and called by different rooms. Pure values; reading a file is load_manifest's.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gateway/config.h"
#include "manifest/document.h"
#include "manifest/schema.h"
#include "mesh/config.h"
#include "mesh/tls_config.h"
#include "registry/config.h"
#include "supervisor/config.h"

namespace tl::app {

struct ServiceConfig {
    manifest::Position at;
    supervisor::RunConfig run;
    std::vector<manifest::Located<std::string>> address;  // HOST:PORT or unix:/PATH of what others run
    std::optional<mesh::ServiceTlsConfig> tls;
    registry::ServiceHealthConfig health;
    mesh::MeshConfig mesh;
};

enum class AccessLog : uint8_t { automatic, none, readable, json };

struct TelemetryConfig {
    AccessLog access_log = AccessLog::automatic;
    std::string access_file;  // "": standard output
    uint32_t records = 4096;  // a core
};

struct AdminConfig {
    std::optional<manifest::Located<net::Address>> listen;
};

enum class Mode : uint8_t { development, production };

struct Manifest {
    std::string system;
    Mode mode = Mode::development;
    gateway::GatewayConfig gateway;
    manifest::OrderedMap<manifest::OrderedMap<ServiceConfig>> contexts;
    TelemetryConfig telemetry;
    AdminConfig admin;
    supervisor::PortsConfig ports;
    base::Duration grace = std::chrono::seconds{10};
};

[[nodiscard]] const manifest::Object<ServiceConfig>& service_schema();
[[nodiscard]] const manifest::Object<Manifest>& manifest_schema();

// A service with the names around it; points into the manifest.
struct NamedService {
    const std::string* context = nullptr;
    const manifest::Located<std::string>* name = nullptr;
    const ServiceConfig* config = nullptr;
};
[[nodiscard]] std::vector<NamedService> services_of(const Manifest& manifest);
// Whether connections to it are to be secured: an address says so, or `tls`.
[[nodiscard]] bool speaks_tls(const ServiceConfig& config);
[[nodiscard]] std::vector<std::string> calls_of(const ServiceConfig& config);
// What the supervisor runs of it: services with `run`. `folder` is the manifest's, absolute.
[[nodiscard]] std::vector<supervisor::ServiceSpec> specs_of(const Manifest& manifest, const std::string& folder);

struct LoadedManifest {
    Manifest manifest;
    manifest::Diagnostics diagnostics;
    std::string folder;  // absolute
    std::string file;    // as it was named
    std::string text;

    [[nodiscard]] bool good() const { return !diagnostics.has_errors(); }
};
using LoadedPtr = std::shared_ptr<const LoadedManifest>;

// Parses and makes every check that needs no running system. `file` is for messages and for the folder.
[[nodiscard]] LoadedManifest read_manifest(std::string text, const std::string& file);
// The same from a file; the error is that of reading it.
[[nodiscard]] base::Result<LoadedManifest> load_manifest(const std::string& file);

}  // namespace tl::app
