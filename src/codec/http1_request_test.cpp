#include <chrono>
#include <string>
#include <vector>

#include "codec/http1_request_testing.h"

namespace tl::codec::testing {

TEST(Http1Request, a_browsers_request_is_taken_apart) {
    const std::string bytes =
        "\r\nGET /shop/items?page=2&q=a%20b? HTTP/1.1\r\nHost: shop.example:8080\r\nUser-Agent:Mozilla/5.0 "
        "(X11)\r\n"
        "accept: \t text/html , */* \t\r\nCookie: a=b; c=\xc3\xa9\r\nX-Empty:\r\nX-Tab: a\tb\r\n\r\nrest";
    const Outcome got = parse(bytes);
    ASSERT_EQ(got.parsed.state, ParseState::complete) << describe(got.parsed.fault);
    EXPECT_EQ(got.parsed.consumed, bytes.size() - 4);
    EXPECT_EQ(got.head.method, Method::get);
    EXPECT_EQ(got.head.method_text, "GET");
    EXPECT_EQ(got.head.target, "/shop/items?page=2&q=a%20b?");
    EXPECT_EQ(got.head.path, "/shop/items");
    EXPECT_EQ(got.head.query, "page=2&q=a%20b?");
    EXPECT_EQ(got.head.authority, "shop.example:8080");
    EXPECT_EQ(got.head.framing, Framing::none);
    EXPECT_TRUE(got.head.keep_alive);
    ASSERT_EQ(got.head.headers.size(), 6U);
    EXPECT_EQ(got.head.headers.value(Field::user_agent), "Mozilla/5.0 (X11)");
    EXPECT_EQ(got.head.headers.value(Field::accept), "text/html , */*");
    EXPECT_EQ(got.head.headers[2].name, "accept");
    EXPECT_EQ(got.head.headers.value(Field::cookie), "a=b; c=\xc3\xa9");
    EXPECT_EQ(got.head.headers.find("x-empty")->value, "");
    EXPECT_EQ(got.head.headers.find("X-TAB")->value, "a\tb");
    expect_same_at_every_split(bytes);
}

TEST(Http1Request, each_target_form_gives_authority_path_and_query) {
    struct Case {
        std::string line;
        TargetForm form;
        std::string_view authority, path, query, scheme;
    };
    const std::vector<Case> cases{
        {"GET / HTTP/1.1", TargetForm::origin, "h", "/", "", ""},
        {"GET /? HTTP/1.1", TargetForm::origin, "h", "/", "", ""},
        {"GET //x/y?a?b HTTP/1.1", TargetForm::origin, "h", "//x/y", "a?b", ""},
        {"GET /http://x/ HTTP/1.1", TargetForm::origin, "h", "/http://x/", "", ""},
        {"GET /{a}|\"<>\\^` HTTP/1.1", TargetForm::origin, "h", "/{a}|\"<>\\^`", "", ""},
        {"GET http://x HTTP/1.1", TargetForm::absolute, "x", "/", "", "http"},
        {"GET HTTPS://x:8443?q HTTP/1.1", TargetForm::absolute, "x:8443", "/", "q", "HTTPS"},
        {"GET http://[::1]:80/p?q HTTP/1.1", TargetForm::absolute, "[::1]:80", "/p", "q", "http"},
        {"CONNECT x:443 HTTP/1.1", TargetForm::authority, "x:443", "", "", ""},
        {"CONNECT [::1]:443 HTTP/1.1", TargetForm::authority, "[::1]:443", "", "", ""},
        {"OPTIONS * HTTP/1.1", TargetForm::asterisk, "h", "*", "", ""},
        {"M-SEARCH /x HTTP/1.1", TargetForm::origin, "h", "/x", "", ""},
    };
    for (const Case& wanted : cases) {
        const std::string bytes = wanted.line + "\r\nHost: h\r\n\r\n";
        const Outcome got = parse(bytes);
        ASSERT_EQ(got.parsed.state, ParseState::complete) << wanted.line << describe(got.parsed.fault);
        EXPECT_EQ(got.head.form, wanted.form) << wanted.line;
        EXPECT_EQ(got.head.authority, wanted.authority) << wanted.line;
        EXPECT_EQ(got.head.path, wanted.path) << wanted.line;
        EXPECT_EQ(got.head.query, wanted.query) << wanted.line;
        EXPECT_EQ(got.head.scheme, wanted.scheme) << wanted.line;
        expect_same_at_every_split(bytes);
    }
}

TEST(Http1Request, methods_are_case_sensitive_words) {
    for (const Method method : {Method::get, Method::head, Method::post, Method::put, Method::delete_, Method::trace,
                                Method::patch, Method::options}) {
        const std::string bytes = std::string(to_string(method)) + " / HTTP/1.1\r\nHost: h\r\n\r\n";
        EXPECT_EQ(parse(bytes).head.method, method) << bytes;
    }
    for (const std::string_view other : {"get", "PURGE", "GETS", "G", "PROPFIND", "!#$%&'*+-.^_`|~09"}) {
        const Outcome got = parse(std::string(other) + " / HTTP/1.1\r\nHost: h\r\n\r\n");
        EXPECT_EQ(got.parsed.state, ParseState::complete) << other;
        EXPECT_EQ(got.head.method, Method::other) << other;
    }
    EXPECT_EQ(parse(std::string(32, 'M') + " / HTTP/1.1\r\nHost: h\r\n\r\n").parsed.state, ParseState::complete);
}

TEST(Http1Request, valid_hosts_are_taken) {
    for (const std::string_view host :
         {"a", "a.b-c.example", "a_b", "127.0.0.1", "127.0.0.1:0", "a:65535", "[::1]", "[2001:db8::1]:8080",
          "[::ffff:1.2.3.4]", "A.EXAMPLE", "a%41b", "xn--caf-dma"}) {
        const Outcome got = parse("GET / HTTP/1.1\r\nHost: " + std::string(host) + "\r\n\r\n");
        EXPECT_EQ(got.parsed.state, ParseState::complete) << host;
    }
}

TEST(Http1Request, an_http_1_0_request_needs_no_host_and_closes_unless_it_asks) {
    const Outcome bare = parse("GET / HTTP/1.0\r\n\r\n");
    ASSERT_EQ(bare.parsed.state, ParseState::complete);
    EXPECT_EQ(bare.head.minor, 0);
    EXPECT_FALSE(bare.head.keep_alive);
    EXPECT_EQ(bare.head.authority, "");
    EXPECT_TRUE(parse("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n").head.keep_alive);
    const Outcome more = parse(
        "POST / HTTP/1.0\r\nExpect: 100-continue\r\nConnection: upgrade\r\nUpgrade: x\r\nContent-Length: "
        "1\r\n\r\n");
    EXPECT_FALSE(more.head.expect_continue);
    EXPECT_FALSE(more.head.upgrade);
    EXPECT_EQ(more.head.length, 1U);
}

TEST(Http1Request, connection_options_are_read_from_every_line_and_any_place_of_a_list) {
    struct Case {
        std::string_view fields;
        bool keep_alive, upgrade;
    };
    for (const Case& wanted :
         std::vector<Case>{{"", true, false},
                           {"Connection: close\r\n", false, false},
                           {"Connection: CLOSE\r\n", false, false},
                           {"Connection: a, ,close ,b\r\n", false, false},
                           {"Connection: keep-alive\r\nConnection: close\r\n", false, false},
                           {"Connection: closed\r\n", true, false},
                           {"Connection: upgrade\r\n", true, false},
                           {"Upgrade: websocket\r\n", true, false},
                           {"Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n", true, true},
                           {"Connection:\r\n", true, false},
                           {"Connection: ,\t,\r\n", true, false}}) {
        const Outcome got = parse(with_fields(wanted.fields));
        EXPECT_EQ(got.head.keep_alive, wanted.keep_alive) << wanted.fields;
        EXPECT_EQ(got.head.upgrade, wanted.upgrade) << wanted.fields;
    }
}

TEST(Http1Request, the_body_is_framed_by_exactly_one_field) {
    const Outcome length = parse(with_fields("Content-Length:  9223372036854775807 \r\n"));
    EXPECT_EQ(length.head.framing, Framing::length);
    EXPECT_EQ(length.head.length, 9223372036854775807U);
    EXPECT_EQ(parse(with_fields("Content-Length: 0\r\n")).head.framing, Framing::length);
    for (const std::string_view value : {"chunked", "Chunked", "\tchunked", " \tchunked \t"}) {
        const std::string bytes = with_fields("Transfer-Encoding:" + std::string(value) + "\r\n");
        EXPECT_EQ(parse(bytes).head.framing, Framing::chunked) << value;
        expect_same_at_every_split(bytes);
    }
    EXPECT_EQ(parse(with_fields("X: y\r\n")).head.framing, Framing::none);
    EXPECT_TRUE(parse(with_fields("Expect: 100-Continue\r\n")).head.expect_continue);
    EXPECT_FALSE(parse(with_fields("Expect: 200-ok\r\n")).head.expect_continue);
}

TEST(Http1Request, limits_hold_while_the_head_is_incomplete) {
    const Http1Limits limits = small_limits();
    const std::string start = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    const std::string full = start + std::string(limits.head - start.size(), 'x');
    EXPECT_EQ(parse(full).parsed.state, ParseState::need_more);
    EXPECT_EQ(parse(full + "x").parsed.fault, F::head_too_large);
    EXPECT_EQ(parse("GET /" + std::string(63, 'x')).parsed.state, ParseState::need_more);
    EXPECT_EQ(parse("GET /" + std::string(64, 'x')).parsed.fault, F::target_too_long);
    EXPECT_EQ(parse("GET / HTTP/1.1\r\n1:\r\n2:\r\n3:\r\n4:\r\n5:\r\n6:\r\n7:\r\n8:\r\n9").parsed.fault,
              F::too_many_headers);
    // A head of exactly the limit passes.
    const std::string exact = start + std::string(limits.head - start.size() - 4, 'x') + "\r\n\r\n";
    EXPECT_EQ(parse(exact).parsed.consumed, limits.head);
    expect_same_at_every_split(exact);
}

// Quadratic cost would take minutes here, linear cost takes milliseconds: the bound leaves room for any
// sanitizer.
TEST(Http1Request, a_head_of_a_megabyte_that_drips_in_byte_by_byte_costs_linear_time) {
    Http1Limits limits;
    limits.head = 2U << 20;
    limits.headers = 1U << 20;
    limits.target = 1U << 20;
    std::string lines = "GET / HTTP/1.1\r\nHost: a\r\n";
    while (lines.size() < (1U << 20)) lines += "x:yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
    const std::string value = "GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1U << 20, 'x') + "\r\n";
    const std::string target = "GET /" + std::string((1U << 20) - 1, 'x') + " HTTP/1.1\r\nHost: a\r\n";
    for (const std::string& start : {lines, value, target}) {
        const std::string bytes = start + "\r\n";
        const auto begin = std::chrono::steady_clock::now();
        RequestHead head;
        uint32_t scanned = 0;
        Parsed last;
        for (size_t size = 1; size <= bytes.size() && last.state == ParseState::need_more; ++size) {
            last = head.parse(std::string_view(bytes).substr(0, size), limits, scanned);
        }
        EXPECT_EQ(last.consumed, bytes.size()) << describe(last.fault);
        EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
    }
}

TEST(Http1Request, a_line_feed_alone_is_answered_with_its_byte_although_the_head_never_ends) {
    const std::string bytes = "GET / HTTP/1.1\r\nHost: a\nX: yyyyyyyyyyyyyyyyyyyyyyy\n\n";
    RequestHead head;
    uint32_t scanned = 0;
    Parsed last;
    size_t size = 0;
    while (size < bytes.size() && last.state == ParseState::need_more) {
        last = head.parse(std::string_view(bytes).substr(0, ++size), small_limits(), scanned);
    }
    EXPECT_EQ(last.fault, F::bare_lf);
    EXPECT_EQ(size, bytes.find("\nX") + 1);
}

TEST(Http1Request, a_reused_head_keeps_nothing_of_the_one_before) {
    RequestHead head;
    uint32_t scanned = 0;
    const std::string first =
        "POST http://x/a?b HTTP/1.1\r\nHost: h\r\nConnection: close, upgrade\r\nUpgrade: u\r\n"
        "Expect: 100-continue\r\nContent-Length: 7\r\n\r\n";
    ASSERT_EQ(head.parse(first, small_limits(), scanned).state, ParseState::complete);
    EXPECT_EQ(scanned, 0U);
    const std::string second = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    ASSERT_EQ(head.parse(second, small_limits(), scanned).state, ParseState::complete);
    EXPECT_EQ(print(head), print(parse(second).head));
}

TEST(Http1Request, every_byte_value_is_judged_the_same_by_wide_and_single_steps) {
    for (int c = 0; c < 256; ++c) {
        if (c == '\r' || c == '\n') continue;
        for (const size_t place : {size_t{0}, size_t{7}, size_t{15}, size_t{16}, size_t{40}}) {
            const std::string value = std::string(place, 'v') + static_cast<char>(c) + "v";
            const bool good = c == '\t' || (c >= 0x20 && c != 0x7f);
            EXPECT_EQ(is_field_value(value), good) << c;
            EXPECT_EQ(parse(with_fields("X: v" + value + "\r\n")).parsed.state == ParseState::complete, good) << c;
            const std::string target = "/" + std::string(place, 't') + static_cast<char>(c) + "t";
            const bool visible = c > 0x20 && c < 0x7f && c != '#';
            EXPECT_EQ(parse("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n").parsed.state == ParseState::complete,
                      visible)
                << c << " at " << place;
        }
    }
}

}  // namespace tl::codec::testing
