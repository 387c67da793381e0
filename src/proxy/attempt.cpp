#include "proxy/attempt.h"

#include <algorithm>
#include <array>
#include <ranges>

#include "proxy/deadline.h"
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

Outcome outcome_of(const base::Error& error) {
    switch (error.code) {
        case base::Code::cert_expired:
        case base::Code::cert_mismatch:
        case base::Code::cert_untrusted:
        case base::Code::handshake:
        case base::Code::unreachable: return Outcome::connect_failed;
        case base::Code::timeout: return Outcome::timeout;
        default: return Outcome::reset;
    }
}

// Answers by which a service says that it cannot serve; a 500 is one request's mistake, and an answer.
bool says_unavailable(uint16_t status) { return status >= 502 && status <= 504; }

std::string_view number_of_try(size_t made) {
    constexpr std::array<std::string_view, 9> kNumbers{"0", "1", "2", "3", "4", "5", "6", "7", "8"};
    return kNumbers[std::min(made, kNumbers.size() - 1)];
}

}  // namespace

rt::Task<base::Result<void>> Attempt::run() {
    begin();
    const base::Duration try_timeout = context_->route->traffic.try_timeout;
    const rt::Wait whole{all_->wait.deadline, &stop_};
    const rt::Wait wait = try_timeout.count() == 0 ? whole : whole.until(base::deadline_after(began_, try_timeout));
    const PoolLimits& limits = all_->upstream.rule().pool;
    std::optional<PooledConnection> pooled = instance_->pool.try_acquire(all_->upstream.rule());
    if (!pooled) {
        auto made = co_await instance_->pool.acquire(all_->upstream.rule(), all_->engine.client_limits(),
                                                     all_->engine.connections(), wait);
        if (!made) {
            // Cancelled: the client has left, or another try has won.
            const bool left = made.error().code == base::Code::cancelled;
            made.error().side = left ? base::Side::downstream : base::Side::upstream;
            base::Result<void> failed = base::fail(std::move(made.error()));
            end(failed);
            co_return failed;
        }
        pooled = std::move(*made);
    }
    reused_ = pooled->reused;
    auto result = co_await exchange_on(pooled->connection->open_exchange(), wait);
    const bool whole_messages = pooled->connection->close_exchange();
    instance_->pool.give_back(std::move(*pooled), whole_messages && (result || dropped_), limits);
    end(result);
    co_return result;
}

void Attempt::begin() {
    began_ = asked_ = rt::this_loop().now();
    all_->retry.count(*instance_);
    all_->upstream.hold(*instance_);
    all_->upstream.try_begins(*instance_, began_);
}

// Once: how the instance did, for those who decide by it what it and its service get from now on.
void Attempt::tell(Verdict verdict, bool breaker_fails) {
    if (std::exchange(told_, true)) return;
    const base::TimePoint now = rt::this_loop().now();
    const base::Duration took = now - began_;
    Upstream& upstream = all_->upstream;
    upstream.try_ended(*instance_, verdict, took, now);
    if (verdict != Verdict::none) {
        upstream.breaker().count(all_->admission.pass(), breaker_fails, took, now);
        upstream.observe(*instance_, verdict == Verdict::success ? Outcome::success : Outcome::failure, took);
    }
    if (verdict == Verdict::success) upstream.limiter().count_answer(now - asked_, now);
}

void Attempt::answered(uint16_t status) {
    status_ = status;
    tell(status >= 500 ? Verdict::failure : Verdict::success, says_unavailable(status));
}

// A call that ends badly behind its first message: its head had counted as an answer, now it counts as a failure too.
void Attempt::call_ended(const codec::ResponseHead& head, const codec::HeaderTable& trailers) {
    if (head.status != 200 || status_ != 200) return;
    const Answer answer{.status = head.status,
                        .head = &head.headers,
                        .end = &trailers,
                        .call = codec::grpc_status_in(trailers).value_or(codec::GrpcStatus::unknown)};
    const uint16_t status = judged_status(answer, context_->call_deadline != base::kNever);
    if (status < 500) return;
    status_ = status;
    const base::TimePoint now = rt::this_loop().now();
    all_->upstream.try_begins(*instance_, now);
    all_->upstream.try_ended(*instance_, Verdict::failure, {}, now);
    if (says_unavailable(status)) all_->upstream.breaker().count(all_->admission.pass(), true, {}, now);
}

