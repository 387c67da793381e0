// TLS over socket pairs: both ends are ours, certificates are made on the spot.
#include <sys/socket.h>

#include "net/listener.h"
#include "net/tls_testing.h"

namespace tl::net {

using namespace std::chrono_literals;

TEST(Tls, carries_bytes_both_ways_and_an_end_that_is_one) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        TlsPair pair = co_await shake_hands(authority.server({"shop.example"}), authority.client(), "shop.example");
        EXPECT_TRUE(pair.good()) << pair.server.error.message();
        if (!pair.good()) co_return;
        EXPECT_EQ(pair.server.stream->tls()->version, "TLSv1.3");
        EXPECT_EQ(pair.server.stream->alpn(), "http/1.1");
        EXPECT_EQ((*pair.client)->alpn(), "http/1.1");
        const auto asked = co_await (*pair.client)->write_all("how are you?", soon());
        EXPECT_TRUE(asked.has_value());
        (*pair.client)->shutdown_write();
        const std::string question = co_await read_to_end(*pair.server.stream);
        EXPECT_EQ(question, "how are you?");
        // The other direction is still open.
        const auto answered = co_await pair.server.stream->write_all("well", soon());
        EXPECT_TRUE(answered.has_value());
        pair.server.stream.reset();
        const std::string answer = co_await read_to_end(**pair.client);
        EXPECT_EQ(answer, "well");
    });
}

TEST(Tls, moves_much_through_small_sockets_in_both_directions_at_once) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        TlsPair pair = co_await shake_hands(authority.server({"a.example"}), authority.client(), "a.example");
        EXPECT_TRUE(pair.good());
        if (!pair.good()) co_return;
        std::string much;
        for (int i = 0; much.size() < (3U << 20); ++i) much += std::to_string(i) + ",";
        const auto send = [](Stream& to, const std::string& text) -> rt::Task<void> {
            // Parts of all sizes, so that records are made of several, and of pieces of one.
            size_t at = 0;
            for (size_t step = 1; at < text.size(); step = step * 3 % 70001 + 1) {
                const size_t half = std::min(step / 2, text.size() - at);
                const size_t rest = std::min(step - half, text.size() - at - half);
                iovec parts[] = {{const_cast<char*>(text.data() + at), half},
                                 {const_cast<char*>(text.data() + at + half), rest}};
                const auto sent = co_await to.write_all(parts, soon());
                EXPECT_TRUE(sent.has_value());
                at += half + rest;
            }
            to.shutdown_write();
        };
        rt::Gate gate;
        gate.spawn("there", send(**pair.client, much));
        gate.spawn("back", send(*pair.server.stream, much));
        std::string there;
        const auto receive = [](Stream& from, std::string& into) -> rt::Task<void> {
            into = co_await read_to_end(from);
        };
        gate.spawn("receive", receive(*pair.server.stream, there));
        const std::string back = co_await read_to_end(**pair.client);
        co_await gate.closed();
        EXPECT_TRUE(there == much) << there.size();
        EXPECT_TRUE(back == much) << back.size();
    });
}

TEST(Tls, an_end_that_nobody_signed_is_an_error) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        TlsPair pair = co_await shake_hands(authority.server({"a.example"}), authority.client(), "a.example");
        EXPECT_TRUE(pair.good());
        const auto sent = co_await (*pair.client)->write_all("half of a mess", soon());
        EXPECT_TRUE(sent.has_value());
        ::shutdown((*pair.client)->fd(), SHUT_WR);  // as somebody on the way could
        const std::string got = co_await read_to_end(*pair.server.stream);
        EXPECT_EQ(got, "half of a mess / read: the connection ended without TLS's word that it is over");
    });
}

TEST(Tls, a_changed_record_is_an_error) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        TlsPair pair = co_await shake_hands(authority.server({"a.example"}), authority.client(), "a.example");
        EXPECT_TRUE(pair.good());
        const std::string record = std::string{"\x17\x03\x03\x00\x20", 5} + std::string(32, 'x');
        EXPECT_EQ(::send((*pair.client)->fd(), record.data(), record.size(), 0), static_cast<ssize_t>(record.size()));
        const std::string got = co_await read_to_end(*pair.server.stream);
        EXPECT_EQ(got, " / read: decryption failed or bad record mac");
    });
}

