#include "mesh/config.h"

namespace tl::mesh {

const manifest::Object<MeshConfig>& mesh_schema() {
    static const auto schema =
        manifest::Object<MeshConfig>("a service's calls")
            .field("calls", &MeshConfig::calls, manifest::list_of(manifest::dns_label("a service's name")).unique())
            .doc("The services that this one may call: everything else is refused with 403 not_allowed.")
            .example("[users, payments]")
            .include(&MeshConfig::traffic, proxy::traffic_schema());
    return schema;
}

}  // namespace tl::mesh
