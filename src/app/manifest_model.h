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

// An instance that others run.
struct AddressConfig {
    manifest::Located<std::string> at;   // HOST:PORT or unix:/PATH
    std::optional<std::string> version;  // nothing: the service's
    std::optional<std::string> zone;     // nothing: the service's
    uint32_t weight = 1;
};

struct ServiceConfig {
    manifest::Position at;
    supervisor::RunConfig run;
    std::optional<mesh::ServiceTlsConfig> tls;
    std::vector<AddressConfig> address;
    std::string host;                                          // see host_of
    std::optional<std::string> zone;                           // where it runs; nothing: the system's
    std::optional<manifest::Located<std::string>> version_of;  // the service whose instances its own are
    bool accelerate = false;                                   // connections with its processes may be joined
    registry::ServiceHealthConfig health;
    mesh::MeshConfig mesh;
    gateway::Policies policies;  // of routes that lead to it
    bool portal = true;          // these routes may be shown there
};

struct ContextConfig {
    gateway::Policies policies;  // of routes that lead to its services
    manifest::OrderedMap<ServiceConfig> services;
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
    std::string zone;  // where all of it runs, unless a service says otherwise
    Mode mode = Mode::development;
    gateway::GatewayConfig gateway;
    manifest::OrderedMap<ContextConfig> contexts;
    TelemetryConfig telemetry;
    AdminConfig admin;
    supervisor::PortsConfig ports;
    base::Duration grace = std::chrono::seconds{10};
};

[[nodiscard]] const manifest::Object<ServiceConfig>& service_schema();
[[nodiscard]] const manifest::Object<ContextConfig>& context_schema();
[[nodiscard]] const manifest::Object<Manifest>& manifest_schema();

// A service with the names around it; points into the manifest.
struct NamedService {
    const std::string* context = nullptr;
    const manifest::Located<std::string>* name = nullptr;
    const ServiceConfig* config = nullptr;
};
// The service that requests for its instances name: itself, or the one that it is a version of.
[[nodiscard]] const std::string& callee_of(const NamedService& service);
[[nodiscard]] std::vector<NamedService> services_of(const Manifest& manifest);
// The levels of policies between the gateway and a route to `service`; they point into the manifest.
[[nodiscard]] std::vector<gateway::PolicyLevel> policies_of(const Manifest& manifest, const std::string& service);
// Whether connections to it are to be secured: an address says so, or `tls`.
[[nodiscard]] bool speaks_tls(const ServiceConfig& config);
// What requests to it say in Host; "": what the client said. Where nothing is written, an address such as
// https://api.example is a foreign one, which knows itself by that name alone.
[[nodiscard]] std::string host_of(const ServiceConfig& config);
// Whether it takes connections of TCP, no requests. Of a version: whether the service does that it is a version of.
[[nodiscard]] bool speaks_tcp(const ServiceConfig& config);
// The names of all services that do.
[[nodiscard]] std::vector<std::string> tcp_services(const Manifest& manifest);
// Where a service runs; "" when nobody said.
[[nodiscard]] std::string zone_of(const Manifest& manifest, const ServiceConfig& service);
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
