// What a filter may do with a request and its answer, through the pipeline: wait, refuse, answer itself, see and change
// bodies, ask other services.
#include "proxy/filter.h"

#include <algorithm>

#include "proxy/forward_testing.h"
#include "proxy/subrequest.h"

namespace tl::proxy {

using namespace std::chrono_literals;

namespace {

std::string header(const http::FetchResponse& answer, std::string_view name) {
    for (const auto& [known, value] : answer.headers) {
        if (known == name) return value;
    }
    return "";
}

// Marks every answer, so that a test sees which filters have seen it.
class Marks : public Filter {
  public:
    explicit Marks(std::string mark) : mark_(std::move(mark)) {}
    std::string_view name() const override { return mark_; }
    void on_response(RequestContext& /*context*/, codec::ResponseHead& head) const override {
        head.headers.add("X-Mark", mark_);
    }

  protected:
    std::string mark_;
};

class Waits final : public Marks {
  public:
    using Marks::Marks;
    Verdict verdict = Verdict::proceed;
    Verdict on_request(RequestContext& /*context*/) const override { return Verdict::wait; }
    rt::Task<Verdict> wait_request(RequestContext& context) const override {
        co_await rt::sleep(1ms);
        if (verdict == Verdict::refuse) context.refusal = {Cause::unauthenticated, "who are you?"};
        co_return verdict;
    }
};

class Replies final : public Marks {
  public:
    using Marks::Marks;
    Verdict on_request(RequestContext& context) const override {
        context.reply = std::make_unique<OwnReply>(OwnReply{200, {{"X-Own", "yes"}}, "from here"});
        return Verdict::reply;
    }
};

// Gathers the request's body and turns it into upper case.
class Shouts final : public Filter {
  public:
    explicit Shouts(size_t most) : most_(most) {}
    std::string_view name() const override { return "shouts"; }
    size_t most_body() const override { return most_; }
    Verdict on_body(RequestContext& context, std::string& body) const override {
        if (body == "refuse me") {
            context.refusal = {Cause::invalid_request, "not this"};
            context.refusal.violations = {"body: not this"};
            return Verdict::refuse;
        }
        std::ranges::transform(body, body.begin(), [](char c) { return c >= 'a' && c <= 'z' ? char(c - 32) : c; });
        body += "!";  // the length changes, too
        return Verdict::proceed;
    }

  private:
    size_t most_;
};

// Puts brackets around what passes; one that holds the head tells the length in it.
class Brackets final : public Filter {
  public:
    Brackets(std::string around, bool holds) : around_(std::move(around)), holds_(holds) {}
    std::string_view name() const override { return "brackets"; }
    bool transforms() const override { return true; }
    std::unique_ptr<BodyTransform> body_transform(RequestContext& /*context*/, uint16_t /*status*/,
                                                  codec::HeaderTable& /*headers*/) const override {
        return std::make_unique<Transform>(around_, holds_);
    }

  private:
    class Transform final : public BodyTransform {
      public:
        Transform(std::string_view around, bool holds) : around_(around), holds_(holds) {}
        base::Result<void> feed(std::string_view data, bool end, std::string& out) override {
            if (data.find("poison") != std::string_view::npos) return base::fail(base::Code::invalid, "poison");
            if (!std::exchange(begun_, true)) out += around_[0];
            out += data;
            if (end) out += around_[1];
            size_ += data.size();
            return {};
        }
        bool holds_head() const override { return holds_; }
        void finish_head(uint16_t& status, codec::HeaderTable& headers) override {
            if (!holds_) return;
            text_ = std::to_string(size_);
            headers.add("X-Size", text_);
            status = 203;
        }

