// Any bytes as a chunked body: data, trailers and end do not depend on how the input was cut, and what was
// decoded decodes to the same once encoded again.
#include <algorithm>
#include <string>

#include "codec/http1.h"
#include "fuzz_support.h"

namespace {

using namespace tl::codec;
using tl::fuzz::require;
using State = ChunkedDecoder::State;

struct Decoded {
    State state = State::need_more;
    Http1Fault fault = Http1Fault::none;
    size_t consumed = 0;
    std::string data;
    std::string trailers;  // as lines
};

Decoded decode(std::string_view bytes, const Http1Limits& limits, tl::fuzz::Cuts cuts) {
    ChunkedDecoder decoder(limits);
    Decoded result;
    size_t given = 0;
    while (given < bytes.size() && result.state == State::need_more) {
        std::string piece(bytes.substr(given, cuts.next()));  // a copy: nothing may be kept of it
        given += piece.size();
        std::string_view rest = piece;
        do {
            const auto step = decoder.next(rest);
            require(step.consumed <= rest.size(), "consumed more than there is");
            require(tl::fuzz::inside(step.data, rest.substr(0, step.consumed)), "data is outside of the input");
            require(!step.data.empty() == (step.state == State::data), "data of size 0");
            result.state = step.state;
            result.fault = step.fault;
            result.consumed += step.consumed;
            result.data += step.data;
            rest.remove_prefix(step.consumed);
        } while (result.state == State::data);
        require(result.state != State::need_more || rest.empty(), "need_more left bytes behind");
    }
    if (result.state != State::end) return result;
    for (const Header& trailer : decoder.trailers()) {
        require(is_token(trailer.name) && is_field_value(trailer.value), "a trailer is not well formed");
        result.trailers.append(trailer.name).append(": ").append(trailer.value).append("\r\n");
    }
    return result;
}

void require_same(const Decoded& a, const Decoded& b) {
    require(a.state == b.state && a.fault == b.fault, "the answer depends on the cut");
    require(a.data == b.data && a.trailers == b.trailers, "data or trailers depend on the cut");
    require(a.consumed == b.consumed || a.state == State::bad, "the end depends on the cut");
}

std::string encode(const Decoded& body) {
    tl::base::Buffer out;
    if (!body.data.empty()) {
        write_chunk_head(out, body.data.size());
        out.append(body.data);
        out.append(kChunkEnd);
    }
    out.append(kLastChunk);
    out.append(body.trailers);
    out.append("\r\n");
    return std::string(out.view());
}

void check(std::string_view bytes, const Http1Limits& limits) {
    const Decoded whole = decode(bytes, limits, tl::fuzz::Cuts(bytes, 1U << 30));
    require_same(whole, decode(bytes, limits, tl::fuzz::Cuts(bytes, 1)));
    require_same(whole, decode(bytes, limits, tl::fuzz::Cuts(bytes, 7)));
    if (whole.state != State::end) return;
    const std::string again = encode(whole);
    Http1Limits wide;
    wide.trailers = 1U << 24;
    const Decoded decoded = decode(again, wide, tl::fuzz::Cuts(again, 64));
    require(decoded.state == State::end && decoded.consumed == again.size(), "what was encoded is not accepted");
    require(decoded.data == whole.data && decoded.trailers == whole.trailers, "what was encoded differs");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view bytes(reinterpret_cast<const char*>(data), size);
    check(bytes, Http1Limits{});
    check(bytes, {.headers = 3, .trailers = 40, .chunk_line = 12});
    return 0;
}
