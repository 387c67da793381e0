// Changes of the fields of requests and answers: remove, rename, set, add, in this order. What frames messages or
// belongs to one hop cannot be touched (RFC 9110 7.6.1), nor what Trunkline itself says about a client.
#pragma once

#include <string>
#include <vector>

#include "gateway/policies/context.h"
#include "gateway/policies/template.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct PolicyCheck;

struct HeaderChanges {
    std::vector<std::string> remove;
    manifest::OrderedMap<std::string> rename;
    manifest::OrderedMap<Template> set;
    manifest::OrderedMap<Template> add;
};

struct HeadersConfig {
    manifest::Position at;
    HeaderChanges request;
    HeaderChanges response;
    void check(const PolicyCheck& check) const;
};

// Takes out what names the bytes of a body that is another one now.
void remove_digests(codec::HeaderTable& headers);
// What is wrong with changing a field of that name; nullopt: nothing.
[[nodiscard]] std::optional<std::string> header_fault(std::string_view name);
[[nodiscard]] const manifest::Object<HeadersConfig>& headers_schema();
[[nodiscard]] FilterPtr make_headers_filter(const HeadersConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