      private:
        std::string_view around_;
        std::string text_;
        size_t size_ = 0;
        bool holds_;
        bool begun_ = false;
    };
    std::string around_;
    bool holds_;
};

// Asks the service itself twice and joins what it says.
class Joins final : public Filter {
  public:
    RoutePtr route;
    std::string_view name() const override { return "joins"; }
    bool answers() const override { return true; }
    rt::Task<Verdict> answer(RequestContext& context, std::string& /*body*/) const override {
        const rt::Wait wait = rt::this_loop().within(1s, &context.exchange->cancel());
        const SubResponse first = co_await call_service(context, route, {.target = "/first?a=b"}, wait);
        const SubResponse second = co_await call_service(context, route, {.method = "POST", .body = "hi"}, wait);
        const SubResponse third = co_await call_service(context, route, {.most = 1}, wait);
        context.reply = std::make_unique<OwnReply>();
        context.reply->body = first.body + "+" + std::to_string(second.status) + second.body + "+" +
                              std::string{info(third.cause).code} + std::to_string(third.status) + third.body;
        co_return Verdict::reply;
    }
};

// Asks the service for something else than the client does, with a body of its own.
class Asks final : public Filter {
  public:
    std::string_view name() const override { return "asks"; }
    bool answers() const override { return true; }
    rt::Task<Verdict> answer(RequestContext& context, std::string& body) const override {
        context.head().method_text = "POST";
        context.upstream_target = "/asked";
        body = "made of " + std::to_string(body.size());
        co_return Verdict::proceed;
    }
};

// Holds the head until something has come, tells trailers in the body, and says a last word when it fails.
class Tells final : public Filter {
  public:
    std::string_view name() const override { return "tells"; }
    bool transforms() const override { return true; }
    std::unique_ptr<BodyTransform> body_transform(RequestContext& /*context*/, uint16_t /*status*/,
                                                  codec::HeaderTable& /*headers*/) const override {
        return std::make_unique<Transform>();
    }

  private:
    class Transform final : public BodyTransform {
      public:
        base::Result<void> feed(std::string_view data, bool end, std::string& out) override {
            if (data.contains("poison")) {
                out += begun_ ? "last word" : "";
                return base::fail(base::Code::invalid, "poison");
            }
            begun_ = begun_ || !data.empty();
            out += data;
            if (end) out += end_;
            return {};
        }
        bool take_trailers(const codec::HeaderTable& trailers) override {
            const codec::Header* const field = trailers.find("X-End");
            if (field != nullptr) end_ = field->value;
            return true;
        }
        bool holds_head() const override { return !begun_; }
        void finish_head(uint16_t& status, codec::HeaderTable& /*headers*/) override { status = begun_ ? 201 : 202; }

      private:
        std::string end_ = "nothing";
        bool begun_ = false;
    };
};

TEST(Filter, one_that_answers_may_say_what_the_service_is_asked) {
    Stand stand;
    stand.filters = {std::make_shared<Asks>()};
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService service{std::string{kOk}};
        s.use({service.address});
        const auto without = co_await s.ask("GET");
        EXPECT_EQ(without.body, "ok");
        EXPECT_NE(service.heads.find("POST /asked HTTP/1.1"), std::string::npos) << service.heads;
        EXPECT_NE(service.heads.find("Content-Length: 9"), std::string::npos) << service.heads;
        co_await service.stop();
        RawService breaks{""};
        RawService again{std::string{kOk}};
        s.use({breaks.address, again.address});
        // The client's GET may be sent twice, whatever the service gets.
        for (int i = 0; i < 8; ++i) {
            const auto answer = co_await s.ask("GET");
            EXPECT_EQ(answer.body, "ok");
        }
        EXPECT_GT(breaks.requests, 0);
        co_await breaks.stop();
        co_await again.stop();
    });
}

TEST(Filter, a_transform_tells_trailers_and_the_head_waits_for_what_it_says) {
    Stand stand;
    stand.filters = {std::make_shared<Brackets>("[]", false), std::make_shared<Tells>()};
    stand.run([](Stand& s) -> rt::Task<void> {
        const std::string chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-End\r\n\r\n";
        RawService trailers{chunked + "2\r\nok\r\n0\r\nX-End: told\r\n\r\n"};
        s.use({trailers.address});
        const auto answer = co_await s.ask("GET");
        EXPECT_EQ(answer.status, 201);
        EXPECT_EQ(answer.body, "[oktold]");
        EXPECT_TRUE(answer.trailers.empty());
        co_await trailers.stop();
        RawService empty{chunked + "0\r\n\r\n"};
        s.use({empty.address});
        const auto held = co_await s.ask("GET");
        EXPECT_EQ(held.status, 202);
        EXPECT_EQ(held.body, "[nothing]");
        co_await empty.stop();
        RawService poison{chunked + "2\r\nok\r\n6\r\npoison\r\n0\r\n\r\n"};
        s.use({poison.address});
        const auto failed = co_await s.ask("GET");
        EXPECT_EQ(failed.status, 201);
        EXPECT_EQ(failed.body, "[oklast word]");
        co_await poison.stop();
        RawService early{chunked + "6\r\npoison\r\n0\r\n\r\n"};
        s.use({early.address});
        const auto refused = co_await s.ask("GET");
        EXPECT_EQ(refused.status, 502);
        co_await early.stop();
    });
}

