// A Kong declarative file (`_format_version` 1.1, 2.1 or 3.0) sorted: which routes belong to which service and which
// plugins hold where, whether they were written inside or beside it. Points into the document, which lives longer.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "app/import/report.h"
#include "manifest/diagnostics.h"
#include "manifest/node.h"

namespace tl::app {

struct KongPlugin {
    std::string name;
    manifest::Position at;
    const manifest::Node* node = nullptr;
    const manifest::Node* config = nullptr;  // its own, or the one of _plugin_configs; nullptr: none

    [[nodiscard]] const manifest::Node& settings() const;  // an empty node where there is no config
};

// A service, a route, a consumer or an upstream.
struct KongEntity {
    std::string name;
    std::string id;
    const manifest::Node* node = nullptr;
    std::vector<KongPlugin> plugins;
};

struct KongService {
    KongEntity entity;
    std::vector<KongEntity> routes;
};

struct KongFile {
    int major = 3;  // of the format
    std::vector<KongPlugin> plugins;
    std::vector<KongService> services;
    std::vector<KongEntity> consumers;
    std::vector<KongEntity> upstreams;
};

// The diagnostic says why it is no such file.
[[nodiscard]] std::expected<KongFile, manifest::Diagnostic> read_kong(const manifest::Node& root, Report& report);

}  // namespace tl::app
