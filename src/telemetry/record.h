// One access record a request, and the ring in which a core keeps its last ones. A record is filled by the
// pipeline while the request goes on and pushed once, at its end. Fixed size, no pointers: copying it is all
// that hands it over. A ring belongs to its core; the control core reads by rt::run_on and gets copies. Names
// are NameIds; cause and outcome are numbers of whoever fills them, put into words by RecordWords.
#pragma once

#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/clock.h"
#include "codec/grpc.h"
#include "telemetry/names.h"
#include "telemetry/trace.h"

struct sockaddr;

namespace tl::telemetry {

enum class Door : uint8_t { gateway, sidecar };
[[nodiscard]] std::string_view to_string(Door door);

// Text of at most N bytes inside of the record; what does not fit is cut.
template <size_t N>
struct ShortText {
    static_assert(N < 256);
    uint8_t size = 0;
    char bytes[N] = {};

    void set(std::string_view text) {
        size = static_cast<uint8_t>(text.size() < N ? text.size() : N);
        if (size != 0) std::memcpy(bytes, text.data(), size);
    }
    [[nodiscard]] std::string_view view() const { return {bytes, size}; }
};

// The peer of a connection, kept as bytes: putting it into words waits until somebody reads it.
struct ClientAddress {
    enum class Kind : uint8_t { none, ipv4, ipv6, local };

    uint8_t bytes[16] = {};
    uint16_t port = 0;  // host order
    Kind kind = Kind::none;

    // AF_INET, AF_INET6, AF_UNIX; anything else is `none`.
    [[nodiscard]] static ClientAddress from(const sockaddr* address);
    [[nodiscard]] std::string text() const;  // "10.0.0.1:5000", "[::1]:5000", "unix", "-"
};

// How a connection of TCP ended (docs/tcp.md has a sentence on each).
enum class ConnectionEnd : uint8_t {
    none,  // of a request, or of a connection that was refused: its cause says why
    client_closed,
    service_closed,
    client_reset,
    service_reset,
    idle,
    drained,  // its instance left, and the grace for it was over
    stopped,  // its door or Trunkline stopped, and the grace was over
};
[[nodiscard]] std::string_view to_string(ConnectionEnd end);

struct Attempt {
    uint32_t start_us = 0;  // after the request began
    uint32_t duration_us = 0;
    uint16_t instance = 0;  // a NameId
    uint8_t outcome = 0;    // opaque here
};

struct Record {
    static constexpr size_t kAttemptsKept = 4;
    enum Flag : uint16_t {
        kUpgraded = 1,       // became a tunnel
        kRetried = 2,        // more than one attempt
        kPanic = 4,          // balanced over unhealthy instances, for lack of healthy ones
        kClientGone = 8,     // the client left before the end
        kOwnReply = 16,      // the answer was made here, not by the service
        kTruncated = 32,     // the answer broke off behind its head
        kParentGiven = 64,   // the caller sent a traceparent
        kTcp = 128,          // a connection, no request: without a method, a path and a status
        kMirror = 1 << 14,   // a copy of another request, whose answer nobody gets
        kDelayed = 1 << 15,  // by fault injection
    };

    TraceId trace;
    SpanId span = 0;
    SpanId parent = 0;     // 0: this hop began the trace
    int64_t start_ns = 0;  // wall time, since 1970
    uint64_t duration_ns = 0;
    uint64_t first_byte_ns = 0;  // until the answer's head (of TCP: to the connected instance); 0: there was none
    uint64_t bytes_in = 0;       // body bytes of the request; of TCP: all from the client
    uint64_t bytes_out = 0;      // body bytes of the answer; of TCP: all to the client
    NameId caller = kNoName;     // the calling service; none at the gateway
    NameId route = kNoName;
    NameId service = kNoName;   // the callee
    NameId instance = kNoName;  // the one that answered, or was tried last
    uint16_t status = 0;        // 0: nothing was sent
    uint16_t flags = 0;
    uint8_t method = 0;  // the codec's number
    Door door = Door::gateway;
    uint8_t cause = 0;     // 0: none
    uint8_t attempts = 0;  // made in all; the kept ones are the first three and the last
    Attempt attempt[kAttemptsKept];
    ClientAddress client;
    uint16_t version = 0;   // of the service; a NameId, as is the next
    uint16_t mirrored = 0;  // the service that got a copy
    ShortText<96> path;     // without the query, where secrets travel; as received
    ShortText<40> request_id;
    ShortText<11> method_text;
    ConnectionEnd end = ConnectionEnd::none;
    ShortText<119> notes;  // what policies have decided: "limit: 3 of 100 left; jwt: alice"
    uint8_t call = 0;      // of gRPC: the status that it ended with, and 1; 0: it is none, or had no end

