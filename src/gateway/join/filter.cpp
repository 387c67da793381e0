#include "gateway/join/filter.h"

#include <fmt/format.h>

#include <algorithm>
#include <deque>

#include "gateway/join/compose.h"
#include "proxy/filter.h"
#include "rt/event.h"
#include "rt/gate.h"

namespace tl::gateway {

using Json = nlohmann::ordered_json;
using proxy::Cause;
using proxy::RequestContext;
using Verdict = proxy::Filter::Verdict;

namespace {

constexpr const char* kJson = "application/json";

// Why a call has no value of its own.
struct Failure {
    std::string why;
    uint16_t status = 0;  // that the service answered; 0: it did not
    bool timeout = false;
};
using Outcome = std::expected<Json, Failure>;

// One joined answer while it is made. Lives in the filter's frame; the tasks of its gate end before it does.
class Joining {
  public:
    Joining(const JoinPlan& plan, RequestContext& context, const std::string& body)
        : plan_(&plan),
          context_(&context),
          body_(&body),
          deadline_(base::deadline_after(context.began, context.route->traffic.timeout)),
          stop_(&context.exchange->cancel()) {
        for (const JoinCall& call : plan.calls) states_.emplace_back().call = &call;
    }

    rt::Task<Verdict> run() {
        for (State& state : states_) gate_.spawn("join a call", make_call(&state));
        co_await gate_.closed();
        co_return settle();
    }

  private:
    struct State {
        const JoinCall* call = nullptr;
        Json value;                      // of the answer, or the fallback
        std::optional<Failure> failure;  // there is no answer
        bool usable = false;             // others may point into the value
        rt::Event done;
    };
    // What the values of a call may point into: the answers of others, and its own item.
    class View final : public Answers {
      public:
        View(const Joining& of, const Json* item) : of_(&of), item_(item) {}
        [[nodiscard]] const Json* of(const std::string& call) const override {
            if (call == kItem) return item_;
            const auto state = std::ranges::find(of_->states_, call, [](const State& one) { return one.call->name; });
            return state == of_->states_.end() || !state->usable ? nullptr : &state->value;
        }

      private:
        const Joining* of_;
        const Json* item_;
    };

    rt::Task<void> make_call(State* state) {
        for (const size_t before : state->call->after) {
            [[maybe_unused]] const rt::Wake wake = co_await states_[before].done.wait({deadline_, &stop_});
        }
        Outcome outcome = std::unexpected(Failure{});
        if (state->call->each) {
            outcome = co_await ask_for_each(*state->call);
        } else {
            outcome = co_await ask(*state->call, nullptr);
        }
        state->usable = outcome.has_value();
        if (outcome) {
            state->value = std::move(*outcome);
        } else {
            state->failure = std::move(outcome.error());
            state->usable = state->call->fallback.has_value();
            if (state->usable) state->value = *state->call->fallback;
            // The first required one decides; what cannot be whole any more is not waited for.
            if (!state->call->optional && decisive_ == nullptr) decisive_ = state;
            if (!state->call->optional) stop_.request();
        }
        state->done.set();
    }

    // One call for each item, some at a time; the values in the items' order.
    rt::Task<Outcome> ask_for_each(const JoinCall& call) {
        const Json* const answer = View{*this, nullptr}.of(call.each->call);
        const Json* const items = answer == nullptr ? nullptr : call.each->in(*answer);
        if (items == nullptr || !items->is_array()) {
            co_return std::unexpected(
                Failure{.why = fmt::format("what \"each\" names is no array of call \"{}\"", call.each->call)});
        }
        if (items->size() > plan_->most_items) {
            co_return std::unexpected(
                Failure{.why = fmt::format("the array has {} items, {} are taken", items->size(), plan_->most_items)});
        }
        Each each{.items = items, .values = std::vector<Json>(items->size())};
        rt::Gate workers;
        const size_t count = std::min<size_t>(call.parallel, items->size());
        for (size_t i = 0; i < count; ++i) workers.spawn("join an item", ask_items(&call, &each));
        co_await workers.closed();
        if (each.failure) co_return std::unexpected(std::move(*each.failure));
        co_return Json(std::move(each.values));
    }
    struct Each {
        const Json* items;
        std::vector<Json> values;
        size_t next = 0;
        std::optional<Failure> failure;  // the first one
    };
    rt::Task<void> ask_items(const JoinCall* call, Each* each) {
        while (each->next < each->items->size() && !each->failure) {
            const size_t index = each->next++;
            Outcome outcome = co_await ask(*call, &(*each->items)[index]);
            if (outcome) {
                each->values[index] = std::move(*outcome);
            } else if (!each->failure) {
                each->failure = std::move(outcome.error());
            }
        }
    }

