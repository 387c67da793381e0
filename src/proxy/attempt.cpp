#include "proxy/attempt.h"

#include <ranges>

#include "proxy/filter.h"
#include "proxy/hop.h"
#include "proxy/tunnel.h"

namespace tl::proxy {

using http::Piece;

namespace {

base::Error from_side(base::Error error, base::Side side) {
    error.side = side;
    return error;
}

}  // namespace

rt::Task<base::Result<void>> Attempt::run(UpgradeTo upgrade, rt::Wait wait) {
    auto pooled =
        co_await instance_->pool.acquire(upstream_->rule(), engine_->client_limits(), engine_->connections(), wait);
    if (!pooled) co_return base::fail(from_side(std::move(pooled.error()), base::Side::upstream));

    auto result = co_await exchange_on(pooled->connection->open_exchange(), upgrade, wait);
    const bool whole = pooled->connection->close_exchange();
    instance_->pool.give_back(std::move(*pooled), whole && result, upstream_->rule().pool);
    co_return result;
}

rt::Task<base::Result<void>> Attempt::exchange_on(http::ClientExchange& upstream, UpgradeTo upgrade, rt::Wait wait) {
    const codec::RequestHead& request = context_->head();
    const http::OutgoingRequest outgoing{.method = request.method_text,
                                         .target = context_->target(),
                                         .headers = &request.headers,
                                         .length = body_->length,
                                         .upgrade = upgrade.protocol,
                                         .trailers = upgrade.trailers};
    const rt::Wait bounded{wait.deadline, &stop_};
    nothing_sent_ = false;
    // Trailers go with a piece of their own: a first piece that ends the body has no place for them.
    const codec::HeaderTable& trailers = body_->exchange->trailers();
    const bool with_trailers = body_->first.end && !trailers.empty();
    auto sent = co_await upstream.send(outgoing, {body_->first.data, body_->first.end && !with_trailers}, bounded);
    if (sent && with_trailers) sent = co_await upstream.send_body({{}, true}, &trailers, bounded);
    context_->record.bytes_in = body_->first.data.size();
    // Even a failed send may have an answer waiting, such as a 413: so the head is awaited in any case.
    rt::Gate gate;
    pumping_ = sent && !body_->first.end;
    if (pumping_) gate.spawn("request body", pump_request(upstream));

    base::Result<void> result;
    // Who waits for 100 Continue sends nothing until the service has spoken: then it is the service that is waited for.
    const bool clients_turn = pumping_ && !request.expect_continue;
    auto head = co_await final_head(upstream, clients_turn ? rt::Wait{base::kNever, &stop_} : bounded);
    answered_.request();
    if (!head) {
        nothing_sent_ = !upstream.response_seen() && !upstream.request_may_have_arrived();
        result = base::fail(std::move(client_error_ ? *client_error_ : head.error()));
    } else if ((*head)->status == 101 && upgrade.protocol.empty()) {
        result = base::fail(base::Error{.code = base::Code::invalid,
                                        .side = base::Side::upstream,
                                        .context = "it switched protocols although nobody asked it to"});
    } else if ((*head)->status == 101) {
        result = co_await relay_tunnel(*context_, upstream, **head);
    } else {
        result = co_await relay_response(upstream, **head);
    }
    stop_.request();
    co_await gate.closed();
    co_return result;
}

// The final head; 1xx on the way are passed on to the client.
rt::Task<base::Result<codec::ResponseHead*>> Attempt::final_head(http::ClientExchange& upstream, rt::Wait wait) {
    for (;;) {
        auto head = co_await upstream.read_head(wait);
        if (!head) {
            if (late_) head.error() = rt::wake_error(rt::Wake::timeout, "waiting for the answer");
            if (late_) head.error().side = base::Side::upstream;
            // Cancelled because the client left, not because the instance failed.
            if (head.error().code == base::Code::cancelled) head.error().side = base::Side::downstream;
            co_return head;
        }
        if ((*head)->status >= 200 || (*head)->status == 101) co_return head;
        prepare_response(*context_, **head);
        const auto passed =
            co_await context_->exchange.send_informational({.status = (*head)->status, .headers = &(*head)->headers});
        if (!passed) co_return base::fail(from_side(passed.error(), base::Side::downstream));
        if (pumping_) wait.deadline = base::kNever;
    }
}

rt::Task<base::Result<void>> Attempt::relay_response(http::ClientExchange& upstream, codec::ResponseHead& head) {
    telemetry::Record& record = context_->record;
    // Before the fields of this hop are taken out: for HEAD the length is known by its field alone.
    const http::BodyLength length = upstream.response_length();
    prepare_response(*context_, head);
    for (const auto& filter : std::views::reverse(context_->route->filters)) filter->on_response(*context_, head);
    if (!context_->set_cookie.empty()) head.headers.add("Set-Cookie", context_->set_cookie);
    record.status = head.status;
    record.first_byte_ns = static_cast<uint64_t>((rt::this_loop().now() - context_->began).count());

    Piece piece;
    base::Error broken;
    bool whole = true;
    if (auto ready = upstream.try_read()) {
        whole = ready->has_value();
        if (whole) piece = **ready;
        if (!whole) broken = std::move(ready->error());
    }
    const http::OutgoingResponse outgoing{
        .status = head.status, .reason = head.reason, .headers = &head.headers, .length = length};
    const bool with_trailers = piece.end && !upstream.trailers().empty();
    auto sent = co_await context_->exchange.send(outgoing, {piece.data, piece.end && !with_trailers});
    if (sent && with_trailers) sent = co_await context_->exchange.send_body({{}, true}, &upstream.trailers());
    record.bytes_out += piece.data.size();
    while (whole && sent && !piece.end) {
        const rt::Wait silence =
            rt::this_loop().within(context_->route->traffic.stream_idle, &context_->exchange.cancel());
        auto next = co_await upstream.read(silence);
        whole = next.has_value();
        if (!whole) {
            broken = std::move(next.error());
            break;
        }
        piece = *next;
        sent = co_await context_->exchange.send_body(piece, piece.end ? &upstream.trailers() : nullptr);
        record.bytes_out += piece.data.size();
    }
    if (!sent) {
        record.set(telemetry::Record::kClientGone);
        co_return base::fail(from_side(std::move(sent.error()), base::Side::downstream));
    }
    if (whole) co_return base::Result<void>{};
    context_->exchange.abort();
    record.set(telemetry::Record::kTruncated);
    const bool left = broken.code == base::Code::cancelled;
    co_return base::fail(from_side(std::move(broken), left ? base::Side::downstream : base::Side::upstream));
}

// Sends what the client still sends; from then on the service has its time to answer.
rt::Task<void> Attempt::pump_request(http::ClientExchange& upstream) {
    co_await pump_body(upstream);
    const rt::Wait answer{base::deadline_after(rt::this_loop().now(), context_->route->traffic.timeout), &answered_};
    const rt::Wake wake = co_await rt::wait_for(answer);
    if (wake != rt::Wake::timeout) co_return;
    late_ = true;
    stop_.request();
}

// At the pace of the slower side; bounded by the silence that the client's and the service's limits allow.
rt::Task<void> Attempt::pump_body(http::ClientExchange& upstream) {
    const rt::Wait wait{base::kNever, &stop_};
    for (;;) {
        auto piece = co_await body_->exchange->read(wait);
        body_->read_on = true;
        if (piece && context_->mirror) engine_->mirrors().take(context_->mirror, *piece);
        if (!piece) {
            if (piece.error().code != base::Code::cancelled) {
                client_error_ = from_side(std::move(piece.error()), base::Side::downstream);
            }
            stop_.request();
            co_return;
        }
        const auto* trailers = piece->end ? &body_->exchange->trailers() : nullptr;
        const auto sent = co_await upstream.send_body(*piece, trailers, wait);
        context_->record.bytes_in += piece->data.size();
        // The instance takes no more; whether it has answered shows where its head is read.
        if (!sent || piece->end) co_return;
    }
}

}  // namespace tl::proxy
