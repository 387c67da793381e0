#include "proxy/tcp_connection.h"

#include <fmt/format.h>

#include "net/keep_alive.h"
#include "proxy/choice.h"
#include "proxy/proxy_header.h"
#include "proxy/request_key.h"

namespace tl::proxy {

using telemetry::ConnectionEnd;
using telemetry::Record;

namespace {

// Passes a cancel on to a second one: a connection ends with its server and with its instance.
struct PassOn final : rt::CancelHook {
    explicit PassOn(rt::Cancel& target) : to(&target) {}
    void on_cancel() override { to->request(); }
    rt::Cancel* to;
};

ConnectionEnd end_of(RelayEnd end, bool drained) {
    switch (end) {
        case RelayEnd::client_finished: return ConnectionEnd::client_closed;
        case RelayEnd::service_finished: return ConnectionEnd::service_closed;
        case RelayEnd::client_reset: return ConnectionEnd::client_reset;
        case RelayEnd::service_reset: return ConnectionEnd::service_reset;
        case RelayEnd::idle: return ConnectionEnd::idle;
        case RelayEnd::cancelled: return drained ? ConnectionEnd::drained : ConnectionEnd::stopped;
    }
    return ConnectionEnd::none;
}

Denial no_instance(const Upstream& upstream, std::string_view version) {
    const EndpointSetPtr& set = upstream.set();
    const std::string reason = set == nullptr ? "" : set->reason;
    return {.cause = Cause::no_healthy_instance,
            .detail = fmt::format("{}service \"{}\" has no healthy instance{}{}",
                                  version.empty() ? "" : fmt::format("version {} of ", version), upstream.service(),
                                  reason.empty() ? "" : ": ", reason)};
}

}  // namespace

TcpConnection::TcpConnection(Engine& engine, DoorPtr door, std::unique_ptr<net::Stream> client,
                             const net::Address& peer, rt::Cancel& stop)
    : engine_(&engine),
      door_(std::move(door)),
      route_(&*door_->tcp),
      client_(std::move(client)),
      stop_(&stop),
      began_(rt::this_loop().now()),
      peer_(peer) {}

TcpConnection::~TcpConnection() = default;

rt::Task<void> TcpConnection::run(const Denial* refused) {
    begin_record();
    if (refused != nullptr) {
        refusal_ = *refused;
    } else {
        co_await serve();
    }
    finish();
}

rt::Task<void> TcpConnection::serve() {
    Upstream* const upstream = engine_->upstream(route_->service_id);
    if (upstream == nullptr) {  // a door's service is always known to the engine: see CoreWorker::apply
        refusal_ = {.cause = Cause::internal, .detail = "the core does not know this service"};
        co_return;
    }
    rule_ = upstream->rule().tcp;
    upstream->budgets().of(door_->caller).count_request(began_);
    net::keep_alive(*client_);

    // Until there is somebody to talk to, a client that leaves ends the search.
    rt::Cancel gone{stop_};
    client_->readiness().on_hang_up(&gone);
    const rt::Wait wait{base::kNever, &gone};
    Admission admission{refusal_, Importance::normal, *upstream};
    if (!admission.try_enter(began_)) {
        const bool admitted = co_await admission.enter(wait);
        if (!admitted) co_return client_->readiness().on_hang_up(nullptr);
    }
    Reached reached = co_await reach(*upstream, admission, wait);
    client_->readiness().on_hang_up(nullptr);
    if (reached.instance == nullptr) co_return;
    admission.connected();
    co_await carry(*upstream, std::move(reached));
}

// Which version, by the split, and from where: decided once, before the first try.
Selector TcpConnection::where(Upstream& upstream) const {
    Selector where{.version = telemetry::kNoName, .zone = door_->zone};
    const Shaping* const shaping = route_->shaping.get();
    if (shaping == nullptr) return where;
    where.version = shaping->version;
    if (where.version == telemetry::kNoName && !shaping->split.empty()) {
        const auto who = shaping->split_by ? std::optional{hash_of_client(peer_)} : std::nullopt;
        where.version = version_by_split(*shaping, upstream, rt::this_loop().random(), who);
    }
    return where;
}

// An instance that does not accept is passed over for another one at once: nothing was sent to it. Once it has accepted
// there is no second try, for who knows what it has done with the first bytes.
rt::Task<TcpConnection::Reached> TcpConnection::reach(Upstream& upstream, Admission& admission, rt::Wait wait) {
    where_ = where(upstream);
    const auto hash = upstream.rule().balance.hashes() ? std::optional{hash_of_client(peer_)} : std::nullopt;
    for (;;) {
        Instance* const instance = upstream.pick(
            where_, {.random = rt::this_loop().random(), .now = rt::this_loop().now(), .tried = tried_, .hash = hash});
        if (instance == nullptr) {
            refusal_ = no_instance(upstream, engine_->name(where_.version));
            co_return Reached{};
        }
        // Unlike an HTTP service a database turns away what is one too many, so the limit of an instance is strict.
        if (upstream.full(*instance)) {
            refusal_ = {.cause = Cause::overloaded,
                        .detail = fmt::format("every instance of \"{}\" has all the connections of this thread that it "
                                              "may have",
                                              upstream.service())};
            co_return Reached{};
        }
        if (upstream.panic()) record_.set(Record::kPanic);
        const std::string_view name = engine_->name(instance->name);  // the instance may be gone after the try
        const base::TimePoint began = rt::this_loop().now();
        Reached reached = co_await try_instance(upstream, *instance, wait);
        const bool failed = reached.instance == nullptr;
        if (failed && may_try_another(upstream, last_error_)) continue;
        // Counted once a connection: that some instances do not accept must not close the way to those that do.
        if (!failed || last_error_.side == base::Side::upstream) {
            const base::TimePoint now = rt::this_loop().now();
            upstream.breaker().count(admission.pass(), failed, now - began, now);
        }
        if (!failed) co_return reached;
        refusal_ = {.cause = last_error_.side == base::Side::downstream ? Cause::client_gone : cause_of(last_error_),
                    .detail = fmt::format("{} ({}): {}", upstream.service(), name, last_error_.message())};
        co_return Reached{};
    }
}

rt::Task<TcpConnection::Reached> TcpConnection::try_instance(Upstream& upstream, Instance& instance, rt::Wait wait) {
    const base::TimePoint began = rt::this_loop().now();
    tried_.push_back(instance.serial);
    upstream.hold(instance);
    upstream.try_begins(instance, began);
    auto stream = co_await instance.pool.open_own(
        upstream.rule().pool, make_proxy_header(rule_.send_proxy_protocol, peer_, client_->local()), wait);
    const base::TimePoint now = rt::this_loop().now();
    const bool left = !stream && stream.error().code == base::Code::cancelled;
    const Verdict verdict = stream ? Verdict::success : left ? Verdict::none : Verdict::failure;
    upstream.try_ended(instance, verdict, now - began, now);
    const Outcome outcome = stream ? Outcome::success : left ? Outcome::abandoned : Outcome::connect_failed;
    record_.add_attempt(instance.name, began - began_, now - began, static_cast<uint8_t>(outcome));
    record_.version = static_cast<uint16_t>(instance.version);
    if (!left) engine_->report(upstream, instance, outcome);
    if (stream) co_return Reached{.instance = &instance, .stream = std::move(*stream)};
    last_error_ = std::move(stream.error());
    last_error_.side = left ? base::Side::downstream : base::Side::upstream;
    upstream.release(instance);
    co_return Reached{};
}

bool TcpConnection::may_try_another(Upstream& upstream, const base::Error& error) const {
    if (error.side == base::Side::downstream || tried_.size() >= rule_.attempts) return false;
    if (!upstream.breaker().closed() || !upstream.has_other_than(tried_, where_.version)) return false;
    if (upstream.budgets().of(door_->caller).take(rt::this_loop().now(), upstream.rule().budget)) return true;
    upstream.budgets().count_refused();
    return false;
}

rt::Task<void> TcpConnection::carry(Upstream& upstream, Reached reached) {
    record_.first_byte_ns = static_cast<uint64_t>((rt::this_loop().now() - began_).count());
    net::keep_alive(*reached.stream);
    rt::Cancel over{stop_};
    PassOn with_instance{over};
    rt::Cancel& instances = *reached.instance->over;
    if (instances.requested()) {
        over.request();
    } else {
        instances.watch(with_instance);
    }
    const RelayEnd end =
        co_await relay({.client = *client_, .service = *reached.stream}, {.idle = rule_.idle, .cancel = &over},
                       {.from_client = record_.bytes_in, .from_service = record_.bytes_out});
    record_.end = end_of(end, over.requested() && !stop_->requested());
    if (end == RelayEnd::client_reset) record_.set(Record::kClientGone);
    reached.stream.reset();
    reached.instance->pool.close_own();
    with_instance.unlink();
    upstream.release(*reached.instance);
}

void TcpConnection::begin_record() {
    const telemetry::TraceContext trace = telemetry::new_trace(rt::this_loop().random());
    record_.trace = trace.trace;
    record_.span = trace.span;
    record_.start_ns = base::wall_now().time_since_epoch().count();
    record_.door = door_->kind;
    record_.caller = door_->caller;
    record_.route = route_->id;
    record_.service = route_->service_id;
    record_.client = telemetry::ClientAddress::from(peer_.raw());
    record_.set(Record::kTcp);
    engine_->metrics().connection_begins(route_->series);
}

void TcpConnection::count_bytes() {
    engine_->metrics().count_bytes(route_->series, record_.bytes_in - counted_in_, record_.bytes_out - counted_out_);
    counted_in_ = record_.bytes_in;
    counted_out_ = record_.bytes_out;
}

void TcpConnection::finish() {
    // Whoever gets nothing must not take it for an empty answer.
    if (refusal_.cause != Cause::none) client_->reset_on_close();
    record_.cause = static_cast<uint8_t>(refusal_.cause);
    record_.duration_ns = static_cast<uint64_t>((rt::this_loop().now() - began_).count());
    count_bytes();
    engine_->metrics().connection_ends(route_->series, record_);
    engine_->records().push(record_);
}

}  // namespace tl::proxy