TEST(Filter, one_that_waits_lets_the_next_go_on_afterwards) {
    Stand stand;
    stand.filters = {std::make_shared<Marks>("a"), std::make_shared<Waits>("b"), std::make_shared<Marks>("c")};
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService service{std::string{kOk}};
        s.use({service.address});
        const auto answer = co_await s.ask("GET");
        EXPECT_EQ(answer.status, 200);
        EXPECT_EQ(
            std::ranges::count(answer.headers, std::string{"X-Mark"}, &std::pair<std::string, std::string>::first), 3);
        EXPECT_EQ(header(answer, "X-Mark"), "c");  // in reverse order
        co_await service.stop();
    });
}

TEST(Filter, a_gathered_body_counts_as_memory_and_is_refused_when_that_is_short) {
    Stand stand;
    stand.filters = {std::make_shared<Shouts>(1 << 20)};
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService service{std::string{kOk}};
        s.use({service.address});
        const int64_t before = base::buffer_bytes();
        const auto answer = co_await s.ask("POST", std::string(300'000, 'x'));
        EXPECT_EQ(answer.status, 200);
        EXPECT_LE(base::buffer_bytes(), before + 64 * 1024);
        s.engine->set_memory(400'000);
        base::HeldBytes others;
        others.set(300'000);
        const auto told = co_await s.ask("POST", "a body");
        EXPECT_EQ(told.status, 503);
        EXPECT_EQ(header(told, "X-Trunkline-Cause"), "out_of_memory");
        // One whose length nobody has told begins, and is refused once the others hold too much.
        others.set(250'000);
        const std::string head = "POST /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        const std::string chunk = "c350\r\n" + std::string(50'000, 'x') + "\r\n";
        const auto grown = co_await s.speak({head + chunk, chunk + chunk}, 50ms, 100);
        EXPECT_TRUE(grown.starts_with("HTTP/1.1 503")) << grown;
        others.set(0);
        EXPECT_EQ((co_await s.ask("POST", "a body")).status, 200);
        co_await service.stop();
    });
}

TEST(Filter, refusals_and_replies_are_seen_by_those_that_saw_the_request_only) {
    Stand stand;
    auto waits = std::make_shared<Waits>("b");
    waits->verdict = Filter::Verdict::refuse;
    stand.filters = {std::make_shared<Marks>("a"), waits, std::make_shared<Marks>("c")};
    stand.run([](Stand& s) -> rt::Task<void> {
        const auto answer = co_await s.ask("GET");
        EXPECT_EQ(answer.status, 401);
        EXPECT_EQ(header(answer, "X-Trunkline-Cause"), "unauthenticated");
        EXPECT_EQ(header(answer, "X-Mark"), "b");
    });
    Stand replies;
    replies.filters = {std::make_shared<Marks>("a"), std::make_shared<Replies>("b"), std::make_shared<Marks>("c")};
    replies.run([](Stand& s) -> rt::Task<void> {
        const auto answer = co_await s.ask("GET");
        EXPECT_EQ(answer.body, "from here");
        EXPECT_EQ(header(answer, "X-Own"), "yes");
        EXPECT_EQ(header(answer, "X-Mark"), "b");
        const auto head = co_await s.ask("HEAD");
        EXPECT_EQ(head.body, "");
        EXPECT_EQ(header(head, "Content-Length"), "9");
    });
}

TEST(Filter, the_whole_request_body_can_be_changed_and_is_repeated_with_the_request) {
    Stand stand;
    stand.filters = {std::make_shared<Shouts>(100)};
    stand.run([](Stand& s) -> rt::Task<void> {
        struct Echo final : http::Handler {
            rt::Task<void> handle(http::ServerExchange& exchange) override {
                const auto body = co_await http::read_all(exchange, 1000);
                [[maybe_unused]] const auto sent =
                    co_await http::reply(exchange, 200, "text/plain", body.value_or("?"));
            }
        } echo;
        http::Server service{echo, http::ServerLimits{}};
        const auto fd = net::open_listener(net::Address::loopback(0), {});
        EXPECT_TRUE(service.start(*fd).has_value());
        RawService breaks{""};
        s.use({breaks.address, service.address()});
        for (int i = 0; i < 8; ++i) {
            const auto answer = co_await s.ask("PUT", "quiet");
            EXPECT_EQ(answer.body, "QUIET!");
        }
        EXPECT_GT(breaks.requests, 0);
        const std::string chunked = co_await s.speak(
            {"PUT /x HTTP/1.1\r\nHost: orders\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
             "2\r\nde\r\n0\r\n\r\n"},
            5ms, 4096);
        EXPECT_NE(chunked.find("ABCDE!"), std::string::npos) << chunked;
        const auto large = co_await s.ask("PUT", std::string(101, 'x'));
        EXPECT_EQ(large.status, 413);
        const auto refused = co_await s.ask("PUT", "refuse me");
        EXPECT_EQ(refused.status, 400);
        EXPECT_NE(refused.body.find("body: not this"), std::string::npos);
        co_await breaks.stop();
        co_await service.stop(s.loop.now() + 1s);
    });
}

TEST(Filter, the_answers_body_passes_transforms_in_reverse_order) {
    Stand stand;
    stand.filters = {std::make_shared<Brackets>("[]", false), std::make_shared<Brackets>("()", true)};
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService known{std::string{kOk}};
        s.use({known.address});
        const auto answer = co_await s.ask("GET");
        EXPECT_EQ(answer.body, "[(ok)]");
        EXPECT_EQ(answer.status, 203);
        EXPECT_EQ(header(answer, "X-Size"), "2");
        EXPECT_EQ(header(answer, "Content-Length"), "6");  // it was held until it was known
        const auto head = co_await s.ask("HEAD");
        EXPECT_EQ(head.body, "");
        co_await known.stop();
        RawService poison{"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"};
        s.use({poison.address});
        const auto failed = co_await s.ask("GET");
        EXPECT_EQ(failed.status, 502);
        EXPECT_EQ(header(failed, "X-Trunkline-Cause"), "bad_upstream_answer");
        co_await poison.stop();
    });
}

TEST(Filter, an_answer_that_is_held_and_breaks_off_is_tried_again) {
    Stand stand;
    stand.filters = {std::make_shared<Brackets>("()", true)};
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService cut{"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\nhalf"};
        RawService whole{std::string{kOk}};
        s.use({cut.address, whole.address});
        int cut_before = 0;
        for (int i = 0; i < 8; ++i) {
            const auto answer = co_await s.ask("GET");
            EXPECT_EQ(answer.body, "(ok)");
            cut_before = cut.requests;
        }
        EXPECT_GT(cut_before, 0);
        co_await cut.stop();
        co_await whole.stop();
    });
}

