#include "proxy/relay.h"

#include <optional>

#include "base/buffer.h"
#include "net/acknowledged.h"
#include "rt/gate.h"

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

// A read that has filled its block is followed by larger ones: a quarter of the calls of a bulk transfer.
constexpr size_t kBulk = 64 * 1024;
// For bytes on their way to a peer that is to be reset behind them: a reset throws away what the kernel still holds.
constexpr base::Duration kLastBytes = 1s;
constexpr base::Duration kLookAgain = 5ms;

// One end of the relay.
struct Side {
    net::Stream* stream;
    RelayEnd on_finish;
    RelayEnd on_reset;
    rt::Cancel reading;     // nobody needs to wait for more of it
    bool finished = false;  // it has sent its end
    bool broken = false;    // it takes nothing more: its peer has reset it
};

class Session {
  public:
    Session(const RelayEnds& ends, const RelayLimits& limits)
        : idle_(limits.idle),
          stop_(limits.cancel),
          client_{&ends.client, RelayEnd::client_finished, RelayEnd::client_reset, rt::Cancel{&stop_}},
          service_{&ends.service, RelayEnd::service_finished, RelayEnd::service_reset, rt::Cancel{&stop_}} {
        watch_nobody();
    }
    ~Session() { watch_nobody(); }
    Session(const Session&) = delete;
    Session& operator=(const Session&) = delete;

    rt::Task<RelayEnd> run(std::string_view client_early, std::string_view service_early, RelayCounts counts) {
        rt::Gate gate;
        gate.spawn("relay to the service", pump(client_, service_, client_early, counts.from_client));
        gate.spawn("relay to the client", pump(service_, client_, service_early, counts.from_service));
        co_await gate.closed();
        const RelayEnd end = end_.value_or(RelayEnd::cancelled);
        switch (end) {
            case RelayEnd::client_finished:
            case RelayEnd::service_finished: break;
            case RelayEnd::client_reset: co_await reset_behind_the_last_byte(*service_.stream); break;
            case RelayEnd::service_reset: co_await reset_behind_the_last_byte(*client_.stream); break;
            case RelayEnd::idle:
            case RelayEnd::cancelled: client_.stream->reset_on_close(); service_.stream->reset_on_close();
        }
        co_return end;
    }

  private:
    rt::Task<void> pump(Side& from, Side& to, std::string_view early, uint64_t& bytes);
    rt::Task<bool> deliver(base::Buffer& buffer, Side& from, Side& to, uint64_t& bytes);
    rt::Task<bool> wait_for_more(Side& from, Side& to);
    rt::Task<void> reset_behind_the_last_byte(net::Stream& stream);

    // Whoever watched them has nothing to do with them now: both are read here.
    void watch_nobody() {
        client_.stream->readiness().on_hang_up(nullptr);
        service_.stream->readiness().on_hang_up(nullptr);
    }
    void end(RelayEnd how) {
        if (!end_) end_ = how;
        stop_.request();
    }
    void on_finished(Side& from, Side& to);
    void on_broken(Side& side);

    base::Duration idle_;
    base::TimePoint last_moved_ = rt::this_loop().now();
    rt::Cancel stop_;
    Side client_;
    Side service_;
    std::optional<RelayEnd> end_;
};

// `from` has sent its last byte.
void Session::on_finished(Side& from, Side& to) {
    // Its end came with the reset that a write has met: nothing of it was lost, and it was no orderly end.
    if (from.broken) return end(from.on_reset);
    from.finished = true;
    to.stream->shutdown_write();
    if (to.finished) return end(to.on_finish);
    // Nobody reads it any more, so nobody would see that it is reset: then the other is wanted no more either.
    from.stream->readiness().on_hang_up(&to.reading);
}

// A write to `side` has failed. What it had sent before may still be read, and belongs to the other end.
void Session::on_broken(Side& side) {
    side.broken = true;
    if (side.finished) return end(side.on_reset);
    side.reading.request();
}

rt::Task<bool> Session::deliver(base::Buffer& buffer, Side& from, Side& to, uint64_t& bytes) {
    // Bounded, for the other direction may have ended and watches no more.
    const rt::Wait taken{base::deadline_after(rt::this_loop().now(), idle_), &stop_};
    const auto written = co_await to.stream->write_all(buffer.view(), taken);
    if (written) {
        bytes += buffer.size();
        last_moved_ = rt::this_loop().now();
        buffer.clear();
        co_return true;
    }
    if (written.error().code == base::Code::timeout) {
        end(RelayEnd::idle);
    } else if (written.error().code != base::Code::cancelled) {
        on_broken(to);
    }
    co_return false;
}

// False when nothing more is to be read of `from`.
rt::Task<bool> Session::wait_for_more(Side& from, Side& to) {
    for (;;) {
        const rt::Wait wait{base::deadline_after(last_moved_, idle_), &from.reading};
        const rt::Wake wake = co_await from.stream->readiness().wait_readable(wait);
        if (wake == rt::Wake::ready) co_return true;
        if (wake == rt::Wake::timeout) {
            if (rt::this_loop().now() - last_moved_ < idle_) continue;  // the other direction has moved
            end(RelayEnd::idle);
            co_return false;
        }
        if (stop_.requested()) co_return false;
        if (from.broken) co_return true;
        end(to.on_reset);  // it had finished, and has hung up since
        co_return false;
    }
}

rt::Task<void> Session::pump(Side& from, Side& to, std::string_view early, uint64_t& bytes) {
    base::Buffer buffer;
    buffer.append(early);
    size_t room = 1;
    for (;;) {
        if (!buffer.empty()) {
            const bool delivered = co_await deliver(buffer, from, to, bytes);
            if (!delivered) co_return;
        }
        const std::span<char> space = buffer.writable(room);
        const net::IoResult got = from.stream->try_read(space);
        if (got.status == net::IoStatus::ok) {
            buffer.commit(got.bytes);
            room = got.bytes == space.size() ? kBulk : 1;
            continue;
        }
        if (got.status == net::IoStatus::end) co_return on_finished(from, to);
        if (got.status == net::IoStatus::failed || from.broken) co_return end(from.on_reset);
        buffer.release();
        room = 1;
        const bool more = co_await wait_for_more(from, to);
        if (!more) co_return;
    }
}

// So that the peer gets what the other end had sent before it was reset.
rt::Task<void> Session::reset_behind_the_last_byte(net::Stream& stream) {
    const base::TimePoint last = rt::this_loop().now() + kLastBytes;
    while (net::unacknowledged_bytes(stream.fd()) > 0 && rt::this_loop().now() < last) {
        co_await rt::sleep(kLookAgain);
    }
    stream.reset_on_close();
}

}  // namespace

rt::Task<RelayEnd> relay(RelayEnds ends, RelayLimits limits, RelayCounts counts) {
    Session session{ends, limits};
    const RelayEnd end = co_await session.run(ends.client_early, ends.service_early, counts);
    co_return end;
}

}  // namespace tl::proxy