Verdict Attempt::verdict_on(const base::Error& error) const {
    if (error.side != base::Side::upstream) return Verdict::none;
    // It had closed an idle connection, as it may.
    if (reused_ && nothing_sent_ && error.code != base::Code::timeout) return Verdict::none;
    // Too little time was the caller's doing.
    const bool hurried = context_->shortened || rt::this_loop().now() >= context_->call_deadline;
    if (error.code == base::Code::timeout && hurried) return Verdict::none;
    return Verdict::failure;
}

void Attempt::end(const base::Result<void>& result) {
    const base::TimePoint now = rt::this_loop().now();
    const bool lost = race_ != nullptr && race_->winner != nullptr && race_->winner != this;
    Outcome outcome = status_ >= 500 ? Outcome::failure : Outcome::success;
    if (!result && !dropped_) outcome = lost ? Outcome::abandoned : outcome_of(result.error());
    const bool upstreams_fault = !result && result.error().side == base::Side::upstream;
    const bool client_left = !result && status_ == 0 && !nothing_sent_ && context_->exchange->cancel().requested();
    if (client_left) all_->upstream.limiter().count_left(now - asked_, now);
    tell(result ? Verdict::success : verdict_on(result.error()), true);
    telemetry::Record& record = context_->record;
    const telemetry::NameId answering = record.instance;
    record.add_attempt(instance_->name, began_ - context_->began, now - began_, static_cast<uint8_t>(outcome));
    if (lost && answering != telemetry::kNoName) record.instance = answering;
    if (!lost && (result || upstreams_fault)) all_->engine.report(all_->upstream, *instance_, outcome);
    all_->used = {.sent = !nothing_sent_, .body_intact = !all_->body->read_on};
    all_->upstream.release(*instance_);
}

rt::Task<base::Result<void>> Attempt::exchange_on(http::ClientExchange& upstream, rt::Wait wait) {
    codec::RequestHead& request = context_->head();
    RequestBody& body = *all_->body;
    tell_deadline(*context_, wait.deadline, rt::this_loop().now());
    const size_t made = all_->retry.made();
    if (made > 1) request.headers.set(kRequestAttempt, number_of_try(made));
    const http::OutgoingRequest outgoing{.method = request.method_text,
                                         .target = context_->target(),
                                         .headers = &request.headers,
                                         .length = body.length,
                                         .upgrade = all_->upgrade_to,
                                         .trailers = all_->takes_trailers};
    nothing_sent_ = false;
    // Trailers go with a piece of their own: a first piece that ends the body has no place for them.
    const codec::HeaderTable& trailers = body.exchange->trailers();
    const bool with_trailers = body.first.end && !trailers.empty();
    auto sent = co_await upstream.send(outgoing, {body.first.data, body.first.end && !with_trailers}, wait);
    if (sent && with_trailers) sent = co_await upstream.send_body({{}, true}, &trailers, wait);
    context_->record.bytes_in = body.first.data.size();
    // Even a failed send may have an answer waiting, such as a 413: so the head is awaited in any case.
    rt::Gate gate;
    pumping_ = sent && !body.first.end;
    if (pumping_) {
        all_->admission.begin_upload();
        gate.spawn("request body", pump_request(upstream));
    }

    base::Result<void> result;
    // Who waits for 100 Continue sends nothing until the service has spoken: then it is the service that is waited for.
    const bool clients_turn = pumping_ && !request.expect_continue;
    auto head = co_await final_head(upstream, clients_turn ? rt::Wait{context_->call_deadline, &stop_} : wait);
    answered_.request();
    if (!head) {
        nothing_sent_ = !upstream.response_seen() && !upstream.request_may_have_arrived();
        result = base::fail(std::move(client_error_ ? *client_error_ : head.error()));
    } else if ((*head)->status == 101 && all_->upgrade_to.empty()) {
        result = base::fail(base::Error{.code = base::Code::invalid,
                                        .side = base::Side::upstream,
                                        .context = "it switched protocols although nobody asked it to"});
    } else if (lost_race()) {
        result = base::fail(base::Code::cancelled, "another try was faster");
        result.error().side = base::Side::downstream;
    } else if (dropped(upstream, **head)) {
        result = base::fail(base::Error{.code = base::Code::unavailable,
                                        .side = base::Side::upstream,
                                        .context = "its answer was an error, and another try was better"});
    } else if ((*head)->status == 101) {
        all_->admission.free_place();
        result = co_await relay_tunnel(*context_, upstream, **head);
    } else {
        all_->admission.free_place();
        result = co_await relay_response(upstream, **head);
    }
    stop_.request();
    if (gate.count() > 0) co_await gate.closed();
    co_return result;
}

