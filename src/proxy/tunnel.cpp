#include "proxy/tunnel.h"

#include "proxy/hop.h"
#include "proxy/relay.h"

namespace tl::proxy {

rt::Task<base::Result<void>> relay_tunnel(RequestContext& context, http::ClientExchange& upstream,
                                          codec::ResponseHead& head) {
    const std::string_view protocol = context.arena.copy(head.headers.value(codec::Field::upgrade));
    prepare_response(context, head);
    context.record.status = 101;
    context.record.set(telemetry::Record::kUpgraded);
    context.record.first_byte_ns = static_cast<uint64_t>((rt::this_loop().now() - context.began).count());
    const http::OutgoingResponse outgoing{.status = 101, .headers = &head.headers, .upgrade = protocol};
    auto sent = co_await context.exchange->send(outgoing, {{}, true});
    if (!sent) co_return sent;

    const http::Tunnel client = context.exchange->tunnel();
    const http::Tunnel server = upstream.tunnel();
    telemetry::Record& record = context.record;
    [[maybe_unused]] const RelayEnd end =
        co_await relay({.client = *client.stream,
                        .service = *server.stream,
                        .client_early = client.early,
                        .service_early = server.early},
                       {.idle = context.route->traffic.stream_idle, .cancel = &context.exchange->cancel()},
                       {.from_client = record.bytes_in, .from_service = record.bytes_out});
    co_return base::Result<void>{};
}

}  // namespace tl::proxy
