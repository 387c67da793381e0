// A backend of an endpoint, read. Points into the document, which lives longer.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "app/import/draft.h"
#include "app/import/report.h"
#include "manifest/node.h"

namespace tl::app {

// What endpoints need of the whole file.
struct KrakendContext {
    Draft* draft = nullptr;
    Report* report = nullptr;
    std::vector<std::string> hosts;  // of backends that name none
    std::string timeout = "2s";
    std::string encoding = "json";
    double cache_seconds = 0;
    bool told_headers = false;                                      // that clients' headers go on
    const manifest::Node* api_keys = nullptr;                       // settings of auth/api-keys of the file
    std::map<std::string, std::string, std::less<>> services = {};  // by their hosts
};

struct KrakendBackend {
    const manifest::Node* node = nullptr;
    manifest::Position at;
    std::string service;
    std::string method;
    std::string path;                                        // with {placeholders} as KrakenD writes them
    std::vector<std::pair<std::string, std::string>> query;  // of the pattern
    std::string group;
    std::string target;
    std::string encoding;
    std::vector<std::string> allow;
    std::vector<std::string> deny;
    std::vector<std::pair<std::string, std::string>> mapping;
    bool collection = false;          // the answer is a list: paths above are those of its items
    std::string list = "collection";  // what the list is called
    bool shadow = false;              // gets a copy; nobody reads its answer
    const manifest::Node* extra = nullptr;
};

// Nothing: it cannot be asked by a route or a call, which was reported. Makes its service in the draft.
[[nodiscard]] std::optional<KrakendBackend> read_backend(const manifest::Node& node, const std::string& method,
                                                         KrakendContext& context);

// The settings of a namespace in an extra_config, or nullptr.
[[nodiscard]] const manifest::Node* extra_of(const manifest::Node* extra, std::string_view name);

}  // namespace tl::app
