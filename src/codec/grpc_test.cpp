#include "codec/grpc.h"

#include <gtest/gtest.h>

#include "codec/grpc_health.h"
#include "codec/grpc_web.h"

namespace tl::codec {

namespace {

std::string frame(std::string_view message, uint8_t flags = 0) {
    return grpc_frame_head(flags, static_cast<uint32_t>(message.size())) + std::string{message};
}

}  // namespace

TEST(Grpc, knows_its_content_types) {
    const std::tuple<const char*, GrpcKind, const char*> cases[] = {
        {"application/grpc", GrpcKind::grpc, ""},
        {"application/grpc+proto", GrpcKind::grpc, "+proto"},
        {"Application/gRPC;x=y", GrpcKind::grpc, ";x=y"},
        {"application/grpc-web", GrpcKind::web, ""},
        {"application/grpc-web+proto", GrpcKind::web, "+proto"},
        {"application/grpc-web-text", GrpcKind::web_text, ""},
        {"application/grpc-web-text+json", GrpcKind::web_text, "+json"},
    };
    for (const auto& [type, kind, rest] : cases) {
        EXPECT_EQ(grpc_kind(type), kind) << type;
        EXPECT_EQ(grpc_subtype(type), rest) << type;
    }
    for (const char* other :
         {"", "application/json", "application/grpcx", "application/grpc-webx", "application/grp"}) {
        EXPECT_EQ(grpc_kind(other), GrpcKind::none) << other;
    }
}

TEST(Grpc, reads_statuses_by_number_and_by_name) {
    for (size_t i = 0; i < kGrpcStatuses; ++i) {
        const auto status = static_cast<GrpcStatus>(i);
        HeaderTable fields;
        fields.add("grpc-status", number_text(status));
        EXPECT_EQ(grpc_status_in(fields), status);
        EXPECT_EQ(grpc_status_named(name_of(status)), status);
        EXPECT_GE(http_status_of(status), 200);
    }
    for (const char* odd : {"17", "", "-1", "00", "1 ", "x"}) {
        HeaderTable fields;
        fields.add("grpc-status", odd);
        EXPECT_EQ(grpc_status_in(fields), GrpcStatus::unknown) << odd;
    }
    EXPECT_FALSE(grpc_status_in(HeaderTable{}));
    EXPECT_FALSE(grpc_status_named("nonsense"));
}

TEST(Grpc, writes_messages_that_any_field_can_hold) {
    EXPECT_EQ(encode_grpc_message("no route takes \"/x\""), "no route takes \"/x\"");
    EXPECT_EQ(encode_grpc_message("100%\n\xc3\xa4\x7f"), "100%25%0A%C3%A4%7F");
}

TEST(GrpcMeter, bounds_each_message_and_not_their_number) {
    const std::string stream = frame("") + frame("1234567890") + frame("1", 1) + frame("1234567890");
    for (size_t size = 1; size <= stream.size(); ++size) {
        GrpcMeter meter;
        for (size_t at = 0; at < stream.size(); at += size)
            EXPECT_TRUE(meter.pass(stream.substr(at, size), 10)) << size;
        GrpcMeter strict;
        bool passed = true;
        for (size_t at = 0; passed && at < stream.size(); at += size) passed = strict.pass(stream.substr(at, size), 9);
        EXPECT_FALSE(passed) << size;
    }
    GrpcMeter meter;
    EXPECT_FALSE(meter.pass(std::string_view{"\0\xff\xff\xff\xff", 5}, 1 << 20));
}

TEST(GrpcWeb, puts_trailers_into_a_frame) {
    HeaderTable trailers;
    trailers.add("Grpc-Status", "0");
    trailers.add("x-sum", "42");
    const std::string lines = "grpc-status: 0\r\nx-sum: 42\r\n";
    EXPECT_EQ(grpc_web_trailer_frame(trailers), frame(lines, 0x80));
    EXPECT_EQ(grpc_web_trailer_frame(HeaderTable{}), frame("", 0x80));
}

TEST(GrpcHealth, asks_about_a_service_or_the_server) {
    EXPECT_EQ(grpc_health_request(""), frame(""));
    EXPECT_EQ(grpc_health_request("shop.Catalog"), frame("\x0a\x0cshop.Catalog"));
    const std::string request = grpc_health_request(std::string(200, 'x'));
    EXPECT_EQ(request.substr(kGrpcFrameHead, 3), "\x0a\xc8\x01") << "a length of two bytes";
}

TEST(GrpcHealth, reads_the_status_and_skips_what_it_does_not_know) {
    EXPECT_EQ(parse_grpc_health(frame("\x08\x01")), GrpcHealth::serving);
    EXPECT_EQ(parse_grpc_health(frame("\x08\x02")), GrpcHealth::not_serving);
    EXPECT_EQ(parse_grpc_health(frame("")), GrpcHealth::unknown) << "0 is not written";
    EXPECT_EQ(parse_grpc_health(frame("\x08\x7f")), GrpcHealth::unknown);
    const std::string more{"\x12\x02hi\x1d\0\0\0\0\x21\0\0\0\0\0\0\0\0\x28\x96\x01\x08\x01", 23};
    EXPECT_EQ(parse_grpc_health(frame(more)), GrpcHealth::serving);
    for (const std::string& bad :
         {std::string{}, std::string("\0\0\0\0", 4), frame("\x08"), frame("\x12\x09x"), frame("\x0b"),
          frame("\x08\x01") + "x", frame("\x08\x01", 1), frame("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01")}) {
        EXPECT_FALSE(parse_grpc_health(bad));
    }
}

}  // namespace tl::codec
