// What parsing requests, responses and trailers has in common: a cursor that knows "not yet" from "wrong",
// the field lines, and what the fields say about framing and the connection. Everything reads strictly from
// left to right and decides on the bytes before the cursor only. That makes the answer for a whole message
// the same as for any way of cutting it into pieces. For codec/ only.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "codec/http1.h"

namespace tl::codec {

// Functions that read by it return true to go on. On false the reason is `fault`, or with `none` that the
// bytes ended.
struct Cursor {
    const char* at;
    const char* end;
    Http1Fault fault = Http1Fault::none;

    explicit Cursor(std::string_view bytes) : at(bytes.data()), end(bytes.data() + bytes.size()) {}

    [[nodiscard]] size_t left() const { return static_cast<size_t>(end - at); }
    [[nodiscard]] bool empty() const { return at == end; }
    bool fail(Http1Fault reason) {
        fault = reason;
        return false;
    }
    // The byte at hand is not what belongs here. A broken line end is called so; CRLF and all else are
    // `otherwise`.
    bool stop(Http1Fault otherwise);
    // Takes CRLF.
    bool line_end(Http1Fault otherwise) {
        if (left() >= 2 && at[0] == '\r' && at[1] == '\n') [[likely]] {
            at += 2;
            return true;
        }
        return stop(otherwise);
    }
    // Takes "HTTP/1.0" or "HTTP/1.1". `minor` is 0 or 1.
    bool version(uint8_t& minor);
};

// What both versions of HTTP have in common. The longest method that is taken, in bytes.
inline constexpr size_t kLongestMethod = 32;
// Path and query of an origin form; an empty path is "/".
void split_query(std::string_view path_and_query, RequestHead& head);
// RFC 9110 8.6 without lists: digits only, at most 2^63-1.
[[nodiscard]] bool parse_length(std::string_view text, uint64_t& length);
// RFC 9110 6.5.1: fields that must be known before the body, or that decide who may do what. A recipient that
// merged one of these into the head would take orders from the body.
[[nodiscard]] bool is_forbidden_trailer(const Header& header);

// Which of the known fields came, and which more than once: one bit each.
class SeenFields {
  public:
    void add(Field field) {
        const uint64_t bit = bit_of(field);
        twice_ |= once_ & bit;
        once_ |= bit;
    }
    [[nodiscard]] bool has(Field field) const { return (once_ & bit_of(field)) != 0; }
    [[nodiscard]] bool repeated(Field field) const { return (twice_ & bit_of(field)) != 0; }

  private:
    static uint64_t bit_of(Field field) { return uint64_t{1} << static_cast<unsigned>(field); }

    uint64_t once_ = 0;
    uint64_t twice_ = 0;
};
static_assert(static_cast<unsigned>(Field::x_request_timeout) < 64, "SeenFields needs a wider word");

// Reads field lines through the blank line that ends them.
bool parse_fields(Cursor& in, uint32_t most, HeaderTable& headers, SeenFields& seen);

// Framing by Content-Length and Transfer-Encoding (RFC 9112 6.3, without its repairs).
struct BodyLength {
    Http1Fault fault = Http1Fault::none;
    Framing framing = Framing::none;
    uint64_t length = 0;
};
[[nodiscard]] BodyLength body_length(const HeaderTable& headers, const SeenFields& seen, uint8_t minor);

// What the Connection fields say together.
struct ConnectionOptions {
    bool keep_alive = true;
    bool upgrade = false;
};
[[nodiscard]] ConnectionOptions connection_options(const HeaderTable& headers, const SeenFields& seen, uint8_t minor);

// The bytes of one head at most; what goes beyond is not looked at.
[[nodiscard]] inline std::string_view within(std::string_view bytes, uint32_t limit) {
    return bytes.substr(0, std::min<size_t>(bytes.size(), limit));
}
// Whether the bytes behind `scanned` can have changed the answer "need more". Each byte is looked at once,
// and the attempts that it allows without need grow by doubling, so a head that drips in costs linear time.
[[nodiscard]] bool worth_parsing(std::string_view bytes, const Http1Limits& limits, uint32_t scanned);
// The answer when the cursor did not come through.
[[nodiscard]] Parsed unfinished(const Cursor& in, std::string_view bytes, const Http1Limits& limits, uint32_t& scanned);

}  // namespace tl::codec
