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

// Before a request whose answer's body is to be read or changed here: it has to come whole and uncoded, or the client
// could choose to get it past the policy. `compress` still knows what the client takes (context.accept_encoding).
void ask_for_readable_answer(proxy::RequestContext& context);
// Whether a body is packed in some way (Content-Encoding).
[[nodiscard]] bool is_coded(const codec::HeaderTable& headers);
// Whether the answer came so nonetheless; what did not must not go on.
[[nodiscard]] bool is_readable(uint16_t status, const codec::HeaderTable& headers);
// All values of a field, as one list.
[[nodiscard]] std::string all_values(const codec::HeaderTable& headers, std::string_view name);
// Takes out what names the bytes of a body that is another one now.
void remove_digests(codec::HeaderTable& headers);
// What is wrong with changing a field of that name; nullopt: nothing.
[[nodiscard]] std::optional<std::string> header_fault(std::string_view name);
[[nodiscard]] const manifest::Object<HeadersConfig>& headers_schema();
[[nodiscard]] FilterPtr make_headers_filter(const HeadersConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
