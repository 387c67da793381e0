// Any bytes as the text body of gRPC-Web: what it decodes to does not depend on how it was cut, and encoded again, in
// padded pieces, it decodes to the same. As messages: the meter's answer does not depend on the cut either. As a
// trailer: the frame holds what was put into it. As an answer of the health protocol: no fault.
#include <string>

#include "codec/base64.h"
#include "codec/grpc.h"
#include "codec/grpc_health.h"
#include "codec/grpc_web.h"
#include "fuzz_support.h"

namespace {

using namespace tl::codec;
using tl::fuzz::require;

struct Decoded {
    bool good = true;
    bool complete = false;
    std::string bytes;
};

Decoded decode(std::string_view text, tl::fuzz::Cuts cuts) {
    Base64Decoder decoder;
    Decoded result;
    while (!text.empty() && result.good) {
        const std::string piece(text.substr(0, cuts.next()));
        text.remove_prefix(piece.size());
        const size_t before = result.bytes.size();
        result.good = decoder.decode(piece, result.bytes);
        require(result.bytes.size() - before <= (piece.size() / 4 + 1) * 3, "more came out than can be");
    }
    result.complete = decoder.complete();
    require(result.good || !result.complete, "bad and complete");
    return result;
}

bool within(std::string_view stream, uint64_t most, tl::fuzz::Cuts cuts) {
    GrpcMeter meter;
    bool good = true;
    while (!stream.empty() && good) {
        const std::string_view piece = stream.substr(0, cuts.next());
        stream.remove_prefix(piece.size());
        good = meter.pass(piece, most);
    }
    return good;
}

void check_round_trip(std::string_view bytes, tl::fuzz::Cuts cuts) {
    std::string text;
    for (std::string_view rest = bytes; !rest.empty();) {
        const std::string_view piece = rest.substr(0, cuts.next());
        rest.remove_prefix(piece.size());
        append_base64(text, piece);
    }
    const Decoded again = decode(text, cuts);
    require(again.good && again.complete && again.bytes == bytes, "encoded in pieces, it is not the same");
}

void check_trailers(std::string_view value) {
    HeaderTable trailers;
    trailers.add("Grpc-Message", value);
    const std::string frame = grpc_web_trailer_frame(trailers);
    const std::string lines = "grpc-message: " + std::string{value} + "\r\n";
    require(frame == grpc_frame_head(kGrpcWebTrailerFlag, static_cast<uint32_t>(lines.size())) + lines, "the frame");
    GrpcMeter meter;
    require(meter.pass(frame, lines.size()) && (lines.empty() || !GrpcMeter{}.pass(frame, lines.size() - 1)),
            "the frame's length");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    const tl::fuzz::Cuts whole{input, size + 1};
    const tl::fuzz::Cuts small{input, 7};
    const Decoded one = decode(input, whole);
    const Decoded cut = decode(input, small);
    require(one.good == cut.good && one.complete == cut.complete, "the answer depends on the cut");
    require(!one.good || one.bytes == cut.bytes, "the bytes depend on the cut");
    require(within(input, 1000, whole) == within(input, 1000, small), "the meter depends on the cut");
    check_round_trip(input, small);
    check_trailers(encode_grpc_message(input));
    [[maybe_unused]] const auto health = parse_grpc_health(input);
    [[maybe_unused]] const auto kind = grpc_kind(input);
    return 0;
}