TEST(Tls, a_reset_does_not_look_like_an_end) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        TlsPair pair = co_await shake_hands(authority.server({"a.example"}), authority.client(), "a.example");
        EXPECT_TRUE(pair.good());
        pair.server.stream->reset_on_close();
        pair.server.stream.reset();
        const std::string got = co_await read_to_end(**pair.client);
        EXPECT_NE(got, "");
    });
}

TEST(Tls, each_name_gets_its_certificate_and_others_the_first) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        const auto server = TlsServer::make(
            {.credentials = {authority.credential({"first.example", "127.0.0.1"}),
                             authority.credential({"*.wild.example"}), authority.credential({"exact.wild.example"})},
             .client_ca = {},
             .tickets = nullptr});
        EXPECT_TRUE(server.has_value());
        for (const char* name : {"first.example", "a.wild.example", "exact.wild.example", "127.0.0.1"}) {
            const TlsPair pair = co_await shake_hands(*server, authority.client(), name);
            EXPECT_TRUE(pair.good()) << name << ": " << (pair.client ? "" : pair.client.error().message());
        }
        // One label only, and the bare domain is none; what we do not know gets the first.
        for (const char* name : {"a.b.wild.example", "wild.example", "other.example"}) {
            const TlsPair pair = co_await shake_hands(*server, authority.client(), name);
            EXPECT_FALSE(pair.client.has_value()) << name;
            EXPECT_EQ(pair.client.error().code, base::Code::cert_mismatch);
            EXPECT_EQ(pair.client.error().context,
                      std::string{"the certificate is for first.example, 127.0.0.1, not for "} + name);
        }
    });
}

TEST(Tls, says_the_date_and_the_issuer_of_a_certificate_that_it_refuses) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        const auto failure = [](const CredentialPtr& shown, TlsClientPtr client) -> rt::Task<base::Error> {
            const auto server = TlsServer::make({.credentials = {shown}, .client_ca = {}, .tickets = nullptr});
            const TlsPair pair = co_await shake_hands(*server, std::move(client), "a.example");
            co_return pair.client ? base::Error{.context = "it was accepted"} : pair.client.error();
        };
        const auto expired =
            co_await failure(authority.credential({"a.example"}, valid_from_to(-5, -2)), authority.client());
        EXPECT_EQ(expired.code, base::Code::cert_expired);
        EXPECT_EQ(expired.side, base::Side::upstream);
        EXPECT_TRUE(expired.context.starts_with("the certificate of CN=a.example expired on 20")) << expired.context;
        const auto early =
            co_await failure(authority.credential({"a.example"}, valid_from_to(2, 5)), authority.client());
        EXPECT_EQ(early.code, base::Code::cert_expired);
        EXPECT_NE(early.context.find("is valid from 20"), std::string::npos) << early.context;
        const TestAuthority other;
        const auto unknown = co_await failure(other.credential({"a.example"}), authority.client());
        EXPECT_EQ(unknown.code, base::Code::cert_untrusted);
        EXPECT_NE(unknown.context.find("issued by CN=test root, is not trusted"), std::string::npos) << unknown.context;
        const auto system = co_await failure(authority.credential({"a.example"}),
                                             TlsClient::make({.ca = {}, .name = {}, .credential = nullptr}).value());
        EXPECT_EQ(system.code, base::Code::cert_untrusted) << system.context;
    });
}

