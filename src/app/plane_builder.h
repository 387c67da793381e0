// From a manifest to what the cores need: doors with their routes, upstreams, and which sockets those doors want.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "app/core_worker.h"
#include "app/manifest_model.h"
#include "gateway/policies/context.h"

namespace tl::app {

struct WantedDoor {
    std::string key;
    net::Address address;  // port 0: any free one on loopback
    bool tls = false;
};

struct PlanePlan {
    PlaneSnapshotPtr snapshot;
    std::vector<WantedDoor> doors;
};

// Keys of a workload's doors.
[[nodiscard]] std::string callee_door_key(std::string_view caller, std::string_view callee);
[[nodiscard]] std::string tcp_door_key(std::string_view caller, std::string_view callee);
[[nodiscard]] std::string proxy_door_key(std::string_view caller);
// Of the gateway's.
inline constexpr std::string_view kGatewayDoor = "gateway ";
inline constexpr std::string_view kGatewayTcpDoor = "gateway tcp ";

// What doors and upstreams use of TLS, made from files (app/tls_store.h).
struct PlaneTls {
    net::TlsServerPtr server;                          // of the gateway
    net::TlsServerPtr tcp_server;                      // of its ports of TCP: the same, without a protocol of HTTP
    std::map<std::string, net::TlsClientPtr> clients;  // by service
};

// What a plane is made of beside the manifest.
struct PlaneParts {
    PlaneTls tls;
    base::HashKey cookie_secret;              // hides instances in sticky cookies
    gateway::PolicyHome* policies = nullptr;  // nullptr: nothing of policies outlives this plane
};

[[nodiscard]] PlanePlan build_plane(const LoadedManifest& loaded, telemetry::NameTable& names,
                                    telemetry::SeriesTable& series, const PlaneParts& parts = {});

}  // namespace tl::app
