// Networks as keys of the manifest take them: one or a list.
#pragma once

#include "manifest/schema.h"
#include "net/prefix_set.h"

namespace tl::gateway {

[[nodiscard]] inline auto prefix_list() {
    return manifest::list_of(manifest::custom<net::Prefix>("an IP address or a network such as 10.0.0.0/8",
                                                           &net::Prefix::parse, &net::Prefix::text_of))
        .or_single();
}

}  // namespace tl::gateway