TEST(Tls, a_session_is_resumed_by_another_core_with_another_certificate_until_its_key_has_gone) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        const TicketKeysPtr keys = TicketKeys::make().value();
        const auto session = make_tls_session();
        const TlsClientPtr client = authority.client();
        // The ticket comes behind the handshake, with the first bytes that are read.
        const auto meet = [&](const TestAuthority& by) -> rt::Task<bool> {
            const auto server =
                TlsServer::make({.credentials = {by.credential({"a.example"})}, .client_ca = {}, .tickets = keys});
            TlsAcceptor acceptor{*server, {}};
            TlsPair pair = co_await shake_hands(Stream::pair().value(), acceptor, client, "a.example", session);
            EXPECT_TRUE(pair.good());
            const auto sent = co_await pair.server.stream->write_all("x", soon());
            EXPECT_TRUE(sent.has_value());
            pair.server.stream.reset();
            const std::string got = co_await read_to_end(**pair.client);
            EXPECT_EQ(got, "x");
            EXPECT_EQ(acceptor.stats().resumed, (*pair.client)->tls()->resumed ? 1U : 0U);
            co_return (*pair.client)->tls()->resumed;
        };
        const bool first = co_await meet(authority);
        EXPECT_FALSE(first);
        const bool second = co_await meet(authority);
        EXPECT_TRUE(second);
        EXPECT_TRUE(keys->rotate().has_value());
        const bool after_one = co_await meet(authority);
        EXPECT_TRUE(after_one);
        for (size_t i = 0; i < TicketKeys::kKept; ++i) EXPECT_TRUE(keys->rotate().has_value());
        const bool after_all = co_await meet(authority);
        EXPECT_FALSE(after_all);
    });
}

TEST(Tls, clients_with_certificates_are_known_and_others_are_refused) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        const TestAuthority stranger;
        const auto server_with = [&](ClientAuth auth) {
            return TlsServer::make({.credentials = {authority.credential({"a.example"})},
                                    .client_auth = auth,
                                    .client_ca = authority.root.certificate,
                                    .tickets = nullptr})
                .value();
        };
        const auto client_with = [&](CredentialPtr shown) {
            return TlsClient::make({.ca = authority.root.certificate, .name = {}, .credential = std::move(shown)})
                .value();
        };
        const auto who = [&](ClientAuth auth, CredentialPtr shown) -> rt::Task<std::string> {
            const TlsPair pair = co_await shake_hands(server_with(auth), client_with(std::move(shown)), "a.example");
            co_return pair.server.stream != nullptr ? pair.server.stream->tls()->client : pair.server.error.message();
        };
        const CredentialPtr mine = authority.credential({"client.example", "10.0.0.7"});
        const std::string known = co_await who(ClientAuth::required, mine);
        EXPECT_EQ(known,
                  "Hash=" + mine->facts().sha256 + ";Subject=\"CN=client.example\";DNS=client.example;DNS=10.0.0.7");
        const std::string none = co_await who(ClientAuth::required, nullptr);
        EXPECT_EQ(none, "peer did not return a certificate");
        const std::string allowed = co_await who(ClientAuth::optional, nullptr);
        EXPECT_EQ(allowed, "");
        const std::string wrong = co_await who(ClientAuth::optional, stranger.credential({"client.example"}));
        EXPECT_TRUE(wrong.starts_with("the client's certificate is not accepted: ")) << wrong;
        const std::string late =
            co_await who(ClientAuth::required, authority.credential({"x.example"}, valid_from_to(-3, -2)));
        EXPECT_EQ(late, "the client's certificate is not accepted: certificate has expired (CN=x.example)");
    });
}

// With TLS 1.3 the client's handshake is over before the server has judged its certificate: the refusal comes later,
// and the connection may be closed before the first request is written.
TEST(Tls, a_late_refusal_of_our_certificate_is_told_even_behind_a_write_that_failed) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        const TlsServerPtr strict = TlsServer::make({.credentials = {authority.credential({"a.example"})},
                                                     .client_auth = ClientAuth::required,
                                                     .client_ca = authority.root.certificate,
                                                     .tickets = nullptr})
                                        .value();
        TlsPair pair = co_await shake_hands(strict, authority.client(), "a.example");
        EXPECT_NE(pair.server.error.message(), "");
        pair.server = {};  // its end is closed
        if (!pair.client) co_return ADD_FAILURE() << pair.client.error().message();
        const auto sent = co_await (*pair.client)->write_all("GET / HTTP/1.1\r\n\r\n", soon());
        EXPECT_FALSE(sent);
        const std::string said = co_await read_to_end(**pair.client);
        EXPECT_NE(said.find("does not accept our certificate"), std::string::npos) << said;
    });
}

