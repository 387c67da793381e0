#include "proxy/subrequest.h"

#include "base/text.h"
#include "proxy/door.h"
#include "proxy/forward.h"
#include "proxy/problem.h"

namespace tl::proxy {

using http::BodyLength;
using http::Piece;

namespace {

// The client's end of a request that nobody sent by a connection: its head and body are at hand, its answer is kept.
class MemoryExchange final : public http::ServerExchange {
  public:
    MemoryExchange(RequestContext& parent, const Subrequest& sent, SubResponse& answer, rt::Cancel* cancel)
        : sent_(&sent), answer_(&answer), peer_(&parent.client_address()), cancel_(cancel) {
        head_.method_text = sent.method;
        head_.method = codec::method_of(sent.method);
        head_.form = codec::TargetForm::origin;
        head_.target = sent.target;
        const size_t question = head_.target.find('?');
        head_.path = head_.target.substr(0, question);
        head_.query = question == std::string_view::npos ? std::string_view{} : head_.target.substr(question + 1);
        for (const auto& [name, value] : sent.headers) head_.headers.add(name, value);
    }

    [[nodiscard]] bool too_large() const { return too_large_; }
    [[nodiscard]] bool broken() const { return broken_; }

    codec::RequestHead& request() override { return head_; }
    const net::Address& peer() const override { return *peer_; }
    BodyLength request_length() const override {
        return {sent_->body.empty() ? BodyLength::Kind::none : BodyLength::Kind::known, sent_->body.size()};
    }
    std::optional<base::Result<Piece>> try_read() override { return Piece{sent_->body, true}; }
    rt::Task<base::Result<Piece>> read(rt::Wait /*wait*/) override { co_return Piece{sent_->body, true}; }
    const codec::HeaderTable& trailers() const override { return none_; }

    rt::Task<base::Result<void>> send_informational(const http::OutgoingResponse& /*response*/) override {
        co_return base::Result<void>{};
    }
    rt::Task<base::Result<void>> send(const http::OutgoingResponse& response, Piece first) override {
        started_ = true;
        answer_->status = response.status;
        if (response.headers != nullptr) {
            for (const codec::Header& header : *response.headers)
                answer_->headers.emplace_back(header.name, header.value);
        }
        co_return take(first);
    }
    rt::Task<base::Result<void>> send_body(Piece piece, const codec::HeaderTable* /*trailers*/) override {
        co_return take(piece);
    }
    http::Tunnel tunnel() override { return {}; }
    bool response_started() const override { return started_; }
    void abort() override { broken_ = true; }
    rt::Cancel& cancel() override { return cancel_; }

  private:
    base::Result<void> take(Piece piece) {
        if (answer_->body.size() + piece.data.size() > sent_->most) {
            too_large_ = true;
            return base::fail(base::Code::too_large, "the answer is larger than allowed");
        }
        answer_->body += piece.data;
        answer_->held.set(answer_->body.capacity());
        return {};
    }

    const Subrequest* sent_;
    SubResponse* answer_;
    const net::Address* peer_;
    codec::RequestHead head_;
    codec::HeaderTable none_;
    rt::Cancel cancel_;
    bool started_ = false;
    bool too_large_ = false;
    bool broken_ = false;
};

// A span below the request that it is made for.
void begin_record(RequestContext& context, const RequestContext& parent) {
    context.trace = telemetry::child_of(parent.trace, rt::this_loop().random());
    telemetry::Record& record = context.record;
    record.trace = context.trace.trace;
    record.span = context.trace.span;
    record.parent = parent.trace.span;
    record.set(telemetry::Record::kParentGiven);
    record.start_ns = base::wall_now().time_since_epoch().count();
    record.door = parent.door.kind;
    record.caller = parent.door.caller;
    record.client = parent.record.client;
    record.request_id = parent.record.request_id;
    record.route = context.route->id;
    record.service = context.route->service_id;
    record.set_method(static_cast<uint8_t>(context.head().method), context.head().method_text);
    record.path.set(context.head().path);
}

void settle(SubResponse& answer, const RequestContext& context, const MemoryExchange& exchange) {
    answer.cause = context.refusal.cause;
    answer.detail = context.refusal.detail;
    if (exchange.too_large()) answer.cause = Cause::bad_upstream_answer;
    if (exchange.too_large()) answer.detail = "the answer is larger than allowed";
    if (exchange.broken() && answer.cause == Cause::none) answer.cause = Cause::upstream_reset;
    if (answer.cause == Cause::none) return;
    answer.status = context.refusal.status != 0 ? context.refusal.status : info(answer.cause).status;
    answer.headers.clear();
    answer.body.clear();
}

}  // namespace

std::string_view SubResponse::header(std::string_view name) const {
    for (const auto& [known, value] : headers) {
        if (base::iequals(known, name)) return value;
    }
    return {};
}

rt::Task<SubResponse> call_service(RequestContext& parent, RoutePtr route, Subrequest request, rt::Wait wait) {
    SubResponse answer;
    MemoryExchange exchange{parent, request, answer, wait.cancel};
    RequestContext context{.exchange = &exchange,
                           .door = parent.door,
                           .began = rt::this_loop().now(),
                           .engine = parent.engine,
                           .deadline = wait.deadline};
    context.path = context.head().path;
    context.route = route.get();
    begin_record(context, parent);
    co_await forward(*parent.engine, context);
    settle(answer, context, exchange);
    telemetry::Record& record = context.record;
    record.status = answer.status;
    record.cause = static_cast<uint8_t>(answer.cause);
    record.duration_ns = static_cast<uint64_t>((rt::this_loop().now() - context.began).count());
    parent.engine->metrics().count(route->series, record);
    parent.engine->records().push(record);
    co_return answer;
}

}  // namespace tl::proxy
