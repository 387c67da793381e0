#include "gateway/graphql/filter.h"

#include <fmt/format.h>

#include "base/log.h"
#include "gateway/graphql/variables.h"
#include "proxy/filter.h"
#include "proxy/subrequest.h"

namespace tl::gateway {

using proxy::Cause;
using proxy::RequestContext;
using Verdict = proxy::Filter::Verdict;

namespace {

constexpr const char* kJson = "application/json";
constexpr size_t kMostTold = 3;  // of the service's errors

// What the codes that servers agree on say about the client's request; everything else is the service's failure.
uint16_t status_of(const Document& error) {
    const auto extensions = error.find("extensions");
    if (extensions == error.end() || !extensions->is_object()) return 502;
    const auto code = extensions->find("code");
    if (code == extensions->end() || !code->is_string()) return 502;
    const std::string text = code->get<std::string>();
    if (text == "BAD_USER_INPUT") return 400;
    if (text == "UNAUTHENTICATED") return 401;
    if (text == "FORBIDDEN") return 403;
    if (text == "NOT_FOUND") return 404;
    return 502;
}

std::string messages_of(const Document& errors) {
    std::string all;
    size_t told = 0;
    for (const Document& error : errors) {
        const bool has = error.is_object() && error.contains("message") && error["message"].is_string();
        if (!has || told == kMostTold) continue;
        all += (all.empty() ? "" : "; ") + error["message"].get<std::string>().substr(0, 200);
        ++told;
    }
    return all.empty() ? "the service reports an error" : all;
}

class GraphqlFilter final : public proxy::Filter {
  public:
    GraphqlFilter(const GraphqlConfig& config, std::string document, const GraphqlOperation& operation,
                  const proxy::PathPattern& path, proxy::RoutePtr route, size_t most_body)
        : config_(config),
          document_(std::move(document)),
          operation_(operation.name),
          variables_(config, operation, path),
          route_(std::move(route)),
          most_body_(most_body) {}

    std::string_view name() const override { return "graphql"; }
    size_t most_body() const override { return variables_.wants_body() ? most_body_ : 0; }
    bool answers() const override { return true; }

    rt::Task<Verdict> answer(RequestContext& context, std::string& body) const override {
        auto request = make_request(context, body);
        if (!request) {
            context.refusal = {Cause::invalid_request, std::move(request.error())};
            co_return Verdict::refuse;
        }
        const base::TimePoint by = base::deadline_after(context.began, context.route->traffic.timeout);
        const proxy::SubResponse answer =
            co_await proxy::call_service(context, route_, std::move(*request), {by, &context.exchange->cancel()});
        if (answer.cause != Cause::none) {
            context.refusal = {answer.cause, answer.detail};
            co_return Verdict::refuse;
        }
        co_return settle(context, answer);
    }

  private:
    std::expected<proxy::Subrequest, std::string> make_request(RequestContext& context, const std::string& body) const {
        Document given;
        if (!body.empty()) {
            auto read = read_json(body);
            if (!read) return std::unexpected("the body is no JSON: " + read.error().message());
            if (!read->is_object()) return std::unexpected("the body must be a JSON object with the variables");
            given = std::move(*read);
        }
        auto values = variables_.read(context, given);
        if (!values) return std::unexpected(std::move(values.error()));
        Document call = {{"query", document_}, {"variables", std::move(*values)}};
        if (!operation_.empty()) call["operationName"] = operation_;
        proxy::Subrequest request{.method = "POST",
                                  .target = config_.endpoint,
                                  .headers = {{"Content-Type", kJson}, {"Accept", kJson}},
                                  .body = write_json(call),
                                  .most = config_.most};
        for (const auto& [name, value] : config_.headers) {
            const std::string_view text = value.expand(context, Template::Target::header);
            if (!text.empty()) request.headers.emplace_back(name.value, text);
        }
        return request;
    }

    Verdict settle(RequestContext& context, const proxy::SubResponse& answer) const {
        auto read = read_json(answer.body);
        const bool is_answer = read && read->is_object() && (read->contains("data") || read->contains("errors"));
        if (!is_answer) {
            context.refusal = {
                Cause::bad_upstream_answer,
                fmt::format("{} answered {} with what is no answer of GraphQL", context.route->service, answer.status)};
            return Verdict::refuse;
        }
        const auto found = read->find("errors");
        const bool failed = found != read->end() && found->is_array() && !found->empty();
        const Document errors = failed ? std::move(*found) : Document();
        Document data = read->contains("data") ? std::move((*read)["data"]) : Document();
        if (!config_.take.empty() && data.is_object()) {
            data = data.contains(config_.take) ? std::move(data[config_.take]) : Document();
        }
        if (failed && data.is_null()) {
            const uint16_t status = errors.front().is_object() ? status_of(errors.front()) : uint16_t{502};
            context.refusal = {Cause::incomplete, messages_of(errors), status};
            return Verdict::refuse;
        }
        if (data.is_null() && !config_.take.empty()) {
            context.refusal = {Cause::incomplete, fmt::format("there is no such {}", config_.take), 404};
            return Verdict::refuse;
        }
        if (failed) context.note("graphql", "in part: " + messages_of(errors));
        context.reply = std::make_unique<proxy::OwnReply>();
        context.reply->headers = {{"Content-Type", kJson}, {"X-Trunkline-Complete", failed ? "false" : "true"}};
        context.reply->body = write_json(data);
        return Verdict::reply;
    }

    GraphqlConfig config_;
    std::string document_;
    std::string operation_;
    GraphqlVariables variables_;
    proxy::RoutePtr route_;
    size_t most_body_;
};

// The document could not be read again: what `check` had found good has changed since.
class Unreadable final : public proxy::Filter {
  public:
    explicit Unreadable(std::string why) : why_(std::move(why)) {}
    std::string_view name() const override { return "graphql"; }
    Verdict on_request(RequestContext& context) const override {
        context.refusal = {Cause::policy_unavailable, why_};
        return Verdict::refuse;
    }

  private:
    std::string why_;
};

}  // namespace

FilterPtr make_graphql_filter(const GraphqlConfig& config, const std::string& service, const proxy::PathPattern& path,
                              const PolicyContext& context, size_t most_body) {
    auto document = load_document(config, context.home->folder);
    auto operation = document ? choose_operation(config, *document) : std::unexpected(document.error());
    if (!operation) {
        TL_LOG(error, "graphql", "route {}: {}", context.route, operation.error());
        return std::make_shared<Unreadable>("the GraphQL document cannot be used: " + operation.error());
    }
    return std::make_shared<GraphqlFilter>(config, std::move(*document), *operation, path, context.target(service),
                                           most_body);
}

}  // namespace tl::gateway