TEST(Tls, a_client_without_tls_or_that_says_nothing_or_garbage_is_told_from_others) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        TlsAcceptor acceptor{authority.server({"a.example"}), {.handshake = 50ms}};
        const auto said = [&](std::string_view bytes) -> rt::Task<TlsAcceptor::Accepted> {
            auto lower = Stream::pair().value();
            const auto sent = co_await lower.second->write_all(bytes, soon());
            EXPECT_TRUE(sent.has_value());
            auto accepted = co_await acceptor.accept(std::move(lower.first), nullptr);
            EXPECT_EQ(accepted.stream, nullptr);
            co_return accepted;
        };
        for (const char* head : {"GET / HTTP/1.1\r\n\r\n", "POST / HTTP/1.1\r\n\r\n", "HEAD / HTTP/1.0\r\n\r\n"}) {
            const auto plain = co_await said(head);
            EXPECT_NE(plain.plain, nullptr) << head;
        }
        const auto garbage = co_await said("\x01\x02\x03\x04\x05 garbage garbage");
        EXPECT_EQ(garbage.plain, nullptr);
        EXPECT_EQ(garbage.error.code, base::Code::handshake) << garbage.error.message();
        const auto silent = co_await said("");
        EXPECT_EQ(silent.error.code, base::Code::timeout);
        const auto half = co_await said(std::string_view{"\x16\x03\x01\x02\x00\x01\x00", 7});
        EXPECT_EQ(half.error.code, base::Code::timeout);
        EXPECT_EQ(acceptor.stats().failed, 6U);
        EXPECT_EQ(acceptor.stats().open, 0U);
    });
}

TEST(Tls, too_many_handshakes_at_a_time_end_the_oldest) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        TlsAcceptor acceptor{authority.server({"a.example"}), {.handshake = 10s, .handshakes = 2}};
        std::vector<std::unique_ptr<Stream>> silent;
        std::vector<base::Error> ended;
        rt::Gate gate;
        const auto accept = [](TlsAcceptor& by, std::unique_ptr<Stream> lower,
                               std::vector<base::Error>& errors) -> rt::Task<void> {
            auto accepted = co_await by.accept(std::move(lower), nullptr);
            errors.push_back(accepted.error);
        };
        for (int i = 0; i < 2; ++i) {
            auto lower = Stream::pair().value();
            silent.push_back(std::move(lower.second));
            gate.spawn("silent", accept(acceptor, std::move(lower.first), ended));
        }
        EXPECT_EQ(acceptor.stats().open, 2U);
        // A third one gets through although the places were taken.
        TlsPair pair = co_await shake_hands(Stream::pair().value(), acceptor, authority.client(), "a.example");
        EXPECT_TRUE(pair.good());
        EXPECT_EQ(ended.size(), 1U);
        silent.clear();
        co_await gate.closed();
        EXPECT_EQ(ended.size(), 2U);
    });
}

TEST(Tls, only_versions_and_protocols_that_both_ends_speak) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        const auto server = TlsServer::make({.credentials = {authority.credential({"a.example"})},
                                             .alpn = {"h2", "http/1.1"},
                                             .client_ca = {},
                                             .tickets = nullptr})
                                .value();
        const auto agreed = [&](std::vector<std::string> offered) -> rt::Task<std::string> {
            const auto client = TlsClient::make(
                {.ca = authority.root.certificate, .name = {}, .credential = nullptr, .alpn = std::move(offered)});
            const TlsPair pair = co_await shake_hands(server, *client, "a.example");
            co_return pair.good() ? std::string{pair.server.stream->alpn()} : "refused: " + pair.server.error.message();
        };
        const std::string both = co_await agreed({"http/1.1", "h2"});
        EXPECT_EQ(both, "h2");
        const std::string old = co_await agreed({"http/1.1"});
        EXPECT_EQ(old, "http/1.1");
        const std::string none = co_await agreed({});
        EXPECT_EQ(none, "");
        const std::string foreign = co_await agreed({"imap"});
        EXPECT_EQ(foreign, "refused: no application protocol");
    });
}

