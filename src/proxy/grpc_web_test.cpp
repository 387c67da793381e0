// What the translation gives the service and the client, with a client's end of the test.
#include "proxy/grpc_web.h"

#include <gtest/gtest.h>

#include <deque>

#include "codec/grpc_web.h"
#include "rt/loop.h"

namespace tl::proxy {

using codec::GrpcKind;

namespace {

// The client's end: a head, a body in pieces, and what was sent to it.
class Client final : public http::ServerExchange {
  public:
    explicit Client(std::string_view content_type) {
        head_.headers.add(codec::Field::content_type, content_type);
        head_.headers.add("x-grpc-web", "1");
    }

    codec::RequestHead& request() override { return head_; }
    const net::Address& peer() const override { return peer_; }
    http::BodyLength request_length() const override { return {http::BodyLength::Kind::known, 8}; }
    std::optional<base::Result<http::Piece>> try_read() override {
        if (pieces.empty()) return http::Piece{{}, true};
        given_ = std::move(pieces.front());
        pieces.pop_front();
        return http::Piece{given_, pieces.empty()};
    }
    rt::Task<base::Result<http::Piece>> read(rt::Wait /*wait*/) override { co_return *try_read(); }
    const codec::HeaderTable& trailers() const override { return none_; }
    rt::Task<base::Result<void>> send_informational(const http::OutgoingResponse& /*response*/) override {
        co_return base::Result<void>{};
    }
    rt::Task<base::Result<void>> send(const http::OutgoingResponse& response, http::Piece first) override {
        content_type = response.headers->value(codec::Field::content_type);
        status_in_head = response.headers->find(codec::kGrpcStatusField) != nullptr;
        length = response.length;
        sent.emplace_back(first.data);
        ended = first.end;
        co_return base::Result<void>{};
    }
    rt::Task<base::Result<void>> send_body(http::Piece piece, const codec::HeaderTable* /*trailers*/) override {
        sent.emplace_back(piece.data);
        ended = piece.end;
        co_return base::Result<void>{};
    }
    http::Tunnel tunnel() override { return {}; }
    bool response_started() const override { return !sent.empty(); }
    void abort() override {}
    rt::Cancel& cancel() override { return cancel_; }

    std::deque<std::string> pieces;
    std::string content_type;
    std::vector<std::string> sent;
    http::BodyLength length;
    bool status_in_head = false;
    bool ended = false;

