#include "app/cli/client.h"

#include <fmt/format.h>

#include "app/cli/cli.h"

namespace tl::app {

using namespace std::chrono_literals;

namespace {

// The longest that a command waits for an answer in one piece; plan and dump are the slow ones.
constexpr base::Duration kPatience = 30s;
constexpr size_t kMostAnswer = 64U << 20;
constexpr size_t kMostLine = 4U << 20;

Failure make_failure(int exit_code, std::string_view cause, std::string sentence) {
    Failure failure{.exit_code = exit_code, .sentence = std::move(sentence)};
    failure.problem = {{"cause", cause}, {"detail", failure.sentence}};
    return failure;
}

// Cuts what arrives into lines; keeps the body of an answer that is none of ours.
struct LineCutter final : http::FetchSink {
    explicit LineCutter(Client::LineSink& sink) : out(&sink) {}

    void on_head(uint16_t head) override { status = head; }
    void on_piece(std::string_view piece) override {
        if (pending.size() + piece.size() > kMostLine) pending.clear();  // no line of ours is so long
        pending += piece;
        if (status != 200) return;
        size_t begin = 0;
        for (size_t end = 0; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1) {
            if (end > begin) out->on_line(std::string_view{pending}.substr(begin, end - begin));
        }
        pending.erase(0, begin);
    }

    Client::LineSink* out;
    uint16_t status = 0;
    std::string pending;
};

}  // namespace

Failure failure_of_answer(uint16_t status, const std::string& body) {
    Failure failure{.exit_code = status == 422 ? kBadInput : kFailed};
    failure.problem = console::Json::parse(body, nullptr, false);
    if (!failure.problem.is_object()) {
        return make_failure(kFailed, "bad_answer", fmt::format("Trunkline answered {} without saying why", status));
    }
    const auto text_of = [&](const char* key) {
        const auto found = failure.problem.find(key);
        return found != failure.problem.end() && found->is_string() ? found->get<std::string>() : std::string{};
    };
    failure.sentence = text_of("detail");
    failure.diagnostics = text_of("diagnostics_text");
    if (failure.sentence.empty()) failure.sentence = fmt::format("Trunkline answered {}", status);
    return failure;
}

Failure Client::failure_of(const base::Error& error) const {
    switch (error.code) {
        case base::Code::unreachable:
        case base::Code::not_found:
            return make_failure(
                kNotRunning, "not_running",
                fmt::format("no Trunkline runs for {}; start it with 'trunkline up'", project_.manifest));
        case base::Code::refused:
            return make_failure(
                kFailed, "refused",
                fmt::format("{} belongs to somebody else: only who started Trunkline may ask it", socket_.path()));
        case base::Code::timeout:
            return make_failure(kFailed, "timeout",
                                fmt::format("Trunkline did not answer within {} s", kPatience / 1s));
        case base::Code::closed:
        case base::Code::reset:
            return make_failure(kFailed, "connection_lost", "Trunkline ended the connection before it had answered");
        default: return make_failure(kFailed, base::to_string(error.code), error.message());
    }
}

Answer<http::FetchRequest> Client::request_for(std::string method, std::string target) {
    if (!located_) {
        const auto located = socket_.locate(project_.state_dir);
        if (!located) return std::unexpected(failure_of(located.error()));
        located_ = true;
    }
    return http::FetchRequest{.address = socket_.address(),
                              .method = std::move(method),
                              .target = std::move(target),
                              .host = "localhost",
                              .most = kMostAnswer};
}

rt::Task<Answer<std::string>> Client::get(std::string target, std::string accept) {
    auto request = request_for("GET", std::move(target));
    if (!request) co_return std::unexpected(std::move(request.error()));
    if (!accept.empty()) request->headers.emplace_back("Accept", std::move(accept));
    auto response = co_await http::fetch(std::move(*request), rt::this_loop().within(kPatience));
    if (!response) co_return std::unexpected(failure_of(response.error()));
    if (response->status != 200) co_return std::unexpected(failure_of_answer(response->status, response->body));
    co_return std::move(response->body);
}

rt::Task<Answer<std::string>> Client::post(std::string target, std::string body) {
    auto request = request_for("POST", std::move(target));
    if (!request) co_return std::unexpected(std::move(request.error()));
    request->body = std::move(body);
    auto response = co_await http::fetch(std::move(*request), rt::this_loop().within(kPatience));
    if (!response) co_return std::unexpected(failure_of(response.error()));
    if (response->status != 200) co_return std::unexpected(failure_of_answer(response->status, response->body));
    co_return std::move(response->body);
}

rt::Task<Answer<bool>> Client::stream(std::string method, std::string target, std::string body, LineSink& sink,
                                      rt::Cancel* cancel) {
    auto request = request_for(std::move(method), std::move(target));
    if (!request) co_return std::unexpected(std::move(request.error()));
    request->body = std::move(body);
    LineCutter cutter{sink};
    const auto ended = co_await http::fetch_streaming(std::move(*request), cutter, {base::kNever, cancel});
    if (!ended && ended.error().code == base::Code::cancelled) co_return false;
    if (!ended) co_return std::unexpected(failure_of(ended.error()));
    if (cutter.status != 200) co_return std::unexpected(failure_of_answer(cutter.status, cutter.pending));
    co_return true;
}

}  // namespace tl::app
