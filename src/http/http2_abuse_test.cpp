// What a client may not do, frame by frame: malformed messages, and too much of what costs it nothing.
#include "http/http2_testing.h"
#include "http/version.h"

namespace tl::http {

namespace {

rt::Task<void> never_answer(Bed& bed, ServerExchange& exchange) {
    [[maybe_unused]] const rt::Wake wake = co_await bed.event.wait({base::kNever, &exchange.cancel()});
}

constexpr uint8_t kData = 0, kHeaders = 1, kPriority = 2, kReset = 3, kSettings = 4, kPing = 6, kGoaway = 7,
                  kWindowUpdate = 8, kContinuation = 9;
constexpr uint8_t kEndStream = 1, kEndHeaders = 4;

std::string rapid_resets() {
    std::string bytes;
    for (uint32_t i = 0; i < 2000; ++i) {
        bytes += frame(kHeaders, kEndStream | kEndHeaders, 2 * i + 1, get_fields());
        bytes += frame(kReset, 0, 2 * i + 1, std::string("\0\0\0\x08", 4));
    }
    return bytes;
}

std::string continuations() {
    std::string bytes = frame(kHeaders, kEndStream, 1, get_fields());
    for (int i = 0; i < 1000; ++i) bytes += frame(kContinuation, 0, 1, field("x-more", "1"));
    return bytes;
}

std::string many(const std::string& one, int count = 20'000) {
    std::string bytes;
    for (int i = 0; i < count; ++i) bytes += one;
    return bytes;
}

std::string empty_data() { return frame(kHeaders, kEndHeaders, 1, get_fields()) + many(frame(kData, 0, 1, "")); }

struct Attack {
    const char* name;
    std::string bytes;
    Http2Abuse kind;
};

std::vector<Attack> attacks() {
    return {
        {"rapid reset", rapid_resets(), Http2Abuse::rapid_reset},
        {"continuations", continuations(), Http2Abuse::continuations},
        {"settings", many(frame(kSettings, 0, 0, "")), Http2Abuse::settings},
        {"pings", many(frame(kPing, 0, 0, "12345678")), Http2Abuse::pings},
        {"empty data", empty_data(), Http2Abuse::empty_frames},
        {"priorities", many(frame(kPriority, 0, 3, std::string(5, '\0'))), Http2Abuse::priorities},
        {"window updates", many(frame(kWindowUpdate, 0, 0, std::string("\0\0\0\1", 4))), Http2Abuse::window_updates},
        {"unknown frames", many(frame(0xee, 0, 0, "?")), Http2Abuse::unknown_frames}};
}

// Writes as long as the server takes it; beside it the answers are read.
rt::Task<void> pour(net::Stream& stream, std::string bytes, rt::Wait wait) {
    [[maybe_unused]] const auto sent = co_await stream.write_all(bytes, wait);
}

// The refusal of one request: "reset CODE", "goaway CODE", "answer", "closed".
rt::Task<std::string> fate(Bed& bed, std::string_view frames) {
    const auto stream = co_await bed.connect();
    const auto sent = co_await stream->write_all(kHttp2Start + std::string{frames}, bed.soon());
    EXPECT_TRUE(sent.has_value());
    for (;;) {
        const Http2Frame got = co_await next_frame(*stream, bed.soon());
        if (got.type == kReset) co_return "reset " + std::to_string(got.code());
        if (got.type == kGoaway) co_return "goaway " + std::to_string(got.code());
        if (got.type == kHeaders) co_return "answer";
        if (got.type == -1) co_return "closed";
    }
}

std::string request(std::string_view fields, uint8_t flags = kEndStream | kEndHeaders) {
    return frame(kHeaders, flags, 1, fields);
}

}  // namespace

TEST(Http2Abuse, whoever_asks_too_much_is_told_to_calm_down_and_counted) {
    for (const Attack& attack : attacks()) {
        static const Attack* current;  // a story is a plain function
        current = &attack;
        Bed bed{never_answer};
        bed.run([](Bed& b) -> rt::Task<void> {
            const auto stream = co_await b.connect();
            rt::Gate gate;
            gate.spawn("pour", pour(*stream, kHttp2Start + current->bytes, b.soon()));
            const Http2Frame goaway = co_await next_of(*stream, kGoaway, b.soon());
            EXPECT_EQ(goaway.type, kGoaway) << current->name;
            if (goaway.type == kGoaway) EXPECT_EQ(goaway.code(), 11U) << current->name;
            EXPECT_EQ(b.server->stats().http2.abuses[static_cast<size_t>(current->kind)], 1U) << current->name;
            const Http2Frame end = co_await next_of(*stream, kGoaway, b.soon());  // reads on, so that all can be sent
            EXPECT_EQ(end.type, -1) << current->name;
            co_await gate.closed();
        });
    }
}

TEST(Http2Abuse, requests_reset_in_the_same_breath_are_never_begun) {
    Bed bed{never_answer};
    bed.run([](Bed& b) -> rt::Task<void> {
        const auto stream = co_await b.connect();
        std::string bytes = kHttp2Start;
        for (uint32_t id = 1; id < 100; id += 2) {
            bytes += frame(kHeaders, kEndStream | kEndHeaders, id, get_fields());
            bytes += frame(kReset, 0, id, std::string("\0\0\0\x08", 4));
        }
        const auto sent = co_await stream->write_all(bytes + frame(kPing, 0, 0, "all done"), b.soon());
        EXPECT_TRUE(sent.has_value());
        const Http2Frame pong = co_await next_of(*stream, kPing, b.soon());
        EXPECT_EQ(pong.payload, "all done");
        EXPECT_LE(b.server->stats().requests, 3U);  // one may stand at the border between two reads
    });
}

TEST(Http2Abuse, a_request_that_breaks_a_rule_is_never_handed_on) {
    struct Case {
        const char* name;
        std::string frames;
        std::string fate;
    };
    const std::string ok = get_fields();
    static const std::vector<Case> kCases{
        {"fine", request(ok), "answer"},
        {"no path", request(field(":method", "GET") + field(":scheme", "http") + field(":authority", "a")), "reset 1"},
        {"two paths", request(ok + field(":path", "/")), "reset 1"},
        {"pseudo-field last", request(field(":method", "GET") + field("x", "1") + field(":path", "/")), "reset 1"},
        {"unknown pseudo-field", request(ok + field(":what", "1")), "reset 1"},
        {"upper case", request(ok + field("X-Up", "1")), "reset 1"},
        {"connection", request(ok + field("connection", "close")), "reset 1"},
        {"transfer-encoding", request(ok + field("transfer-encoding", "chunked")), "reset 1"},
        {"te", request(ok + field("te", "gzip")), "reset 1"},
        {"te: trailers", request(ok + field("te", "trailers")), "answer"},
        {"line end in a value", request(ok + field("x", "a\r\nb: c")), "reset 1"},
        {"nul in a value", request(ok + field("x", std::string("a\0b", 3))), "reset 1"},
        {"blank at the end of a value", request(ok + field("x", "a ")), "reset 1"},
        {"name that is no token", request(ok + field("x y", "a")), "reset 1"},
        {"length with no body", request(ok + field("content-length", "5")), "reset 1"},
        {"body shorter than its length",
         request(ok + field("content-length", "5"), kEndHeaders) + frame(kData, kEndStream, 1, "abc"), "reset 1"},
        {"body longer than its length",
         request(ok + field("content-length", "2"), kEndHeaders) + frame(kData, kEndStream, 1, "abc"), "reset 1"},
        {"two lengths", request(ok + field("content-length", "0") + field("content-length", "0")), "reset 1"},
        {"user info",
         request(field(":method", "GET") + field(":scheme", "http") + field(":authority", "u@a") + field(":path", "/")),
         "answer"},
        {"another host", request(ok + field("host", "b")), "answer"},
        {"space in the path", request(get_fields("/a b")), "reset 1"},
        {"fragment", request(get_fields("/a#b")), "answer"},
        {"even stream", frame(kHeaders, kEndStream | kEndHeaders, 2, ok), "goaway 1"},
        {"data on no stream", frame(kData, 0, 0, "x"), "goaway 1"},
    };
    Bed bed{tell};
    bed.most_connections = 100;
    bed.run([](Bed& b) -> rt::Task<void> {
        for (const Case& one : kCases) {
            const std::string got = co_await fate(b, one.frames);
            EXPECT_EQ(got, one.fate) << one.name;
        }
        // What was answered but is wrong was refused, not handled.
        EXPECT_EQ(b.server->stats().refused_heads, 3U);
    });
}

TEST(Http2Abuse, a_head_over_its_limits_is_answered_431_or_414) {
    Bed bed{tell};
    bed.limits.head = {.head = 2000, .headers = 10, .target = 100};
    bed.run([](Bed& b) -> rt::Task<void> {
        std::string large, many_fields;
        for (int i = 0; i < 30; ++i) large += field("x-a", std::string(100, 'a'));
        for (int i = 0; i < 20; ++i) many_fields += field("x", "1");
        const auto first = co_await fate(b, request(get_fields() + large));
        const auto second = co_await fate(b, request(get_fields() + many_fields));
        const auto third = co_await fate(b, request(get_fields("/" + std::string(120, 'a'))));
        EXPECT_EQ(first + second + third, "answeransweranswer");
        EXPECT_EQ(b.server->stats().refused_heads, 3U);
        EXPECT_EQ(b.server->stats().requests, 0U);
    });
}

TEST(Http2Abuse, fields_that_never_end_end_the_connection) {
    Bed bed{tell};
    bed.limits.head_deadline = 50ms;
    bed.run([](Bed& b) -> rt::Task<void> {
        const auto got = co_await fate(b, frame(kHeaders, kEndStream, 1, get_fields()));
        EXPECT_EQ(got, "goaway 1");
    });
}

TEST(Http2Abuse, a_client_that_does_not_read_loses_its_connection_and_little_waits_for_it) {
    Bed bed{[](Bed& b, ServerExchange& exchange) -> rt::Task<void> {
        const std::string part(256 * 1024, 'x');
        auto sent = co_await exchange.send({.status = 200, .length = {BodyLength::Kind::unknown}}, {part, false});
        while (sent) sent = co_await exchange.send_body({part, false}, nullptr);
        b.log = base::to_string(sent.error().code);
    }};
    bed.limits.write_idle = 50ms;
    bed.run([](Bed& b) -> rt::Task<void> {
        const auto stream = co_await b.connect();
        // A window without end, and nothing is read.
        const std::string wide = frame(kSettings, 0, 0, std::string("\0\4\x7f\xff\xff\xff", 6)) +
                                 frame(kWindowUpdate, 0, 0, std::string("\x7f\xff\0\0", 4));
        const auto sent = co_await stream->write_all(kHttp2Start + wide + request(get_fields()), b.soon());
        EXPECT_TRUE(sent.has_value());
        while (b.log.empty()) co_await rt::sleep(10ms);
        EXPECT_EQ(b.log, "timeout");
    });
}

TEST(Http2Version, the_first_bytes_tell_the_version) {
    EXPECT_EQ(version_of("", "PRI * HT"), Version::none);
    EXPECT_EQ(version_of("", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Version::http2);
    EXPECT_EQ(version_of("", "P"), Version::none);
    EXPECT_EQ(version_of("", "PO"), Version::http1);
    EXPECT_EQ(version_of("", "PRI * HTTP/1.1\r\n"), Version::http1);
    EXPECT_EQ(version_of("", "INVALID CONNECTION PREFACE\r\n\r\n"), Version::foreign);
    EXPECT_EQ(version_of("", "GET /\r\n"), Version::http1);
    EXPECT_EQ(version_of("", "\r\nGET / HTTP/1.1\r\n"), Version::http1);
    EXPECT_EQ(version_of("h2", ""), Version::http2);
    EXPECT_EQ(version_of("http/1.1", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), Version::http1);
}

}  // namespace tl::http
