// The filter of the lua policy: when a script's functions run, and what becomes of what they say.
#include <fmt/format.h>

#include "base/buffer.h"
#include "base/log.h"
#include "base/text.h"
#include "gateway/lua/config.h"
#include "gateway/lua/run.h"
#include "gateway/policies/auth_files.h"
#include "gateway/policies/headers.h"
#include "proxy/engine.h"

namespace tl::gateway {

using proxy::Cause;
using proxy::RequestContext;
using Step = LuaRun::Step;

namespace {

constexpr size_t kMostCalls = 64;  // of one request

using MachinePtr = std::shared_ptr<LuaMachine>;

struct LuaState final : proxy::CoreState {
    MachinePtr machine;
    std::shared_ptr<const LuaScript> script;  // that it has loaded
};

// What a script says about an answer with a body: its new status, its new body, or that it failed.
class ScriptedAnswer final : public proxy::BodyTransform {
  public:
    struct Work {
        MachinePtr machine;  // nullptr: the body stays as it is
        LuaSubject subject;
        int64_t instructions = 0;
        uint64_t most = 0;
    };
    ScriptedAnswer(std::string failure, uint16_t given, uint16_t wanted, Work work)
        : failure_(std::move(failure)), given_(given), status_(wanted), work_(std::move(work)) {}

    base::Result<void> feed(std::string_view data, bool end, std::string& out) override {
        if (!failure_.empty()) return base::fail(base::Code::internal, failure_);
        if (work_.machine == nullptr) {
            out += data;
            return {};
        }
        if (body_.size() + data.size() > work_.most)
            return base::fail(base::Code::too_large, "the answer is larger than its lua policy takes");
        body_ += data;
        held_.set(body_.capacity());
        if (!end) return {};
        LuaSubject subject = work_.subject;
        subject.status = &status_;
        LuaRun run{work_.machine, subject, work_.instructions};
        if (run.start("on_response_body", body_) != Step::done) {
            work_.subject.context->note("lua", run.error);
            return base::fail(base::Code::internal, run.error);
        }
        out += run.body ? *run.body : body_;
        return {};
    }
    bool holds_head() const override { return true; }
    // Only where the script has said another one: a transform before this may know it better (calls of gRPC).
    void finish_head(uint16_t& status, codec::HeaderTable& /*headers*/) override {
        if (status_ != given_) status = status_;
    }
    Cause cause_of_failure() const override { return Cause::script_failed; }

  private:
    std::string failure_;
    uint16_t given_;
    uint16_t status_;
    Work work_;
    std::string body_;
    base::HeldBytes held_;
};

bool has_body(uint16_t status, const RequestContext& context) {
    return status != 204 && status != 304 && context.head().method != codec::Method::head;
}

class LuaFilter final : public proxy::Filter {
  public:
    LuaFilter(const LuaConfig& config, LuaScript script, LuaPhases phases, proxy::StateSlot slot,
              std::vector<std::pair<std::string, proxy::RoutePtr>> services)
        : config_(config),
          script_(std::make_shared<const LuaScript>(std::move(script))),
          phases_(phases),
          slot_(slot),
          services_(std::move(services)) {}

    std::string_view name() const override { return "lua"; }

    Verdict on_request(RequestContext& context) const override {
        if (phases_.response_body) ask_for_readable_answer(context);
        if (!phases_.request) return Verdict::proceed;
        if (!services_.empty()) return Verdict::wait;  // it may call
        const MachinePtr machine = machine_of(context);
        if (machine == nullptr) return fail(context, "there is no memory for the script");
        LuaRun run{machine, subject_of(context), config_.instructions};
        return settle(context, run, run.start("on_request"));
    }

    rt::Task<Verdict> wait_request(RequestContext& context) const override {
        const MachinePtr machine = machine_of(context);
        if (machine == nullptr) co_return fail(context, "there is no memory for the script");
        LuaSubject subject = subject_of(context);
        subject.may_call = true;
        LuaRun run{machine, subject, config_.instructions};
        const rt::Wait wait = rt::this_loop().within(config_.timeout, &context.exchange->cancel());
        Step step = run.start("on_request");
        for (size_t made = 0; step == Step::calls; ++made) {
            if (made == kMostCalls) co_return fail(context, fmt::format("it calls more than {} times", kMostCalls));
            if (rt::this_loop().now() >= wait.deadline)
                co_return fail(context, "its calls take longer than its timeout");
            const proxy::RoutePtr route = route_of(run.call.service);
            if (route == nullptr) {
                co_return fail(context, fmt::format("call: service \"{}\" is not among the policy's calls",
                                                    base::printable(run.call.service)));
            }
            run.call.request.most = config_.most;
            const proxy::SubResponse answer =
                co_await proxy::call_service(context, route, std::move(run.call.request), wait);
            if (context.exchange->cancel().requested()) {
                context.refusal = {Cause::client_gone, "the client left while a script waited"};
                co_return Verdict::refuse;
            }
            step = run.resume(answer);
        }
        co_return settle(context, run, step);
    }