// Whether another has the word already; it has this one otherwise.
bool Attempt::lost_race() {
    if (race_ == nullptr) return false;
    if (race_->winner == nullptr) {
        race_->winner = this;
        all_->choice->settle(*instance_);
        race_->changed.notify_all();
    }
    return race_->winner != this;
}

// The answer, and how the call has ended if it has: in its head alone, or in trailers that came with a head.
Answer Attempt::judge(http::ClientExchange& upstream, const codec::ResponseHead& head) {
    Answer answer{.status = head.status, .head = &head.headers};
    if (!context_->grpc || head.status != 200) [[likely]]
        return answer;
    early_ = upstream.try_read();
    const bool ended = early_ && *early_ && (*early_)->end;
    if (!ended) return answer;
    answer.end = codec::grpc_status_in(head.headers) ? &head.headers : &upstream.trailers();
    answer.call = codec::grpc_status_in(*answer.end).value_or(codec::GrpcStatus::unknown);
    return answer;
}

// Whether another try is better than this answer. What has come of its body is read, so that the connection can stay.
bool Attempt::dropped(http::ClientExchange& upstream, const codec::ResponseHead& head) {
    const Answer answer = judge(upstream, head);
    answered(judged_status(answer, context_->call_deadline != base::kNever));
    dropped_ = all_->retry.rather_than(answer, {.sent = true, .body_intact = !all_->body->read_on});
    while (dropped_) {
        const auto piece = upstream.try_read();
        if (!piece || !*piece || (*piece)->end) break;
    }
    return dropped_;
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
        // Of two tries beside each other nobody has the word yet.
        if (race_ != nullptr) continue;
        prepare_response(*context_, **head);
        const auto passed =
            co_await context_->exchange->send_informational({.status = (*head)->status, .headers = &(*head)->headers});
        if (!passed) co_return base::fail(from_side(passed.error(), base::Side::downstream));
        if (pumping_) wait.deadline = context_->call_deadline;
    }
}

rt::Task<base::Result<void>> Attempt::relay_response(http::ClientExchange& upstream, codec::ResponseHead& head) {
    telemetry::Record& record = context_->record;
    // Before the fields of this hop are taken out: for HEAD the length is known by its field alone.
    const http::BodyLength length = upstream.response_length();
    prepare_response(*context_, head);
    run_on_response(*context_, head);
    if (!context_->set_cookie.empty()) head.headers.add("Set-Cookie", context_->set_cookie);
    record.status = head.status;
    record.first_byte_ns = static_cast<uint64_t>((rt::this_loop().now() - context_->began).count());

    Piece piece;
    base::Error broken;
    bool whole = true;
    if (auto ready = early_ ? std::exchange(early_, std::nullopt) : upstream.try_read()) {
        whole = ready->has_value();
        if (whole) piece = **ready;
        if (!whole) broken = std::move(ready->error());
    }
    const http::OutgoingResponse outgoing{
        .status = head.status, .reason = head.reason, .headers = &head.headers, .length = length};
    const bool with_trailers = piece.end && !upstream.trailers().empty();
    auto sent = co_await context_->exchange->send(outgoing, {piece.data, piece.end && !with_trailers});
    if (sent && with_trailers) sent = co_await context_->exchange->send_body({{}, true}, &upstream.trailers());
    record.bytes_out += piece.data.size();
    while (whole && sent && !piece.end) {
        auto next = co_await upstream.read(silence());
        if (!next && client_moves(next.error())) continue;
        whole = next.has_value();
        if (!whole) {
            broken = std::move(next.error());
            break;
        }
        piece = *next;
        sent = co_await context_->exchange->send_body(piece, piece.end ? &upstream.trailers() : nullptr);
        record.bytes_out += piece.data.size();
    }
    if (!sent) {
        record.set(telemetry::Record::kClientGone);
        co_return base::fail(from_side(std::move(sent.error()), base::Side::downstream));
    }
    if (whole && context_->grpc) {
        note_grpc_status(record, head, upstream.trailers());
        call_ended(head, upstream.trailers());
    }
    if (whole) co_return base::Result<void>{};
    auto failed = co_await end_broken(std::move(broken));
    co_return failed;
}

