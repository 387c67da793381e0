// HTTP Message Signatures (RFC 9421) of requests: what a request says was signed, and the text that this stands for.
// Pure, but for what it reads of a request; which keys there are and what must be signed: signature.h.
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "codec/http1.h"
#include "codec/structured.h"

namespace tl::gateway {

struct MessageSignature {
    std::string label;
    std::vector<codec::StructuredItem> components;
    codec::StructuredParameters parameters;
    std::string signature;  // bytes

    [[nodiscard]] std::string_view text(std::string_view parameter) const;  // "" without
    [[nodiscard]] std::optional<int64_t> number(std::string_view parameter) const;
    [[nodiscard]] bool covers(std::string_view component) const;
};

// The request's only signature, or the one of that label; the error is one for people. Several without `label` are an
// error: which one should count?
[[nodiscard]] std::expected<MessageSignature, std::string> find_signature(const codec::HeaderTable& headers,
                                                                          std::string_view label);

// The signature base (section 2.5). The error names the component that is not there, not known, or there twice.
[[nodiscard]] std::expected<std::string, std::string> signature_base(const MessageSignature& signature,
                                                                     const codec::RequestHead& head, bool secure);

// A field's value as a component (section 2.1): all its lines, trimmed, joined by ", ".
[[nodiscard]] std::optional<std::string> field_value(const codec::HeaderTable& headers, std::string_view name);

// Whether Content-Digest (RFC 9530) says the SHA-256 of `body`.
[[nodiscard]] bool digest_fits(const codec::HeaderTable& headers, std::string_view body);

}  // namespace tl::gateway