TEST(Tls, a_waiter_of_one_direction_is_woken_by_the_other_where_tls_needs_it) {
    on_loop([]() -> rt::Task<void> {
        auto ends = Stream::pair().value();
        Stream& near = *ends.first;
        const std::string much(64 << 10, 'x');
        const iovec part{const_cast<char*>(much.data()), much.size()};
        IoResult full{IoStatus::ok};
        while (full.status == IoStatus::ok) full = near.try_write({&part, 1});
        EXPECT_EQ(full.status, IoStatus::again);
        // Nothing can be read, but the reader wakes when there is room to write; once only.
        near.readiness().read_needs_write();
        const auto drain = [](Stream& far) -> rt::Task<void> {
            char bytes[4096];
            for (int turns = 0; turns < 20; ++turns) {
                co_await rt::yield();
                while (far.try_read(bytes).status == IoStatus::ok) {
                }
            }
        };
        rt::Gate gate;
        gate.spawn("drain", drain(*ends.second));
        rt::Wake wake = co_await near.readiness().wait_readable(soon());
        EXPECT_EQ(wake, rt::Wake::ready);
        co_await gate.closed();
        char byte = 0;
        EXPECT_EQ(near.try_read({&byte, 1}).status, IoStatus::again);
        wake = co_await near.readiness().wait_readable(rt::this_loop().within(5ms));
        EXPECT_EQ(wake, rt::Wake::timeout);

        near.readiness().write_needs_read();
        const auto sent = co_await ends.second->write_all("y", soon());
        EXPECT_TRUE(sent.has_value());
        wake = co_await near.readiness().wait_writable(soon());
        EXPECT_EQ(wake, rt::Wake::ready);
    });
}

TEST(Tls, bytes_that_left_the_socket_are_known_to_wait) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        TlsPair pair = co_await shake_hands(authority.server({"a.example"}), authority.client(), "a.example");
        EXPECT_TRUE(pair.good());
        const auto sent = co_await (*pair.client)->write_all("two", soon());
        EXPECT_TRUE(sent.has_value());
        char byte = 0;
        const auto first = co_await pair.server.stream->read_some({&byte, 1}, soon());
        EXPECT_TRUE(first.has_value());
        EXPECT_TRUE(pair.server.stream->holds_bytes());
        char rest[8];
        EXPECT_EQ(pair.server.stream->try_read(rest).bytes, 2U);
        EXPECT_FALSE(pair.server.stream->holds_bytes());
    });
}

TEST(Tls, a_request_that_nobody_received_is_known_to_be_so) {
    on_loop([]() -> rt::Task<void> {
        const TestAuthority authority;
        Listener listener;
        const auto fd = open_listener(Address::loopback(0), {});
        EXPECT_TRUE(fd && listener.start(*fd));
        auto near = co_await connect(listener.address(), soon());
        auto far = co_await listener.accept(soon());
        TlsAcceptor acceptor{authority.server({"a.example"}), {}};
        TlsPair pair =
            co_await shake_hands({std::move(*far), std::move(*near)}, acceptor, authority.client(), "a.example");
        EXPECT_TRUE(pair.good());
        Stream& client = **pair.client;
        const uint64_t before = client.written();
        pair.server.stream->reset_on_close();
        pair.server.stream.reset();
        const auto sent = co_await client.write_all("a request", soon());
        const std::string got = co_await read_to_end(client);
        EXPECT_NE(got, "");
        EXPECT_FALSE(client.acknowledged_beyond(before)) << sent.has_value();
    });
}

}  // namespace tl::net
