// HTTP/1.1 heads and bodies as pure bytes (RFC 9110, RFC 9112): strict parsing, chunked coding both ways,
// writing of heads. No I/O, no allocation on the way of an ordinary message. What RFC 9112 lets a recipient
// repair (bare LF, obs-fold, both lengths, space before the colon ...) is refused: a repair is where
// smuggling lives. Used by http/ only; a parsed head's views point into the bytes that were given.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/buffer.h"
#include "codec/headers.h"

namespace tl::codec {

struct Http1Limits {
    uint32_t head = 32 * 1024;     // bytes of start line and header section together
    uint32_t headers = 100;        // header lines
    uint32_t target = 8 * 1024;    // bytes of the request target
    uint32_t trailers = 8 * 1024;  // bytes of the trailer section, counted apart from the head
    uint32_t chunk_line = 256;     // bytes of one chunk-size line with its extensions
};

// Everything that can be wrong with the bytes. One sentence each: describe().
enum class Http1Fault : uint8_t {
    none,
    bad_start_line,
    bad_method,
    bad_target,
    bad_version,  // not HTTP/1.0 or HTTP/1.1
    bare_cr,
    bare_lf,
    obs_fold,
    space_before_colon,
    bad_header_name,
    bad_header_value,  // control characters
    missing_host,
    several_hosts,
    bad_host,
    length_and_encoding,  // Content-Length together with Transfer-Encoding
    conflicting_lengths,
    bad_length,
    bad_encoding,  // Transfer-Encoding other than exactly "chunked", or with HTTP/1.0
    bad_chunk_size,
    bad_chunk_end,
    bad_trailer,  // a trailer that frames, routes or authenticates (RFC 9110 6.5.1), or malformed
    bad_status,
    head_too_large,
    too_many_headers,
    target_too_long,
    trailers_too_large,
};
[[nodiscard]] std::string_view describe(Http1Fault fault);  // "the header line begins with white space (obs-fold)"
[[nodiscard]] uint16_t status_for(Http1Fault fault);        // 400, 414, 431, 505

enum class Method : uint8_t { get, head, post, put, delete_, connect, options, trace, patch, other };
[[nodiscard]] std::string_view to_string(Method method);
[[nodiscard]] Method method_of(std::string_view text);  // case counts; `other` if not listed
[[nodiscard]] bool is_safe(Method method);              // RFC 9110 9.2.1
[[nodiscard]] bool is_idempotent(Method method);        // RFC 9110 9.2.2

enum class TargetForm : uint8_t { origin, absolute, authority, asterisk };

// How the length of a body is known (RFC 9112 6.3).
enum class Framing : uint8_t { none, length, chunked, until_close };

enum class ParseState : uint8_t { complete, need_more, bad };
struct Parsed {
    ParseState state = ParseState::need_more;
    uint32_t consumed = 0;                // complete: bytes of the head, blank line included
    Http1Fault fault = Http1Fault::none;  // bad
};

struct RequestHead {
    Method method = Method::other;
    TargetForm form = TargetForm::origin;
    uint8_t minor = 1;       // HTTP/1.x
    bool keep_alive = true;  // by version and Connection
    bool expect_continue = false;
    bool upgrade = false;  // Connection names "upgrade" and an Upgrade header is there
    Framing framing = Framing::none;
    uint64_t length = 0;  // framing == length
    std::string_view method_text;
    std::string_view target;     // as received
    std::string_view scheme;     // absolute form only
    std::string_view authority;  // of an absolute or authority form, else of Host; may be empty for HTTP/1.0
    std::string_view path;       // "/" at least, "*" for asterisk; percent-encoding untouched
    std::string_view query;      // without '?'
    HeaderTable headers;

    // Parses one head at the front of `bytes`. `scanned` belongs to the parser and is kept by the caller
    // between calls with more bytes of the same head: 0 at first, and 0 again when complete. By it a head
    // that drips in costs linear time. How the bytes were cut never changes the answer, though a fault may be
    // told before the head has ended. Leading empty lines (CRLF) are skipped, at most 2 (RFC 9112 2.2).
    // Clears what was there before; what the members hold counts only after `complete`.
    [[nodiscard]] Parsed parse(std::string_view bytes, const Http1Limits& limits, uint32_t& scanned);
};

struct ResponseHead {
    uint16_t status = 0;
    uint8_t minor = 1;
    bool keep_alive = true;
    bool upgrade = false;             // 101 with an Upgrade header
    Framing framing = Framing::none;  // for this request; until_close if nothing else says where the body ends
    uint64_t length = 0;
    std::string_view reason;
    HeaderTable headers;

