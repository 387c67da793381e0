// One probe of one instance: asks, and says in words what came back. Ends by its time-out, whatever the instance does.
#pragma once

#include <string>

#include "net/tls.h"
#include "registry/config.h"
#include "registry/needs.h"
#include "rt/cancel.h"
#include "rt/task.h"

namespace tl::registry {

struct ProbeRequest {
    ProbeKind kind = ProbeKind::tcp;  // http, grpc, tcp or command
    std::string service;
    std::string instance;
    net::Address address;
    HealthConfig config;
    net::TlsClientPtr tls;  // nullptr: plain
    std::string host;       // that the certificate must name; "": the address
};

struct ProbeResult {
    bool well = false;
    std::string said;  // "GET /healthz answered 503"
};

// `commands` may be nullptr: then command probes fail. Cancelled early, the result means nothing.
[[nodiscard]] rt::Task<ProbeResult> probe(ProbeRequest request, CommandRunner* commands, rt::Cancel* cancel);

}  // namespace tl::registry
