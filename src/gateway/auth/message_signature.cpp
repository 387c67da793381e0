#include "gateway/auth/message_signature.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "net/digest.h"

namespace tl::gateway {

using codec::StructuredBytes;
using codec::StructuredItem;

namespace {

constexpr const char* kInput = "Signature-Input";
constexpr const char* kSignature = "Signature";
constexpr size_t kMostField = 8 << 10;

std::expected<codec::StructuredDictionary, std::string> dictionary_of(const codec::HeaderTable& headers,
                                                                      const char* name) {
    const auto text = field_value(headers, name);
    if (!text) return std::unexpected(fmt::format("the request has no {}", name));
    if (text->size() > kMostField) return std::unexpected(fmt::format("{} is too long", name));
    auto read = codec::parse_dictionary(*text);
    if (!read || read->empty()) return std::unexpected(fmt::format("{} is no dictionary of RFC 8941", name));
    return std::move(*read);
}

// Host and port without the port that the scheme has by itself (2.2.3).
std::string normal_authority(std::string_view authority, bool secure) {
    std::string text = base::lower(authority);
    const std::string_view usual = secure ? ":443" : ":80";
    if (text.ends_with(usual)) text.resize(text.size() - usual.size());
    return text;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// Names and values of parameters in their one form (2.2.8): decoded as forms are, coded again.
std::string recoded(std::string_view text) {
    std::string to;
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i] == '+' ? ' ' : text[i];
        if (c == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0) {
            c = static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        }
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                           std::string_view{"*-._"}.contains(c);
        if (plain) {
            to += c;
        } else {
            to += fmt::format("%{:02X}", static_cast<unsigned char>(c));
        }
    }
    return to;
}

std::expected<std::string, std::string> query_parameter(const StructuredItem& component, std::string_view query) {
    const codec::StructuredBare* const given = codec::find_parameter(component.parameters, "name");
    const auto* const name = given == nullptr ? nullptr : std::get_if<std::string>(given);
    if (name == nullptr || component.parameters.size() != 1) return std::unexpected("@query-param needs one name");
    std::optional<std::string> found;
    while (!query.empty()) {
        const std::string_view pair = query.substr(0, query.find('&'));
        query.remove_prefix(std::min(query.size(), pair.size() + 1));
        const size_t equals = std::min(pair.find('='), pair.size());
        if (recoded(pair.substr(0, equals)) != *name) continue;
        if (found) return std::unexpected(fmt::format("the parameter {} is there twice", base::printable(*name)));
        found = recoded(pair.substr(std::min(equals + 1, pair.size())));
    }
    if (!found) return std::unexpected(fmt::format("there is no parameter {}", base::printable(*name)));
    return std::move(*found);
}

std::expected<std::string, std::string> derived(const StructuredItem& component, std::string_view name,
                                                const codec::RequestHead& head, bool secure) {
    if (name == "@query-param") return query_parameter(component, head.query);
    if (!component.parameters.empty())
        return std::unexpected(fmt::format("{} has a parameter that is not known", name));
    const std::string_view scheme = secure ? "https" : "http";
    if (name == "@method") return std::string{head.method_text};
    if (name == "@authority") return normal_authority(head.authority, secure);
    if (name == "@scheme") return std::string{scheme};
    if (name == "@path") return std::string{head.path};
    if (name == "@query") return fmt::format("?{}", head.query);
    if (name == "@request-target") return std::string{head.target};
    if (name == "@target-uri") {
        return fmt::format("{}://{}{}{}{}", scheme, normal_authority(head.authority, secure), head.path,
                           head.query.empty() ? "" : "?", head.query);
    }
    return std::unexpected(fmt::format("the component {} is not known", base::printable(name)));
}

}  // namespace

std::string_view MessageSignature::text(std::string_view parameter) const {
    const codec::StructuredBare* const value = codec::find_parameter(parameters, parameter);
    const auto* const found = value == nullptr ? nullptr : std::get_if<std::string>(value);
    return found == nullptr ? std::string_view{} : *found;
}

std::optional<int64_t> MessageSignature::number(std::string_view parameter) const {
    const codec::StructuredBare* const value = codec::find_parameter(parameters, parameter);
    const auto* const found = value == nullptr ? nullptr : std::get_if<int64_t>(value);
    return found == nullptr ? std::nullopt : std::optional{*found};
}