    [[nodiscard]] bool has(Flag flag) const { return (flags & flag) != 0; }
    void set(Flag flag) { flags |= flag; }
    void clear(Flag flag) { flags &= static_cast<uint16_t>(~flag); }
    void set_grpc(codec::GrpcStatus ended) { call = static_cast<uint8_t>(static_cast<uint8_t>(ended) + 1); }
    [[nodiscard]] std::optional<codec::GrpcStatus> grpc_status() const {
        if (call == 0) return std::nullopt;
        return static_cast<codec::GrpcStatus>(call - 1);
    }
    // The status of HTTP that says how it went: a call of gRPC fails with 200.
    [[nodiscard]] uint16_t telling_status() const {
        return call == 0 ? status : codec::http_status_of(static_cast<codec::GrpcStatus>(call - 1));
    }
    void set_method(uint8_t number, std::string_view text) {
        method = number;
        method_text.set(text);
    }
    // Adds an attempt, takes its instance for the record's, sets kRetried from the second on.
    void add_attempt(NameId to, base::Duration since_start, base::Duration took, uint8_t outcome);
    void note(std::string_view policy, std::string_view what);
    [[nodiscard]] size_t attempts_kept() const { return attempts < kAttemptsKept ? attempts : kAttemptsKept; }
};
static_assert(sizeof(Record) <= 440 && std::is_trivially_copyable_v<Record>);
static_assert(NameTable::kMost - 1 <= std::numeric_limits<uint16_t>::max());

// Turns a record's numbers into words. The functions are plain, total and free of state; `names` outlives
// this.
struct RecordWords {
    using Word = std::string_view (*)(uint8_t);

    const NameTable* names = nullptr;
    Word cause = nullptr;           // "no_healthy_instance"; not asked for 0
    Word cause_sentence = nullptr;  // "No instance of the service is healthy"; may be nullptr
    Word outcome = nullptr;         // "connect failed"; may be nullptr

    [[nodiscard]] std::string_view name(NameId id) const { return names != nullptr ? names->text(id) : ""; }
    [[nodiscard]] std::string_view cause_text(uint8_t id) const { return cause != nullptr && id != 0 ? cause(id) : ""; }
    [[nodiscard]] std::string_view cause_words(uint8_t id) const {
        return cause_sentence != nullptr ? cause_sentence(id) : cause_text(id);
    }
    [[nodiscard]] std::string_view outcome_text(uint8_t id) const { return outcome != nullptr ? outcome(id) : ""; }
};

// What since() and find() hand over.
struct RecordBatch {
    std::vector<Record> records;  // oldest first
    uint64_t next = 0;            // give this to since() the next time
    uint64_t lost = 0;            // overwritten before they could be read (find: overwritten since the start)
};

class RecordRing {
  public:
    static constexpr size_t kDefaultCapacity = 4096;

    // Memory: 440 bytes a record, touched as the ring fills.
    explicit RecordRing(size_t capacity = kDefaultCapacity);

    // Overwrites the oldest when full. Never allocates.
    void push(const Record& record) {
        records_[next_ & mask_] = record;
        ++next_;
    }
    // Records from number `sequence` on, `most` at most. Numbers begin at 0; next_sequence() is the one to
    // come.
    [[nodiscard]] RecordBatch since(uint64_t sequence, size_t most) const;
    // All of one trace that are still here. Walks the whole ring: under 50 us of its core.
    [[nodiscard]] RecordBatch find(const TracePrefix& trace, size_t most = 256) const;

    [[nodiscard]] uint64_t next_sequence() const { return next_; }
    [[nodiscard]] uint64_t oldest_sequence() const { return next_ > mask_ ? next_ - mask_ - 1 : 0; }
    [[nodiscard]] size_t capacity() const { return mask_ + 1; }

  private:
    struct Free {
        void operator()(Record* records) const;
    };
    std::unique_ptr<Record[], Free> records_;  // from calloc, so that unused pages stay unused
    uint64_t mask_;                            // capacity - 1; the capacity is rounded up to a power of two
    uint64_t next_ = 0;
};

}  // namespace tl::telemetry
