#include "gateway/grpc_json/reflection_bytes.h"

#include <google/protobuf/descriptor.pb.h>
#include <google/protobuf/unknown_field_set.h>

#include <algorithm>

#include "base/text.h"
#include "codec/grpc_frames.h"

namespace tl::gateway {

namespace pb = google::protobuf;

namespace {

constexpr size_t kMostServices = 1024;

void for_each_text(const std::string& bytes, const auto& visit) {
    pb::UnknownFieldSet fields;
    if (!fields.ParseFromString(bytes)) return;
    for (int i = 0; i < fields.field_count(); ++i) {
        const pb::UnknownField& field = fields.field(i);
        if (field.type() == pb::UnknownField::TYPE_LENGTH_DELIMITED) visit(field.number(), field.length_delimited());
    }
}

// ServerReflectionResponse: 4 file_descriptor_response, 6 list_services_response, 7 error_response.
void read_answer(const std::string& message, ReflectionAnswer& answer) {
    for_each_text(message, [&](int kind, const std::string& inner) {
        for_each_text(inner, [&](int number, const std::string& text) {
            if (kind == 4 && number == 1) answer.files.push_back(text);
            if (kind == 7 && number == 2) answer.error = base::printable(text, 200);
            if (kind != 6 || number != 1 || answer.services.size() == kMostServices) return;
            for_each_text(text, [&](int field, const std::string& name) {
                if (field == 1) answer.services.push_back(name);
            });
        });
        if (kind == 7 && answer.error.empty()) answer.error = "an error without a message";
    });
}

}  // namespace

std::string reflection_request(ReflectionAsk what, std::string_view text) {
    pb::UnknownFieldSet fields;
    fields.AddLengthDelimited(static_cast<int>(what), std::string{text});
    std::string bytes;
    [[maybe_unused]] const bool written = fields.SerializeToString(&bytes);
    return codec::grpc_frame_head(0, static_cast<uint32_t>(bytes.size())) + bytes;
}

std::expected<ReflectionAnswer, std::string> parse_reflection(std::string_view body, size_t most) {
    ReflectionAnswer answer;
    codec::GrpcFrames frames{most};
    frames.feed(body);
    for (std::string_view message;;) {
        const codec::GrpcFrames::Found found = frames.next(message);
        if (found == codec::GrpcFrames::Found::nothing) break;
        if (found != codec::GrpcFrames::Found::message) return std::unexpected("its answer is broken");
        read_answer(std::string{message}, answer);
    }
    if (!frames.complete()) return std::unexpected("its answer is cut off");
    return answer;
}

FileNames imports_of(const std::vector<std::string>& files) {
    FileNames names;
    std::vector<std::string> wanted;
    for (const std::string& bytes : files) {
        pb::FileDescriptorProto file;
        if (!file.ParseFromString(bytes)) continue;
        names.have.push_back(file.name());
        for (const std::string& import : file.dependency()) wanted.push_back(import);
    }
    for (const std::string& one : wanted) {
        const bool known = std::ranges::find(names.have, one) != names.have.end() ||
                           std::ranges::find(names.missing, one) != names.missing.end() ||
                           pb::DescriptorPool::generated_pool()->FindFileByName(one) != nullptr;
        if (!known) names.missing.push_back(one);
    }
    return names;
}

}  // namespace tl::gateway
