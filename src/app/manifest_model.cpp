#include "app/manifest_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "app/manifest_checks.h"
#include "app/target.h"
#include "codec/http1.h"
#include "supervisor/environment.h"

namespace tl::app {

using namespace std::chrono_literals;
using manifest::Object;

namespace {

constexpr std::streamoff kMostBytes = 1 << 20;

std::optional<std::string> check_target(std::string_view text) {
    if (text.starts_with("unix:")) {
        if (text.starts_with("unix:/") && net::Address::parse(text)) return std::nullopt;
        return "must be unix: and a whole path of at most 107 bytes, such as unix:/run/orders.sock";
    }
    const auto target = parse_target(text);
    return target ? std::nullopt : std::optional{target.error()};
}

const Object<AddressConfig>& address_schema() {
    static const auto schema =
        Object<AddressConfig>("an instance's address")
            .field("at", &AddressConfig::at, manifest::text("HOST:PORT or unix:/PATH").check(check_target))
            .required()
            .doc("Where it is.")
            .example("10.0.0.5:9000")
            .field("version", &AddressConfig::version, manifest::text("a version").any_scalar())
            .doc("Of the service; for splits and rules by version.")
            .default_is("the service's")
            .field("zone", &AddressConfig::zone, manifest::dns_label("a zone's name"))
            .doc("Where it runs.")
            .default_is("the service's")
            .field("weight", &AddressConfig::weight, manifest::integer().range(1, 1000))
            .doc("Its part of the requests, beside the weights of the others.");
    return schema;
}

const Object<TelemetryConfig>& telemetry_schema() {
    static const auto schema =
        Object<TelemetryConfig>("telemetry")
            .field("access_log", &TelemetryConfig::access_log,
                   manifest::one_of<AccessLog>({{"auto", AccessLog::automatic},
                                                {"none", AccessLog::none},
                                                {"readable", AccessLog::readable},
                                                {"json", AccessLog::json}}))
            .doc("One record a request. auto: readable on a terminal, JSON lines elsewhere.")
            .field("access_file", &TelemetryConfig::access_file, manifest::text("a file"))
            .doc("Write access records there instead of to standard output; 64 MB, then one older file is kept.")
            .field("records", &TelemetryConfig::records, manifest::integer().range(256, 1 << 20))
            .doc("Requests that each thread remembers for `trunkline why`.");
    return schema;
}

std::optional<std::string> check_service_host(std::string_view host) {
    if (!host.empty() && codec::is_valid_authority(host)) return std::nullopt;
    return "is no host name; write \"client\" or a name such as api.example";
}

const Object<AdminConfig>& admin_schema() {
    static const auto schema =
        Object<AdminConfig>("the admin API")
            .field("listen", &AdminConfig::listen,
                   manifest::custom<net::Address>("a port or an address such as 127.0.0.1:9900", gateway::parse_listen,
                                                  [](const net::Address& a) { return a.to_string(); }))
            .doc("The admin API over HTTP, with a token. The Unix socket in the state folder is always there.");
    return schema;
}

}  // namespace

const Object<ServiceConfig>& service_schema() {
    static const auto schema =
        Object<ServiceConfig>("a service")
            .position(&ServiceConfig::at)
            .include(&ServiceConfig::run, supervisor::run_schema())
            .field("address", &ServiceConfig::address, manifest::list_of(address_schema().or_scalar("at")).or_single())
            .doc(
                "Where the service is, when others run it: HOST:PORT, unix:/PATH, or a map; a list for several "
                "instances.")
            .example("10.0.0.5:9000")
            .field("tls", &ServiceConfig::tls, mesh::service_tls_schema())
            .doc("Speak TLS to its addresses; https:// in front of them does the same with what is the default here.")
            .default_is("no TLS, unless the address begins with https://")
            .field("host", &ServiceConfig::host, manifest::text("\"client\", or a host name").check(check_service_host))
            .doc("What requests to it say in Host: \"client\" for what the client said, or a name such as api.example.")
            .default_is("the name in its address if that begins with https://, else client")
            .example("api.example")
            .field("zone", &ServiceConfig::zone, manifest::dns_label("a zone's name"))
            .doc("Where its instances run, as far as they do not say it themselves.")
            .default_is("the system's")
            .field("version_of", &ServiceConfig::version_of, manifest::dns_label("a service's name"))
            .doc("Its instances are instances of that service, of this \"version\": callers name that one.")
            .default_is("none: it is called by its own name")
            .field("accelerate", &ServiceConfig::accelerate, manifest::boolean())
            .doc(
                "Connections with it on this machine skip TCP where the kernel and the rights allow it. Its program "
                "must use its sockets plainly: see docs/acceleration.md.")
            .field("policies", &ServiceConfig::policies, gateway::policies_schema())
            .doc("What is done to requests from outside for this service, and what is asked of them.")
            .field("portal", &ServiceConfig::portal, manifest::boolean())
            .doc("Whether the portal shows routes that lead to it.")
            .include(&ServiceConfig::health, registry::service_health_schema())
            .include(&ServiceConfig::mesh, mesh::mesh_schema());
    return schema;
}

const Object<ContextConfig>& context_schema() {
    static const auto schema =
        Object<ContextConfig>("a context")
            .field("policies", &ContextConfig::policies, gateway::policies_schema())
            .doc(
                "What is done to requests from outside for its services, and what is asked of them. No service's name.")
            .rest(&ContextConfig::services,
                  manifest::map_of(service_schema()).names(manifest::dns_label("a service's name")));
    return schema;
}

const Object<Manifest>& manifest_schema() {
    static const auto schema =
        Object<Manifest>("the manifest")
            .doc("One system: its gateway, its bounded contexts, their services.")
            .field("system", &Manifest::system, manifest::dns_label("the system's name"))
            .required()
            .doc("The system's name.")
            .example("shop")
            .field("zone", &Manifest::zone, manifest::dns_label("a zone's name"))
            .doc("Where the gateway and the services run: callers prefer instances of their own zone.")
            .default_is("none")
            .field("mode", &Manifest::mode,
                   manifest::one_of<Mode>({{"development", Mode::development}, {"production", Mode::production}}))
            .doc("In development, answers of Trunkline's own explain themselves to whoever asks.")
            .field("gateway", &Manifest::gateway, gateway::gateway_schema())
            .doc("The public door.")
            .field("contexts", &Manifest::contexts,
                   manifest::map_of(context_schema()).names(manifest::dns_label("a context's name")))
            .doc("Bounded contexts and the services that they own.")
            .field("telemetry", &Manifest::telemetry, telemetry_schema())
            .doc("What is recorded, and where.")
            .field("admin", &Manifest::admin, admin_schema())
            .doc("The admin API.")
            .field("ports", &Manifest::ports, supervisor::ports_schema())
            .doc("Ports that instances get; the doors between services have those of the kernel.")
            .field("grace", &Manifest::grace, manifest::duration().range(0s, 1h))
            .doc("How long stopping may take before what is left is ended by force.");
    return schema;
}

std::vector<NamedService> services_of(const Manifest& manifest) {
    std::vector<NamedService> all;
    for (const auto& context : manifest.contexts) {
        for (const auto& service : context.value.services)
            all.push_back({&context.name.value, &service.name, &service.value});
    }
    return all;
}

std::vector<gateway::PolicyLevel> policies_of(const Manifest& manifest, const std::string& service) {
    for (const auto& context : manifest.contexts) {
        for (const auto& one : context.value.services) {
            if (one.name.value != service) continue;
            return {{"context " + context.name.value, &context.value.policies},
                    {"service " + service, &one.value.policies}};
        }
    }
    return {};
}

bool speaks_tls(const ServiceConfig& config) {
    return config.tls || std::ranges::any_of(config.address, [](const AddressConfig& address) {
               return address.at.value.starts_with("https://");
           });
}

std::string host_of(const ServiceConfig& config) {
    if (!config.host.empty()) return config.host == "client" ? "" : config.host;
    std::string host;
    for (const AddressConfig& address : config.address) {
        const auto target = parse_target(address.at.value);
        const bool named = target && target->https && !net::Address::from_ip(target->host, target->port);
        if (!named) return "";
        const std::string its = target->port == 443 ? target->host : fmt::format("{}:{}", target->host, target->port);
        if (!host.empty() && host != its) return "";
        host = its;
    }
    return host;
}

bool speaks_tcp(const ServiceConfig& config) { return config.mesh.traffic.protocol == proxy::Protocol::tcp; }

std::vector<std::string> tcp_services(const Manifest& manifest) {
    std::vector<std::string> names;
    for (const NamedService& service : services_of(manifest)) {
        if (speaks_tcp(*service.config)) names.push_back(service.name->value);
    }
    return names;
}

std::string zone_of(const Manifest& manifest, const ServiceConfig& service) {
    return service.zone.value_or(manifest.zone);
}

const std::string& callee_of(const NamedService& service) {
    return service.config->version_of ? service.config->version_of->value : service.name->value;
}

std::vector<std::string> calls_of(const ServiceConfig& config) {
    std::vector<std::string> calls;
    for (const auto& callee : config.mesh.calls) calls.push_back(callee.value);
    return calls;
}

std::vector<supervisor::ServiceSpec> specs_of(const Manifest& manifest, const std::string& folder) {
    std::vector<supervisor::ServiceSpec> specs;
    const std::vector<std::string> tcp = tcp_services(manifest);
    for (const NamedService& service : services_of(manifest)) {
        if (!service.config->run.run) continue;
        supervisor::ServiceSpec spec{.name = service.name->value,
                                     .run = service.config->run,
                                     .calls = calls_of(*service.config),
                                     .tcp = {},
                                     .version_of = service.config->version_of ? callee_of(service) : "",
                                     .folder = folder,
                                     .fingerprint = {}};
        std::ranges::copy_if(spec.calls, std::back_inserter(spec.tcp),
                             [&](const std::string& callee) { return std::ranges::find(tcp, callee) != tcp.end(); });
        spec.fingerprint = supervisor::fingerprint_files(spec);
        specs.push_back(std::move(spec));
    }
    return specs;
}

LoadedManifest read_manifest(std::string text, const std::string& file) {
    LoadedManifest loaded;
    loaded.file = file;
    loaded.folder = std::filesystem::absolute(file).parent_path().string();
    loaded.text = std::move(text);
    manifest::Document document =
        manifest::parse_document(loaded.text, std::filesystem::path{file}.filename().string());
    if (document.readable) {
        loaded.manifest = manifest_schema().parse(document.root, document.diagnostics);
        check_manifest(loaded.manifest, loaded.folder, document.diagnostics);
    }
    loaded.diagnostics = std::move(document.diagnostics);
    return loaded;
}

base::Result<LoadedManifest> load_manifest(const std::string& file) {
    std::ifstream in{file, std::ios::binary | std::ios::ate};
    if (!in || std::filesystem::is_directory(file)) {
        return base::fail(base::Code::not_found, "cannot read the manifest " + file + "; name it with --manifest FILE");
    }
    if (in.tellg() > kMostBytes) return base::fail(base::Code::too_large, file + " is larger than 1 MB");
    in.seekg(0);
    std::ostringstream text;
    text << in.rdbuf();
    return read_manifest(std::move(text).str(), file);
}

}  // namespace tl::app