    rt::Task<Outcome> ask(const JoinCall& call, const Json* item) {
        auto request = make_request(call, View{*this, item});
        if (!request) co_return std::unexpected(Failure{.why = std::move(request.error())});
        if (stop_.requested())
            co_return std::unexpected(Failure{.why = "it was not asked: the answer cannot be whole"});
        const base::TimePoint by =
            call.timeout ? std::min(deadline_, base::deadline_after(rt::this_loop().now(), *call.timeout)) : deadline_;
        const proxy::SubResponse answer =
            co_await proxy::call_service(*context_, call.route, std::move(*request), {by, &stop_});
        co_return judge(call, answer);
    }

    static Outcome judge(const JoinCall& call, const proxy::SubResponse& answer) {
        if (answer.cause != Cause::none) {
            return std::unexpected(Failure{.why = fmt::format("{}: {}", proxy::info(answer.cause).code, answer.detail),
                                           .timeout = answer.cause == Cause::upstream_timeout});
        }
        if (answer.status < 200 || answer.status > 299) {
            return std::unexpected(
                Failure{.why = fmt::format("it answered {}", answer.status), .status = answer.status});
        }
        if (answer.body.empty()) return Json{};
        auto parsed = parse_answer(answer.body);
        if (parsed) parsed = cut_answer(call, std::move(*parsed));
        if (!parsed) return std::unexpected(Failure{.why = std::move(parsed.error())});
        return std::move(*parsed);
    }

    std::expected<proxy::Subrequest, std::string> make_request(const JoinCall& call, const View& view) {
        proxy::Subrequest request{.method = call.method, .most = call.most};
        auto path = call.path.expand(*context_, view, Template::Target::query);
        if (!path) return std::unexpected(std::move(path.error()));
        request.target = std::move(*path);
        char separator = '?';
        for (const auto& [name, value] : call.query) {
            const auto text = value.expand(*context_, view, Template::Target::query);
            if (!text) continue;  // a parameter without a value is left out
            request.target += separator;
            Template::append_coded(request.target, name, Template::Target::query);
            request.target += '=' + *text;
            separator = '&';
        }
        request.headers.emplace_back("Accept", kJson);
        for (const auto& [name, value] : call.headers) {
            auto text = value.expand(*context_, view, Template::Target::header);
            if (text) request.headers.emplace_back(name, std::move(*text));
        }
        if (call.body && !body_->empty()) {
            request.body = *body_;
            const auto type = context_->head().headers.value(codec::Field::content_type);
            if (!type.empty()) request.headers.emplace_back("Content-Type", type);
        }
        return request;
    }

    // A required call that failed decides: what its service says about the client's request is said of the whole.
    Verdict settle() {
        if (decisive_ != nullptr) {
            const Failure& failure = *decisive_->failure;
            uint16_t status = failure.timeout ? 504 : 502;
            if (failure.status >= 400 && failure.status < 500) status = failure.status;
            context_->refusal = {Cause::incomplete, fmt::format("call \"{}\": {}", decisive_->call->name, failure.why),
                                 status};
            return Verdict::refuse;
        }
        std::vector<JoinedPart> parts;
        std::string missing;
        for (State& state : states_) {
            if (state.failure) missing += (missing.empty() ? "" : ", ") + state.call->name;
            parts.push_back({state.call, std::move(state.value), state.failure.has_value()});
        }
        auto document = compose(*plan_, std::move(parts));
        if (!document) {
            context_->refusal = {Cause::incomplete, std::move(document.error())};
            return Verdict::refuse;
        }
        if (!missing.empty()) context_->note("join", "without " + missing);
        context_->reply = std::make_unique<proxy::OwnReply>();
        context_->reply->headers = {{"Content-Type", kJson},
                                    {"X-Trunkline-Complete", missing.empty() ? "true" : "false"}};
        context_->reply->body = document->dump(-1, ' ', false, Json::error_handler_t::replace);
        return Verdict::reply;
    }
    const JoinPlan* plan_;
    RequestContext* context_;
    const std::string* body_;
    base::TimePoint deadline_;
    rt::Cancel stop_;
    std::deque<State> states_;
    const State* decisive_ = nullptr;  // the required call that failed first
    rt::Gate gate_;
};

class JoinFilter final : public proxy::Filter {
  public:
    JoinFilter(JoinPlan plan, size_t most_body) : plan_(std::move(plan)), most_body_(most_body) {}

    std::string_view name() const override { return "join"; }
    size_t most_body() const override { return plan_.wants_body ? most_body_ : 0; }
    bool answers() const override { return true; }
    rt::Task<Verdict> answer(RequestContext& context, std::string& body) const override {
        Joining joining{plan_, context, body};
        const Verdict verdict = co_await joining.run();
        co_return verdict;
    }

  private:
    JoinPlan plan_;
    size_t most_body_;
};

}  // namespace

FilterPtr make_join_filter(const JoinConfig& config, const PolicyContext& context, size_t most_body) {
    return std::make_shared<JoinFilter>(make_join_plan(config, context), most_body);
}

}  // namespace tl::gateway