    size_t most_body() const override { return phases_.request_body ? config_.most : 0; }
    Verdict on_body(RequestContext& context, std::string& body) const override {
        if (!phases_.request_body) return Verdict::proceed;
        const MachinePtr machine = machine_of(context);
        if (machine == nullptr) return fail(context, "there is no memory for the script");
        LuaRun run{machine, subject_of(context), config_.instructions};
        const Verdict verdict = settle(context, run, run.start("on_request_body", body));
        if (verdict == Verdict::proceed && run.body) {
            body = std::move(*run.body);
            remove_digests(context.head().headers);
        }
        return verdict;
    }

    // Answers with a body are body_transform's.
    void on_response(RequestContext& context, codec::ResponseHead& head) const override {
        const bool own = context.refusal.cause != Cause::none || context.reply != nullptr;
        if (!phases_.response || own || has_body(head.status, context)) return;
        const MachinePtr machine = machine_of(context);
        LuaRun run{
            machine, {.context = &context, .headers = &head.headers, .status = &head.status}, config_.instructions};
        if (machine != nullptr && run.start("on_response") == Step::done) return;
        context.note("lua", run.error);
        head.status = proxy::info(Cause::script_failed).status;
        head.headers.clear();
    }
    bool transforms() const override { return phases_.response || phases_.response_body; }
    std::unique_ptr<proxy::BodyTransform> body_transform(RequestContext& context, uint16_t status,
                                                         codec::HeaderTable& headers) const override {
        if (!transforms() || context.record.has(telemetry::Record::kOwnReply)) return nullptr;
        const MachinePtr machine = machine_of(context);
        uint16_t wanted = status;
        std::string failure = machine == nullptr ? "there is no memory for the script" : "";
        if (phases_.response && machine != nullptr) {
            LuaRun run{machine, {.context = &context, .headers = &headers, .status = &wanted}, config_.instructions};
            if (run.start("on_response") != Step::done) failure = std::move(run.error);
        }
        if (failure.empty() && phases_.response_body && !is_readable(status, headers)) {
            failure = "the answer is coded or a part, which the script cannot read";
        }
        if (!failure.empty()) context.note("lua", failure);
        const bool changes = phases_.response_body;
        if (failure.empty() && !changes && wanted == status) return nullptr;
        if (changes) headers.remove("ETag");  // it names other bytes
        ScriptedAnswer::Work work;
        // The headers are looked at as they are now: those of a held answer live in its exchange until it has been
        // sent.
        if (changes) work = {machine, {.context = &context, .headers = &headers}, config_.instructions, config_.most};
        return std::make_unique<ScriptedAnswer>(std::move(failure), status, wanted, std::move(work));
    }

  private:
    [[nodiscard]] LuaSubject subject_of(RequestContext& context) const {
        return {.context = &context, .headers = &context.head().headers};
    }
    // nullptr: there is no memory for one.
    [[nodiscard]] MachinePtr machine_of(RequestContext& context) const {
        auto& state = context.engine->states().get<LuaState>(slot_);
        if (state.machine != nullptr && !state.machine->spent() && state.script == script_) return state.machine;
        auto made = LuaMachine::make(*script_, {config_.memory, config_.instructions});
        if (!made) {
            TL_LOG(error, "lua", "{}: {}", script_->name, made.error());
            return nullptr;
        }
        state.machine = std::move(*made);
        state.script = script_;
        return state.machine;
    }
    [[nodiscard]] proxy::RoutePtr route_of(const std::string& service) const {
        for (const auto& [name, route] : services_) {
            if (name == service) return route;
        }
        return nullptr;
    }
    static Verdict fail(RequestContext& context, std::string why) {
        context.note("lua", why);
        context.refusal = {Cause::script_failed, context.door.development ? std::move(why) : std::string{}};
        return Verdict::refuse;
    }
    static Verdict settle(RequestContext& context, LuaRun& run, Step step) {
        if (step == Step::failed) return fail(context, std::move(run.error));
        if (step == Step::calls) return fail(context, "only on_request may call");
        if (run.reply == nullptr) return Verdict::proceed;
        context.reply = std::move(run.reply);
        return Verdict::reply;
    }

    LuaConfig config_;
    std::shared_ptr<const LuaScript> script_;
    LuaPhases phases_;
    proxy::StateSlot slot_;
    std::vector<std::pair<std::string, proxy::RoutePtr>> services_;
};

// The script could not be loaded again: what `check` had found good has changed since.
class Unloadable final : public proxy::Filter {
  public:
    std::string_view name() const override { return "lua"; }
    Verdict on_request(RequestContext& context) const override {
        context.refusal = {Cause::script_failed, "the script of this route cannot be loaded"};
        return Verdict::refuse;
    }
};

}  // namespace

FilterPtr make_lua_filter(const LuaConfig& config, const PolicyContext& context) {
    PolicyHome& home = *context.home;
    auto script = load_script(config, home.folder);
    auto machine =
        script ? LuaMachine::make(*script, {config.memory, config.instructions}) : std::unexpected(script.error());
    if (!machine) {
        TL_LOG(error, "lua", "route {}: {}", context.route, machine.error());
        return std::make_shared<Unloadable>();
    }
    std::vector<std::pair<std::string, proxy::RoutePtr>> services;
    for (const auto& service : config.calls) services.emplace_back(service.value, context.target(service.value));
    return std::make_shared<LuaFilter>(config, std::move(*script), (*machine)->phases(),
                                       home.slots.of("lua " + lua_schema().dump(config)), std::move(services));
}

}  // namespace tl::gateway