    // As RequestHead::parse. `request` decides the framing: none for HEAD, 1xx, 204, 304 and 2xx to CONNECT
    // (a Content-Length there is kept as a header but frames nothing). No empty lines are skipped here.
    [[nodiscard]] Parsed parse(std::string_view bytes, const Http1Limits& limits, Method request, uint32_t& scanned);
};

// Takes a chunked body apart, at any split of the input. Pieces of data are views into the given bytes. Moved
// freely, never copied (the trailers are views into it). `limits` outlives it.
class ChunkedDecoder {
  public:
    enum class State : uint8_t { data, need_more, end, bad };
    struct Step {
        State state = State::need_more;
        uint32_t consumed = 0;  // bytes of the input that are done with, framing included
        std::string_view data;  // state == data
        Http1Fault fault = Http1Fault::none;
    };

    explicit ChunkedDecoder(const Http1Limits& limits) : limits_(&limits) {}
    explicit ChunkedDecoder(const Http1Limits&&) = delete;  // would be gone at once
    ChunkedDecoder(const ChunkedDecoder&) = delete;
    ChunkedDecoder& operator=(const ChunkedDecoder&) = delete;
    ChunkedDecoder(ChunkedDecoder&&) = default;
    ChunkedDecoder& operator=(ChunkedDecoder&&) = default;
    ~ChunkedDecoder() = default;

    // Call again with what follows `consumed`; need_more consumes all that was given. Never returns data of
    // size 0. After `end` the trailers are there, and it answers `end` again; after `bad`, `bad`.
    [[nodiscard]] Step next(std::string_view bytes);
    [[nodiscard]] const HeaderTable& trailers() const { return trailers_; }

  private:
    enum class Phase : uint8_t { size, data, data_end, trailers, done, failed };
    // Where in "1a;name=value;name=\"quoted\"\r\n" the next byte stands.
    enum class Spot : uint8_t { digits, name_start, name, value_start, token, quoted, escaped, quoted_end, lf };

    struct Input;
    bool take_size_line(Input& in);
    bool take_size_byte(char c);
    bool take_data_end(Input& in);
    bool take_trailers(Input& in);
    bool parse_trailers();
    bool fail(Http1Fault fault);

    const Http1Limits* limits_;
    Phase phase_ = Phase::size;
    Spot spot_ = Spot::digits;
    Http1Fault fault_ = Http1Fault::none;
    uint8_t digits_ = 0;   // of the size
    uint32_t line_ = 0;    // bytes of the size line, or of the CRLF behind the data, so far
    uint64_t left_ = 0;    // of the chunk at hand
    std::string pending_;  // the trailer section, never longer than its limit
    HeaderTable trailers_;
};

// Writing. Callers give valid names and values only (they come from a parsed head or from ourselves).
void write_request_line(base::Buffer& out, std::string_view method,
                        std::string_view target);                                     // always HTTP/1.1
void write_status_line(base::Buffer& out, uint16_t status, std::string_view reason);  // reason may be ""
void write_header(base::Buffer& out, std::string_view name, std::string_view value);
void write_headers(base::Buffer& out, const HeaderTable& headers);
void write_number_header(base::Buffer& out, std::string_view name, uint64_t value);
void write_end_of_head(base::Buffer& out);
void write_chunk_head(base::Buffer& out, uint64_t size);  // "1a\r\n"
inline constexpr std::string_view kChunkEnd = "\r\n";
inline constexpr std::string_view kLastChunk = "0\r\n";     // then trailers, then CRLF
[[nodiscard]] std::string_view reason_of(uint16_t status);  // "" if not registered

// True if `name` is a token (RFC 9110 5.6.2) / `value` has no control bytes: for headers made from
// configuration.
[[nodiscard]] bool is_token(std::string_view name);
[[nodiscard]] bool is_field_value(std::string_view value);
// uri-host [":" port] of RFC 9112 3.2; strict: no userinfo, no spaces, port 0-65535, IPv6 in brackets.
[[nodiscard]] bool is_valid_authority(std::string_view authority);

}  // namespace tl::codec
