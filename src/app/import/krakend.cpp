#include "app/import/krakend.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "app/import/fields.h"
#include "app/import/krakend_endpoint.h"
#include "app/import/krakend_policies.h"
#include "base/units.h"
#include "manifest/diagnostics.h"

namespace tl::app {

using manifest::Diagnostic;
using manifest::Node;

namespace {

std::optional<Diagnostic> check_format(const Node& root) {
    const Node* const version = root.find("version");
    const Node* const endpoints = root.find("endpoints");
    if (!root.is_map() || (version == nullptr && endpoints == nullptr)) {
        return Diagnostic{.at = root.at,
                          .message = "this is no krakend.json: it has neither \"version\" nor \"endpoints\"",
                          .hint = {},
                          .kind = {}};
    }
    if (version == nullptr) {
        return Diagnostic{.at = root.at,
                          .message = "this krakend.json has no \"version\"",
                          .hint = "it must say \"version\": 3",
                          .kind = {}};
    }
    if (version->text == "2") {
        return Diagnostic{
            .at = version->at,
            .message = "this krakend.json is of version 2",
            .hint =
                "make it version 3 first: \"whitelist\" is \"allow\", \"blacklist\" \"deny\", \"headers_to_pass\" "
                "\"input_headers\", \"querystring_params\" \"input_query_strings\", and names such as "
                "github.com/devopsfaith/krakend-jose in \"extra_config\" are short ones such as auth/validator",
            .kind = {}};
    }
    if (version->text != "3") {
        return Diagnostic{
            .at = version->at,
            .message = fmt::format("there is no version \"{}\" of krakend.json", manifest::shown(version->text)),
            .hint = "3 is known here",
            .kind = {}};
    }
    if (endpoints != nullptr && !endpoints->is_null() && !endpoints->is_list())
        return Diagnostic{.at = endpoints->at, .message = "\"endpoints\" must be a list", .hint = {}, .kind = {}};
    return std::nullopt;
}

// Without the certificates it would be open to the network in cleartext, so then it stays on this machine.
void put_listen(Fields& fields, Draft& draft, Report& report) {
    const auto port = fields.number("port");
    const std::string ip = fields.text("listen_ip", "0.0.0.0");
    const auto number = static_cast<unsigned>(std::clamp(port.value_or(8080), 0.0, 65535.0));
    const Node* const tls = fields.take("tls");
    const Node* const disabled = tls == nullptr ? nullptr : tls->find("disabled");
    if (tls == nullptr || says_nothing(*tls) || (disabled != nullptr && disabled->text == "true")) {
        put(draft.gateway(), "listen", text_node(authority_of(ip, number), fields.at("port")));
        return;
    }
    report.to_do(
        fields.at("tls"), "\"tls\" of the file; until then the gateway listens on this machine alone",
        fmt::format("gateway.tls: {{ cert: FILE, key: FILE }}, and gateway.listen: {}", authority_of(ip, number)));
    put(draft.gateway(), "listen", text_node(authority_of("127.0.0.1", number), fields.at("port")));
}

void put_timeouts(Fields& fields, Draft& draft) {
    for (const auto& [mine, theirs] : {std::pair{"head", "read_header_timeout"},
                                       {"idle", "idle_timeout"},
                                       {"body", "read_timeout"},
                                       {"write", "write_timeout"}}) {
        const std::string value = fields.text(theirs);
        const auto time = base::parse_duration(value);
        if (time && *time > base::Duration::zero())
            put(child(draft.gateway(), "timeouts"), mine, word_node(value, fields.at(theirs)));
    }
}

}  // namespace

std::optional<Diagnostic> import_krakend(const Node& root, Draft& draft, Report& report) {
    if (auto wrong = check_format(root)) return wrong;
    Fields fields{root, "the file", report};
    KrakendContext context{.draft = &draft, .report = &report, .hosts = fields.list("host")};
    context.timeout = fields.text("timeout", context.timeout);
    context.encoding = fields.text("output_encoding", context.encoding);
    if (const auto ttl = base::parse_duration(fields.text("cache_ttl")))
        context.cache_seconds = std::chrono::duration<double>(*ttl).count();
    put_listen(fields, draft, report);
    put_timeouts(fields, draft);
    const Node* const extra = fields.take("extra_config");
    context.api_keys = extra_of(extra, "auth/api-keys");
    if (context.api_keys != nullptr) tell_api_keys(*context.api_keys, report);
    PolicyDraft all;
    translate_extra(extra, all, context);
    Node policies = all.take();
    if (!policies.entries.empty()) put(draft.gateway(), "policies", std::move(policies));
    for (const Node* const endpoint : fields.maps("endpoints")) translate_endpoint(*endpoint, context);
    fields.ignore({"$schema", "version", "name", "$id"});
    fields.tell("async_agent", "a service of yours reads the queue");
    fields.tell("plugin", "a script: policies: { lua: FILE }; or a service: policies: { ask: SERVICE }");
    fields.tell("allow_insecure_connections",
                "certificates are always verified: tls.ca of a service names the authorities");
    fields.tell("use_h2c", "HTTP/2 without TLS is spoken with clients that know it");
    fields.tell("debug_endpoint", "trunkline why");
    fields.tell("echo_endpoint", "a service of yours");
    fields.tell("client_tls", "tls of each service");
    fields.tell("sequential_start", "services start callees before callers");
    fields.ignore({"dns_cache_ttl", "disable_keep_alives", "disable_compression", "max_idle_connections",
                   "max_idle_connections_per_host", "idle_connection_timeout", "response_header_timeout",
                   "expect_continue_timeout", "dialer_timeout", "dialer_keep_alive", "dialer_fallback_delay",
                   "disable_rest"});
    fields.finish();
    return std::nullopt;
}

}  // namespace tl::app
