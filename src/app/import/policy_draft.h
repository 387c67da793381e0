// What the plugins or settings of one place become: policies, and what stands beside them. Shared by the imports.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "app/import/draft.h"
#include "app/import/report.h"

namespace tl::app {

struct PolicyDraft {
    manifest::Node policies = manifest::Node::map();
    bool closed = false;      // something that protects could not be translated
    unsigned terminated = 0;  // all requests are answered this status; 0: they are not
    uint64_t body = 0;        // bytes that `gateway.limits.body` must allow

    // The policy's map, made if there is none. Valid until another policy is added.
    [[nodiscard]] manifest::Node& of(std::string_view policy, manifest::Position at) {
        return child(policies, policy, at);
    }
    // Its policies, closed if they have to be. Moves them out.
    [[nodiscard]] manifest::Node take();
};

// A value for a template: what is a brace in the text stays one.
[[nodiscard]] std::string template_text(std::string_view text);
// Whether `check` refuses changes of this field, because Trunkline writes it itself.
[[nodiscard]] bool is_own_field(std::string_view name);

// Adds to a list of texts under `key`; makes it.
void append(manifest::Node& map, std::string_view key, const std::vector<std::string>& texts, manifest::Position at);

// One change of a header, done under `key` of `headers.request` or `headers.response`: set, add, rename. What cannot be
// is reported: fields of Trunkline's own, and values that are secrets.
struct HeaderChange {
    std::string_view side;  // "request", "response"
    std::string_view key;
    std::string name;
    std::string value;  // a template; of rename the new name
    manifest::Position at;
};
void change_header(PolicyDraft& draft, HeaderChange change, Report& report);
void remove_header(PolicyDraft& draft, std::string_view side, const std::string& name, manifest::Position at,
                   Report& report);
// The same for a parameter of the query: set, add.
void change_query(PolicyDraft& draft, std::string_view key, const std::string& name, const std::string& value,
                  manifest::Position at, Report& report);

}  // namespace tl::app
