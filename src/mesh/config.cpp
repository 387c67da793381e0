#include "mesh/config.h"

namespace tl::mesh {

using namespace std::chrono_literals;

namespace {

const manifest::Object<RetryConfig>& retry_schema() {
    static const auto schema =
        manifest::Object<RetryConfig>("a retry rule")
            .field("attempts", &RetryConfig::attempts, manifest::integer().range(1, 8))
            .doc("Tries in all, the first included. Only what is safe to repeat, or was never sent, is tried again.");
    return schema;
}

}  // namespace

const manifest::Object<MeshConfig>& mesh_schema() {
    static const auto schema =
        manifest::Object<MeshConfig>("a service's calls")
            .field("calls", &MeshConfig::calls, manifest::list_of(manifest::dns_label("a service's name")).unique())
            .doc("The services that this one may call: everything else is refused with 403 not_allowed.")
            .example("[users, payments]")
            .field("timeout", &MeshConfig::timeout, manifest::duration().range(1ms, 1h))
            .doc("For requests to this service: until the head of its answer, retries included.")
            .field("stream_idle", &MeshConfig::stream_idle, manifest::duration().range(1ms, 24h))
            .doc("Silence after which a streamed answer or an upgraded connection to it ends.")
            .field("retry", &MeshConfig::retry, retry_schema())
            .doc("Tries of a request to this service on other instances.");
    return schema;
}

}  // namespace tl::mesh
