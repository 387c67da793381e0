#include "proxy/hop.h"

#include <algorithm>

#include "base/text.h"
#include "proxy/door.h"

namespace tl::proxy {

using codec::Field;
using codec::HeaderTable;

namespace {

// The fields that never leave the hop that they came by. Content-Length is here because sessions frame bodies anew.
bool is_hop_by_hop(Field field) {
    switch (field) {
        case Field::connection:
        case Field::content_length:
        case Field::keep_alive:
        case Field::proxy_authenticate:
        case Field::proxy_authorization:
        case Field::proxy_connection:
        case Field::te:
        case Field::transfer_encoding:
        case Field::upgrade: return true;
        default: return false;
    }
}

// Fields that Connection may not take away: routing, framing and identity depend on them, and what the gateway says
// about a client must not vanish at the client's word.
bool is_protected(Field field) {
    switch (field) {
        case Field::host:
        case Field::expect:
        case Field::traceparent:
        case Field::x_request_id:
        case Field::forwarded:
        case Field::x_forwarded_client_cert:
        case Field::x_forwarded_for:
        case Field::x_forwarded_host:
        case Field::x_forwarded_proto: return true;
        default: return false;
    }
}

bool names_field(std::string_view connection, std::string_view name) {
    for (;;) {
        const size_t comma = connection.find(',');
        if (base::iequals(base::trim(connection.substr(0, comma)), name)) return true;
        if (comma == std::string_view::npos) return false;
        connection.remove_prefix(comma + 1);
    }
}

// All lines of Connection as one value (RFC 9110 5.3).
std::string_view connection_of(const HeaderTable& headers, base::Arena& arena) {
    std::string_view all;
    for (const codec::Header& header : headers) {
        if (header.field != Field::connection) continue;
        all = all.empty() ? header.value : arena.concat(all, ",", header.value);
    }
    return all;
}

// Names no field that would have to go.
bool is_plain(std::string_view connection) {
    return connection.empty() || base::iequals(connection, "keep-alive") || base::iequals(connection, "close") ||
           base::iequals(connection, "upgrade");
}

void remove_hop_by_hop(HeaderTable& headers, base::Arena& arena) {
    const std::string_view connection = connection_of(headers, arena);
    const bool plain = is_plain(connection);
    const auto unwanted = [&](const codec::Header& header) {
        if (is_hop_by_hop(header.field)) return true;
        return !plain && !is_protected(header.field) && names_field(connection, header.name);
    };
    if (std::ranges::any_of(headers, unwanted)) headers.remove_if(unwanted);
}

}  // namespace

void begin_trace(RequestContext& context, base::Random& random) {
    const codec::RequestHead& head = context.head();
    telemetry::Record& record = context.record;
    const auto given = telemetry::parse_traceparent(head.headers.value(Field::traceparent));
    if (given) {
        context.trace = telemetry::child_of(*given, random);
        record.parent = given->span;
        record.set(telemetry::Record::kParentGiven);
    } else {
        context.trace = telemetry::new_trace(random);
    }
    record.trace = context.trace.trace;
    record.span = context.trace.span;
    record.start_ns = base::wall_now().time_since_epoch().count();
    record.door = context.door.kind;
    record.caller = context.door.caller;
    record.set_method(static_cast<uint8_t>(head.method), head.method_text);
    record.path.set(head.path);
    record.client = telemetry::ClientAddress::from(context.client_address().raw());
    record.request_id.set(head.headers.value(Field::x_request_id));
}

void drop_connection_options(RequestContext& context) {
    codec::RequestHead& head = context.head();
    const std::string_view connection = connection_of(head.headers, context.arena);
    if (is_plain(connection)) return;
    head.headers.remove_if([&](const codec::Header& header) {
        return !is_hop_by_hop(header.field) && !is_protected(header.field) && names_field(connection, header.name);
    });
    head.headers.set(Field::connection, head.upgrade ? "upgrade" : "close");  // for the next hop it is written anew
}

bool accepts_trailers(const HeaderTable& headers) {
    const codec::Header* const te = headers.find(Field::te);
    return te != nullptr && names_field(te->value, "trailers");
}

std::string_view prepare_request(RequestContext& context, std::string_view host) {
    codec::RequestHead& head = context.head();
    // A copy: the rule may change while the request is on its way.
    if (!host.empty()) [[unlikely]]
        head.authority = context.arena.copy(host);
    // An upgrade to h2c would open a way around every rule of this proxy, so it is not passed on.
    const bool upgrades = head.upgrade && head.framing == codec::Framing::none &&
                          !base::iequals(head.headers.value(Field::upgrade), "h2c");
    const std::string_view protocol = upgrades ? context.arena.copy(head.headers.value(Field::upgrade)) : "";
    remove_hop_by_hop(head.headers, context.arena);
    head.headers.set(Field::host, head.authority.empty() ? std::string_view{context.route->service} : head.authority);

    char* const trace = context.arena.allocate(telemetry::kTraceparentSize);
    telemetry::write_traceparent(context.trace,
                                 std::span<char, telemetry::kTraceparentSize>{trace, telemetry::kTraceparentSize});
    head.headers.set(Field::traceparent, {trace, telemetry::kTraceparentSize});
    if (head.headers.find(Field::x_request_id) == nullptr) {
        // The trace id's 32 digits stand behind "00-" in the traceparent.
        const std::string_view id{trace + 3, 32};
        head.headers.add(Field::x_request_id, id);
        context.record.request_id.set(id);
    }
    return protocol;
}

void prepare_response(RequestContext& context, codec::ResponseHead& head) {
    remove_hop_by_hop(head.headers, context.arena);
    if (!context.door.show_trace) return;
    const std::string_view trace = context.head().headers.value(Field::traceparent);
    head.headers.set("X-Trace-Id", trace.substr(3, 32));
}

}  // namespace tl::proxy