// The answer has broken off behind its head. A call can say so in good order; anything else is cut off.
rt::Task<base::Result<void>> Attempt::end_broken(base::Error broken) {
    bool left = broken.code == base::Code::cancelled;
    broken.side = left ? base::Side::downstream : base::Side::upstream;
    // The request broke off, and the call with it.
    if (left && context_->grpc && client_error_) broken = *client_error_, left = false;
    context_->record.set(telemetry::Record::kTruncated);
    bool told = false;
    if (context_->grpc && !left) {
        const auto sent = co_await end_grpc_call(*context_, broken);
        told = sent.has_value();
    }
    if (!told) context_->exchange->abort();
    co_return base::fail(std::move(broken));
}

// How long the next piece of the answer is waited for. A request that breaks off ends a call, and nothing else.
rt::Wait Attempt::silence() {
    rt::Cancel& cancel = context_->grpc ? stop_ : context_->exchange->cancel();
    const bool whole = context_->transcoding != nullptr && context_->transcoding->unary();
    const rt::Wait wait = rt::this_loop().within(context_->route->traffic.stream_idle, &cancel);
    return wait.until(whole ? std::min(all_->wait.deadline, context_->call_deadline) : context_->call_deadline);
}

// The answer is silent, but the request is not: such is a call in which only the client has something to say.
bool Attempt::client_moves(const base::Error& error) const {
    const base::TimePoint now = rt::this_loop().now();
    return error.code == base::Code::timeout && context_->grpc && pumping_ && now < context_->call_deadline &&
           now < base::deadline_after(moved_, context_->route->traffic.stream_idle);
}

// Sends what the client still sends; from then on the service has its time to answer.
rt::Task<void> Attempt::pump_request(http::ClientExchange& upstream) {
    co_await pump_body(upstream);
    asked_ = rt::this_loop().now();
    all_->admission.end_upload();
    const rt::Wait answer{base::deadline_after(rt::this_loop().now(), context_->route->traffic.timeout), &answered_};
    const rt::Wake wake = co_await rt::wait_for(answer);
    if (wake != rt::Wake::timeout) co_return;
    late_ = true;
    stop_.request();
}

// At the pace of the slower side; bounded by the silence that the client's and the service's limits allow. In a call
// the client may be silent as long as the service is not.
rt::Task<void> Attempt::pump_body(http::ClientExchange& upstream) {
    const rt::Wait wait{base::kNever, &stop_};
    const base::Duration idle = context_->route->traffic.stream_idle;
    RequestBody& body = *all_->body;
    body.keep_first();
    for (;;) {
        moved_ = rt::this_loop().now();
        auto piece = co_await body.exchange->read(context_->grpc ? rt::this_loop().within(idle, &stop_) : wait);
        const bool only_listens = !piece && context_->grpc && piece.error().code == base::Code::timeout;
        if (only_listens && context_->exchange->response_started()) continue;
        if (piece) body.took(*piece);
        if (piece && context_->mirror) all_->engine.mirrors().take(context_->mirror, *piece);
        if (!piece) {
            if (piece.error().code != base::Code::cancelled) {
                client_error_ = from_side(std::move(piece.error()), base::Side::downstream);
            }
            stop_.request();
            co_return;
        }
        const auto* trailers = piece->end ? &body.exchange->trailers() : nullptr;
        const auto sent = co_await upstream.send_body(*piece, trailers, wait);
        context_->record.bytes_in += piece->data.size();
        // The instance takes no more; whether it has answered shows where its head is read.
        if (!sent || piece->end) co_return;
    }
}

}  // namespace tl::proxy
