// A connection's way at a door of TCP, from its acceptance to its access record: see run() in tcp_connection.cpp, which
// reads from top to bottom, and docs/tcp.md. One object a connection, in the frame of its task in the server's gate;
// one core. Keeps the door and the rules that it began with.
#pragma once

#include <memory>

#include "proxy/admission.h"
#include "proxy/door.h"
#include "proxy/engine.h"
#include "proxy/relay.h"

namespace tl::proxy {

class TcpConnection : public rt::ListNode<TcpConnection> {
  public:
    // `peer`: the client, by the word of a balancer where there is one. `stop` ends it by a reset; it outlives this.
    TcpConnection(Engine& engine, DoorPtr door, std::unique_ptr<net::Stream> client, const net::Address& peer,
                  rt::Cancel& stop);
    ~TcpConnection();
    TcpConnection(const TcpConnection&) = delete;
    TcpConnection& operator=(const TcpConnection&) = delete;

    // `refused`: it is let in only to be counted, to be told off in its record, and to be closed.
    [[nodiscard]] rt::Task<void> run(const Denial* refused);
    // Brings the counters of its route up to date: bytes are counted while they flow, not when all is over.
    void count_bytes();

    [[nodiscard]] const Denial& refusal() const { return refusal_; }

  private:
    // An instance that has been reached, held until the connection ends.
    struct Reached {
        Instance* instance = nullptr;  // nullptr: none; refusal_ says why
        std::unique_ptr<net::Stream> stream;
    };
    [[nodiscard]] rt::Task<void> serve();
    [[nodiscard]] rt::Task<Reached> reach(Upstream& upstream, Admission& admission, rt::Wait wait);
    [[nodiscard]] rt::Task<Reached> try_instance(Upstream& upstream, Instance& instance, rt::Wait wait);
    [[nodiscard]] rt::Task<void> carry(Upstream& upstream, Reached reached);
    [[nodiscard]] Selector where(Upstream& upstream) const;
    [[nodiscard]] bool may_try_another(Upstream& upstream, const base::Error& error) const;
    void begin_record();
    void finish();

    Engine* engine_;
    DoorPtr door_;
    const TcpRoute* route_;
    std::unique_ptr<net::Stream> client_;
    rt::Cancel* stop_;
    base::TimePoint began_;
    net::Address peer_;
    TcpRule rule_;
    telemetry::Record record_;
    Denial refusal_{.cause = Cause::none, .detail = {}};
    Selector where_;
    std::vector<uint64_t> tried_;  // serials of instances
    base::Error last_error_;       // of the last of them
    uint64_t counted_in_ = 0;      // of record_'s bytes, by the metrics
    uint64_t counted_out_ = 0;
};

}  // namespace tl::proxy
