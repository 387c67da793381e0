// The chunked coding (RFC 9112 7.1) as a state machine over single bytes of framing and whole pieces of data.
// It keeps its place between calls, so where the input is cut changes nothing.
#include <array>
#include <cstring>

#include "base/text.h"
#include "codec/chars.h"
#include "codec/http1_parse.h"

namespace tl::codec {

namespace {

constexpr uint8_t kMostDigits = 16;

}  // namespace

bool is_forbidden_trailer(const Header& header) {
    switch (header.field) {
        case Field::authorization:
        case Field::cache_control:
        case Field::connection:
        case Field::content_length:
        case Field::content_type:
        case Field::cookie:
        case Field::expect:
        case Field::forwarded:
        case Field::host:
        case Field::keep_alive:
        case Field::proxy_authenticate:
        case Field::proxy_authorization:
        case Field::proxy_connection:
        case Field::te:
        case Field::trailer:
        case Field::transfer_encoding:
        case Field::upgrade:
        case Field::x_forwarded_client_cert:
        case Field::x_forwarded_for:
        case Field::x_forwarded_host:
        case Field::x_forwarded_port:
        case Field::x_forwarded_proto:
        case Field::x_real_ip: return true;
        case Field::other: break;
        default: return false;
    }
    constexpr std::array<std::string_view, 6> kOthers{"content-encoding", "content-range",   "max-forwards", "range",
                                                      "set-cookie",       "www-authenticate"};
    for (const std::string_view name : kOthers) {
        if (base::iequals(header.name, name)) return true;
    }
    return false;
}

// What next() was given and has not used yet.
struct ChunkedDecoder::Input {
    const char* at;
    const char* end;

    [[nodiscard]] size_t left() const { return static_cast<size_t>(end - at); }
};

bool ChunkedDecoder::fail(Http1Fault fault) {
    phase_ = Phase::failed;
    fault_ = fault;
    return false;
}

// One byte of a size line but its last. Extensions must be well formed, though nothing is done with them: one
// side that skips to the line end and another that honours quotes see different chunks.
bool ChunkedDecoder::take_size_byte(char c) {
    const bool token = is(kTokenChar, c);
    const auto go = [this](Spot spot) {
        spot_ = spot;
        return true;
    };
    switch (spot_) {
        case Spot::digits: {
            const int digit = hex_value(c);
            if (digit < 0) break;
            left_ = left_ * 16 + static_cast<uint64_t>(digit);
            return ++digits_ <= kMostDigits && left_ <= INT64_MAX;
        }
        case Spot::name_start: return token && go(Spot::name);
        case Spot::name:
            if (token) return true;
            if (c == '=') return go(Spot::value_start);
            break;
        case Spot::value_start:
            if (c == '"') return go(Spot::quoted);
            return token && go(Spot::token);
        case Spot::token:
            if (token) return true;
            break;
        case Spot::quoted:
            if (c == '"') return go(Spot::quoted_end);
            if (c == '\\') return go(Spot::escaped);
            return is(kValueChar, c);
        case Spot::escaped: return is(kValueChar, c) && go(Spot::quoted);
        case Spot::quoted_end: break;
        case Spot::lf: return false;
    }
    // Here the size, a name or a value may end.
    if (digits_ == 0) return false;
    if (c == ';') return go(Spot::name_start);
    return c == '\r' && go(Spot::lf);
}

bool ChunkedDecoder::take_size_line(Input& in) {
    while (in.at != in.end) {
        const char c = *in.at++;
        if (++line_ > limits_->chunk_line) return fail(Http1Fault::bad_chunk_size);
        if (spot_ == Spot::lf) {
            if (c != '\n') return fail(Http1Fault::bare_cr);
            phase_ = left_ == 0 ? Phase::trailers : Phase::data;
            return true;
        }
        if (c == '\n') return fail(Http1Fault::bare_lf);
        if (!take_size_byte(c)) return fail(Http1Fault::bad_chunk_size);
    }
    return false;
}

bool ChunkedDecoder::take_data_end(Input& in) {
    while (in.at != in.end) {
        if (*in.at++ != kChunkEnd[line_++]) return fail(Http1Fault::bad_chunk_end);
        if (line_ == kChunkEnd.size()) {
            phase_ = Phase::size;
            spot_ = Spot::digits;
            digits_ = 0;
            line_ = 0;
            return true;
        }
    }
    return false;
}

// Collects whole lines through the empty one: the section is parsed at once, and its bytes must outlive the
// input.
bool ChunkedDecoder::take_trailers(Input& in) {
    // Nearly always there are none: nothing to keep then, so nothing is allocated.
    if (pending_.empty() && limits_->trailers >= 2 && in.left() >= 2 && in.at[0] == '\r' && in.at[1] == '\n') {
        in.at += 2;
        phase_ = Phase::done;
        return true;
    }
    while (in.at != in.end) {
        const void* found = std::memchr(in.at, '\n', in.left());
        const char* stop = found == nullptr ? in.end : static_cast<const char*>(found) + 1;
        const auto size = static_cast<size_t>(stop - in.at);
        if (pending_.size() + size > limits_->trailers) return fail(Http1Fault::trailers_too_large);
        // Never in the string's own inline storage: the views must survive a move of this object.
        if (pending_.empty()) pending_.reserve(128);
        pending_.append(in.at, size);
        in.at = stop;
        if (found == nullptr) return false;
        if (!pending_.ends_with("\r\n")) return fail(Http1Fault::bad_trailer);
        if (pending_.size() == 2 || pending_.ends_with("\r\n\r\n")) return parse_trailers();
    }
    return false;
}

bool ChunkedDecoder::parse_trailers() {
    Cursor section(pending_);
    SeenFields seen;
    if (!parse_fields(section, limits_->headers, trailers_, seen) || !section.empty()) {
        return fail(section.fault == Http1Fault::too_many_headers ? section.fault : Http1Fault::bad_trailer);
    }
    for (const Header& trailer : trailers_) {
        if (is_forbidden_trailer(trailer)) return fail(Http1Fault::bad_trailer);
    }
    phase_ = Phase::done;
    return true;
}

ChunkedDecoder::Step ChunkedDecoder::next(std::string_view bytes) {
    Input in{bytes.data(), bytes.data() + std::min<size_t>(bytes.size(), UINT32_MAX)};
    bool more = true;
    while (more) {
        switch (phase_) {
            case Phase::size: more = take_size_line(in); break;
            case Phase::data: {
                const auto size = static_cast<size_t>(std::min<uint64_t>(left_, in.left()));
                if (size == 0) return {.consumed = static_cast<uint32_t>(in.at - bytes.data())};
                const std::string_view data(in.at, size);
                in.at += size;
                left_ -= size;
                if (left_ == 0) {
                    phase_ = Phase::data_end;
                    line_ = 0;
                }
                return {.state = State::data, .consumed = static_cast<uint32_t>(in.at - bytes.data()), .data = data};
            }
            case Phase::data_end: more = take_data_end(in); break;
            case Phase::trailers: more = take_trailers(in); break;
            case Phase::done: return {.state = State::end, .consumed = static_cast<uint32_t>(in.at - bytes.data())};
            case Phase::failed: more = false; break;
        }
    }
    const auto consumed = static_cast<uint32_t>(in.at - bytes.data());
    if (phase_ == Phase::failed) return {.state = State::bad, .consumed = consumed, .fault = fault_};
    return {.consumed = consumed};
}

}  // namespace tl::codec