TEST(Filter, subrequests_go_the_way_of_requests_and_come_back_whole) {
    Stand stand;
    auto joins = std::make_shared<Joins>();
    auto route = std::make_shared<Route>();
    route->service = "orders";
    route->service_id = stand.names.intern("orders");
    joins->route = route;
    stand.filters = {joins};
    stand.run([](Stand& s) -> rt::Task<void> {
        RawService service{std::string{kOk}};
        s.use({service.address});
        const auto answer = co_await s.ask("GET");
        EXPECT_EQ(answer.body, "ok+200ok+bad_upstream_answer502");
        EXPECT_NE(service.heads.find("GET /first?a=b HTTP/1.1"), std::string::npos) << service.heads;
        EXPECT_NE(service.heads.find("Content-Length: 2"), std::string::npos) << service.heads;
        EXPECT_EQ(service.requests, 3);
        // A span of its own each, below the client's request.
        const auto records = s.engine->records().since(0, 10).records;
        EXPECT_EQ(records.size(), 4U);
        for (size_t i = 0; i + 1 < records.size(); ++i) EXPECT_EQ(records[i].parent, records.back().span);
        co_await service.stop();
        const auto none = co_await s.ask("GET");
        EXPECT_TRUE(none.body.starts_with("+50")) << none.body;  // no answer, and the status of its cause
    });
}

}  // namespace
}  // namespace tl::proxy