bool MessageSignature::covers(std::string_view component) const {
    return std::ranges::any_of(components, [&](const StructuredItem& one) {
        const auto* const name = std::get_if<std::string>(&one.value);
        return name != nullptr && *name == component && one.parameters.empty();
    });
}

std::expected<MessageSignature, std::string> find_signature(const codec::HeaderTable& headers, std::string_view label) {
    auto inputs = dictionary_of(headers, kInput);
    if (!inputs) return std::unexpected(std::move(inputs.error()));
    auto signatures = dictionary_of(headers, kSignature);
    if (!signatures) return std::unexpected(std::move(signatures.error()));
    if (label.empty() && inputs->size() != 1)
        return std::unexpected("the request has several signatures, and no label says which one counts");
    auto input = label.empty() ? inputs->begin()
                               : std::ranges::find(*inputs, label, &codec::StructuredDictionary::value_type::first);
    if (input == inputs->end()) return std::unexpected(fmt::format("the request has no signature \"{}\"", label));
    auto* const components = std::get_if<std::vector<StructuredItem>>(&input->second.value);
    const auto signature =
        std::ranges::find(*signatures, input->first, &codec::StructuredDictionary::value_type::first);
    const auto* const item =
        signature == signatures->end() ? nullptr : std::get_if<StructuredItem>(&signature->second.value);
    const auto* const bytes = item == nullptr ? nullptr : std::get_if<StructuredBytes>(&item->value);
    if (components == nullptr) return std::unexpected("Signature-Input names no list of components");
    if (bytes == nullptr) return std::unexpected("Signature has no bytes for what Signature-Input names");
    return MessageSignature{.label = input->first,
                            .components = std::move(*components),
                            .parameters = std::move(input->second.parameters),
                            .signature = bytes->bytes};
}

std::optional<std::string> field_value(const codec::HeaderTable& headers, std::string_view name) {
    std::optional<std::string> all;
    for (const codec::Header& header : headers) {
        if (!base::iequals(header.name, name)) continue;
        if (all) *all += ", ";
        if (!all) all.emplace();
        *all += base::trim(header.value);
    }
    return all;
}

std::expected<std::string, std::string> signature_base(const MessageSignature& signature,
                                                       const codec::RequestHead& head, bool secure) {
    std::string base;
    std::vector<std::string> seen;
    for (const StructuredItem& component : signature.components) {
        const auto* const name = std::get_if<std::string>(&component.value);
        if (name == nullptr || name->empty()) return std::unexpected("a component is no text");
        std::string identifier;
        codec::append_item(identifier, component);
        if (std::ranges::find(seen, identifier) != seen.end())
            return std::unexpected(fmt::format("the component {} is named twice", base::printable(identifier)));
        std::expected<std::string, std::string> value;
        if (name->starts_with('@')) {
            value = derived(component, *name, head, secure);
        } else if (!component.parameters.empty() || *name != base::lower(*name)) {
            value = std::unexpected(fmt::format("the component {} is not taken here", base::printable(identifier)));
        } else {
            auto found = field_value(head.headers, *name);
            if (!found) return std::unexpected(fmt::format("the request has no {}", base::printable(*name)));
            value = std::move(*found);
        }
        if (!value) return value;
        base += identifier + ": " + *value + '\n';
        seen.push_back(std::move(identifier));
    }
    base += "\"@signature-params\": ";
    std::string list;
    codec::append_inner_list(list, signature.components, signature.parameters);
    return base + list;
}

bool digest_fits(const codec::HeaderTable& headers, std::string_view body) {
    const auto text = field_value(headers, "Content-Digest");
    const auto digests = text ? codec::parse_dictionary(*text) : std::nullopt;
    if (!digests) return false;
    const auto found = std::ranges::find(*digests, "sha-256", &codec::StructuredDictionary::value_type::first);
    const auto* const item = found == digests->end() ? nullptr : std::get_if<StructuredItem>(&found->second.value);
    const auto* const given = item == nullptr ? nullptr : std::get_if<StructuredBytes>(&item->value);
    if (given == nullptr) return false;
    const net::Sha256 digest = net::sha256(body);
    return given->bytes == std::string_view{reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace tl::gateway
