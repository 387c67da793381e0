#include "proxy/tunnel.h"

#include "proxy/hop.h"
#include "rt/gate.h"

namespace tl::proxy {

namespace {

// What both directions share.
struct TunnelState {
    rt::Cancel stop;
    base::TimePoint last_moved;
    base::Duration idle;

    explicit TunnelState(rt::Cancel& parent, base::Duration most_idle)
        : stop(&parent), last_moved(rt::this_loop().now()), idle(most_idle) {}
};

// False when the direction has broken or idled out.
rt::Task<bool> wait_for_more(net::Stream& from, TunnelState& state) {
    for (;;) {
        const rt::Wait wait{base::deadline_after(state.last_moved, state.idle), &state.stop};
        const rt::Wake wake = co_await from.readiness().wait_readable(wait);
        if (wake == rt::Wake::ready) co_return true;
        const bool other_moved = rt::this_loop().now() - state.last_moved < state.idle;
        if (wake == rt::Wake::cancelled || !other_moved) co_return false;
    }
}

// After so many bytes in one go others get their turn: two fast peers would keep the core otherwise.
constexpr size_t kTurn = 256 * 1024;

rt::Task<void> relay(net::Stream& from, net::Stream& to, std::string_view early, TunnelState& state, uint64_t& bytes) {
    base::Buffer buffer;
    size_t turn = 0;
    if (!early.empty()) buffer.append(early);
    for (;;) {
        if (!buffer.empty()) {
            // Bounded, for the other direction may have ended and watches no more.
            const rt::Wait taken{base::deadline_after(rt::this_loop().now(), state.idle), &state.stop};
            const auto written = co_await to.write_all(buffer.view(), taken);
            if (!written) break;
            bytes += buffer.size();
            state.last_moved = rt::this_loop().now();
            buffer.clear();
        }
        const net::IoResult got = from.try_read(buffer.writable());
        if (got.status == net::IoStatus::ok) {
            buffer.commit(got.bytes);
            turn += got.bytes;
            if (turn >= kTurn) {
                turn = 0;
                co_await rt::yield();
            }
            continue;
        }
        if (got.status == net::IoStatus::end) {
            to.shutdown_write();
            co_return;
        }
        if (got.status == net::IoStatus::failed) break;
        buffer.release();
        const bool more = co_await wait_for_more(from, state);
        if (!more) break;
    }
    state.stop.request();
}

}  // namespace

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
    TunnelState state{context.exchange->cancel(), context.route->traffic.stream_idle};
    rt::Gate gate;
    gate.spawn("tunnel to the service",
               relay(*client.stream, *server.stream, client.early, state, context.record.bytes_in));
    gate.spawn("tunnel to the client",
               relay(*server.stream, *client.stream, server.early, state, context.record.bytes_out));
    co_await gate.closed();
    co_return base::Result<void>{};
}

}  // namespace tl::proxy