  private:
    codec::RequestHead head_;
    net::Address peer_ = net::Address::loopback(1);
    codec::HeaderTable none_;
    rt::Cancel cancel_;
    std::string given_;
};

std::string text_of(std::string_view bytes) {
    std::string text;
    codec::append_base64(text, bytes);
    return text;
}

template <class T>
rt::Task<void> keep(rt::Task<T> task, std::optional<T>& into) {
    T result = co_await std::move(task);
    into.emplace(std::move(result));
}

template <class T>
T run(rt::Task<T> task) {
    rt::Loop loop;
    std::optional<T> result;
    loop.run_until_done(keep(std::move(task), result));
    return std::move(*result);
}

// An answer of gRPC with one message and these trailers; `first` goes with its head.
void answer(GrpcWebExchange& web, std::string_view message, const codec::HeaderTable& trailers) {
    codec::HeaderTable headers;
    headers.add(codec::Field::content_type, "application/grpc+proto");
    const http::OutgoingResponse response{.headers = &headers, .length = {http::BodyLength::Kind::unknown}};
    EXPECT_TRUE(run(web.send(response, {message, false})));
    EXPECT_TRUE(run(web.send_body({{}, true}, &trailers)));
}

}  // namespace

TEST(GrpcWeb, decodes_a_request_of_text_as_it_comes) {
    Client client{"application/grpc-web-text+proto"};
    client.pieces = {"AA", "AAAA", "U=", "aGVsbG8=", ""};
    GrpcWebExchange web{client, GrpcKind::web_text};
    web.translate_request();
    EXPECT_EQ(web.request().headers.value(codec::Field::content_type), "application/grpc+proto");
    EXPECT_EQ(web.request().headers.value(codec::Field::te), "trailers");
    EXPECT_EQ(web.request().headers.find("x-grpc-web"), nullptr);
    EXPECT_EQ(web.request_length().kind, http::BodyLength::Kind::unknown);
    std::string body;
    for (bool end = false; !end;) {
        const auto piece = run(web.read({}));
        ASSERT_TRUE(piece);
        body += piece->data;
        end = piece->end;
    }
    EXPECT_EQ(body, std::string("\0\0\0\0\5hello", 10));
}

TEST(GrpcWeb, refuses_text_that_is_none_or_ends_too_early) {
    for (const char* bad : {"AAA*", "AAA"}) {
        Client client{"application/grpc-web-text"};
        client.pieces = {bad};
        GrpcWebExchange web{client, GrpcKind::web_text};
        web.translate_request();
        for (int i = 0; i < 2; ++i) {  // and says so again
            const auto piece = web.try_read();
            ASSERT_TRUE(piece.has_value());
            ASSERT_FALSE(piece->has_value()) << bad;
            EXPECT_EQ(piece->error().side, base::Side::downstream);
            client.pieces = {""};
        }
    }
}

TEST(GrpcWeb, leaves_alone_what_is_not_translated) {
    Client client{"application/grpc-web-text"};
    client.pieces = {"AAAA"};
    GrpcWebExchange web{client, GrpcKind::web_text};
    EXPECT_EQ((*web.try_read())->data, "AAAA");
    codec::HeaderTable headers;
    headers.add(codec::Field::content_type, "text/html");
    EXPECT_TRUE(run(web.send({.status = 502, .headers = &headers}, {"oops", true})));
    EXPECT_EQ(client.sent, std::vector<std::string>{"oops"});
}

TEST(GrpcWeb, puts_trailers_behind_the_messages) {
    codec::HeaderTable trailers;
    trailers.add("grpc-status", "0");
    const std::string frame = codec::grpc_web_trailer_frame(trailers);
    Client bytes{"application/grpc-web+proto"};
    GrpcWebExchange binary{bytes, GrpcKind::web};
    answer(binary, "message", trailers);
    EXPECT_EQ(bytes.content_type, "application/grpc-web+proto");
    EXPECT_EQ(bytes.sent, (std::vector<std::string>{"message", frame}));
    EXPECT_TRUE(bytes.ended);

    Client letters{"application/grpc-web-text"};
    GrpcWebExchange text{letters, GrpcKind::web_text};
    answer(text, "message", trailers);
    EXPECT_EQ(letters.content_type, "application/grpc-web-text+proto");
    EXPECT_EQ(letters.sent, (std::vector<std::string>{text_of("message"), text_of(frame)}));
}

TEST(GrpcWeb, moves_the_status_of_an_answer_without_a_body_into_one) {
    codec::HeaderTable headers;
    headers.add(codec::Field::content_type, "application/grpc");
    headers.add("grpc-status", "5");
    headers.add("grpc-message", "none");
    Client client{"application/grpc-web"};
    GrpcWebExchange web{client, GrpcKind::web};
    EXPECT_TRUE(run(web.send({.headers = &headers}, {{}, true})));
    EXPECT_FALSE(client.status_in_head);
    ASSERT_EQ(client.sent.size(), 1U);
    EXPECT_TRUE(client.sent[0].ends_with("grpc-status: 5\r\ngrpc-message: none\r\n"));
    EXPECT_EQ(client.length.bytes, client.sent[0].size());
}

TEST(GrpcWeb, tells_a_client_of_a_service_that_gave_no_status) {
    Client client{"application/grpc-web"};
    GrpcWebExchange web{client, GrpcKind::web};
    answer(web, "message", codec::HeaderTable{});
    EXPECT_NE(client.sent.back().find("grpc-status: 2\r\n"), std::string::npos);
}

}  // namespace tl::proxy
