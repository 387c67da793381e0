// Any bytes as JSON of a message, as a message, as frames, as a path template, as descriptors and as what reflection
// says. What JSON becomes is read back as the same JSON; frames do not depend on how they were cut; nothing faults.
#include <string>

#include "codec/grpc_frames.h"
#include "fuzz_support.h"
#include "gateway/grpc_json/answer.h"
#include "gateway/grpc_json/grpc_json_testing.h"
#include "gateway/grpc_json/reflection_bytes.h"
#include "gateway/grpc_json/uri_template.h"

namespace {

using namespace tl::gateway;
using tl::fuzz::require;

const GrpcSchema& schema() {
    static const GrpcSchemaPtr made = shop_schema();
    return *made;
}

// What the message is as JSON, read as JSON again.
void check_back(const std::string& json) {
    const GrpcMethod& method = schema().methods().front();
    const auto document = read_json(json);
    if (!document || json.contains("-0")) return;  // deeper than we read; -0.0, which JSON's readers take for 0
    GrpcInput input;
    input.body = &*document;
    const auto again = schema().encode(method, input, {});
    require(again.has_value(), "its own JSON is refused");
    const auto twice = schema().decode(method, "", *again, {});
    require(twice && *twice == json, "it is not the same");
}

void check_json(std::string_view text) {
    const auto document = read_json(text);
    if (!document) return;
    const GrpcMethod& method = schema().methods().front();
    GrpcInput input;
    input.body = &*document;
    input.query = {{"items.sku", std::string{text.substr(0, 20)}}, {std::string{text.substr(0, 12)}, "1"}};
    [[maybe_unused]] const auto loose = schema().encode(method, input, {.ignore_unknown = true});
    input.query.clear();
    const auto made = schema().encode(method, input, {});
    require(made || (!made.error().empty() && made.error().size() <= GrpcSchema::kMostWrong), "an error without words");
    if (!made) return;
    const auto json = schema().decode(method, "", *made, {});
    if (json) check_back(*json);  // a time that JSON cannot say has passed as a number of seconds at most
}

std::string frames_of(std::string_view bytes, tl::fuzz::Cuts cuts) {
    tl::codec::GrpcFrames frames{1000};
    std::string all;
    while (!bytes.empty()) {
        const std::string piece(bytes.substr(0, cuts.next()));
        bytes.remove_prefix(piece.size());
        frames.feed(piece);
        for (std::string_view message;;) {
            const auto found = frames.next(message);
            if (found == tl::codec::GrpcFrames::Found::nothing) break;
            if (found != tl::codec::GrpcFrames::Found::message) return all + "!" + std::to_string(int(found));
            require(message.size() <= 1000, "a message over the limit");
            all += std::to_string(message.size()) + ":" + std::string{message};
        }
    }
    return all + (frames.complete() ? "." : "?");
}

void check_template(std::string_view text) {
    const auto made = UriTemplate::parse(text);
    if (!made) return require(!made.error().empty(), "an error without words");
    std::vector<std::string_view> values;
    if (made->exact()) require(made->match(UriTemplate::split(text), values), "it does not match itself");
    [[maybe_unused]] const bool other = made->match(UriTemplate::split("/v1/orders/7:x"), values);
    require(!made->before(*made), "before itself");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view input{reinterpret_cast<const char*>(data), size};
    check_json(input);
    const auto json = schema().decode(schema().methods().front(), "", input, {});
    if (json) check_back(*json);
    require(frames_of(input, {input, size + 1}) == frames_of(input, {input, 7}), "frames depend on the cut");
    check_template(input);
    [[maybe_unused]] const auto details = schema().details(input);
    [[maybe_unused]] const auto said = parse_reflection(input, 1000);
    [[maybe_unused]] const auto names = imports_of({std::string{input}});
    [[maybe_unused]] const auto loaded = GrpcSchema::load(input);
    [[maybe_unused]] const auto text = decode_grpc_message(input);
    return 0;
}
