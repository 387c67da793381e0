// Values that policies make of a request: "/v2{request.path}", "{claim.sub}". Parsed once, when the manifest is loaded;
// expanded into the request's arena. A value of a request is data, never syntax: what could end a line or a parameter
// is percent-coded. Immutable, shared by cores.
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "manifest/diagnostics.h"
#include "manifest/value.h"
#include "proxy/request_context.h"

namespace tl::gateway {

class Template {
  public:
    // Where the text goes to: what must be percent-coded in it.
    enum class Target : uint8_t {
        header,     // control bytes
        document,   // nothing: whoever writes the document escapes it
        parameter,  // the same, and in what the manifest says beside the values
        query,      // all but unreserved characters (RFC 3986 2.3)
    };

    // "{{" and "}}" are braces. The error reads after the text: "names "...", which is ...; did you mean "..."?".
    [[nodiscard]] static std::expected<Template, std::string> parse(std::string_view text);
    // The same, where {response.status} is known too.
    [[nodiscard]] static std::expected<Template, std::string> parse_response(std::string_view text);
    static void append_coded(std::string& out, std::string_view text, Target target);
    [[nodiscard]] static std::string text_of(const Template& one) { return one.text_; }

    // "" when all its placeholders have nothing to say: an identity that nobody has makes no empty header.
    [[nodiscard]] std::string_view expand(proxy::RequestContext& context, Target target, uint16_t status = 0) const;
    // Complains about parameters of the path that `path` has not.
    void check(const proxy::PathPattern& path, manifest::Position at, manifest::Diagnostics& diagnostics) const;

    enum class Source : uint8_t {
        literal,
        request_method,
        request_path,
        request_query,
        request_host,
        request_scheme,
        path,
        query,
        header,
        cookie,
        client_ip,
        identity_subject,
        identity_method,
        identity_plan,
        identity_scopes,
        identity_roles,
        claim,
        trace_id,
        route,
        service,
        response_status,
    };

  private:
    struct Part {
        Source source = Source::literal;
        std::string text;  // the literal, or the name behind the dot
    };
    static std::expected<Template, std::string> parse_for(std::string_view text, bool response);
    static std::expected<Part, std::string> parse_name(std::string_view name, bool response);

    std::string text_;
    std::vector<Part> parts_;
};

// The value of a query parameter, percent-decoded, '+' a space; nullptr data if it is not there.
[[nodiscard]] std::string_view query_value(std::string_view query, std::string_view name, base::Arena& arena);
// Percent-decoded; broken codes stay as they are. In a query '+' is a space, in a path it is itself.
enum class Plus : uint8_t { space, itself };
[[nodiscard]] std::string_view decode_percent(std::string_view text, Plus plus, base::Arena& arena);

}  // namespace tl::gateway
