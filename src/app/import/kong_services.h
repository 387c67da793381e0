// Services and upstreams of Kong as services of a manifest.
#pragma once

#include <string>
#include <vector>

#include "app/import/kong_file.h"
#include "manifest/node.h"

namespace tl::app {

struct KongTarget {
    manifest::Node service;  // without policies
    std::string path;        // in front of what it is asked for, without a trailing slash
    std::string wanted;      // its name, as far as it has one
    bool usable = false;     // reported, otherwise
};

[[nodiscard]] KongTarget translate_service(const KongService& service, const KongFile& file, Report& report);

}  // namespace tl::app
