#include "gateway/policies/authoriser.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "codec/http1.h"
#include "gateway/policies/audit_counts.h"
#include "gateway/policies/policies.h"
#include "proxy/engine.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using codec::Field;
using manifest::list_of;
using manifest::text;
using proxy::Cause;
using proxy::RequestContext;

namespace {

constexpr size_t kMostHeaders = 16 << 10;  // bytes that an answer may add to a request or to a refusal
constexpr size_t kMostNote = 64;

// Trunkline says these itself, or they belong to one connection.
bool is_own(std::string_view name) {
    switch (codec::lookup_field(name)) {
        case Field::connection:
        case Field::content_length:
        case Field::expect:
        case Field::forwarded:
        case Field::host:
        case Field::keep_alive:
        case Field::proxy_authenticate:
        case Field::proxy_authorization:
        case Field::proxy_connection:
        case Field::te:
        case Field::traceparent:
        case Field::tracestate:
        case Field::trailer:
        case Field::transfer_encoding:
        case Field::upgrade:
        case Field::x_forwarded_for:
        case Field::x_forwarded_host:
        case Field::x_forwarded_port:
        case Field::x_forwarded_proto:
        case Field::x_real_ip:
        case Field::x_request_id: return true;
        default: break;
    }
    static const std::vector<std::string_view> kOwn{"x-forwarded-method", "x-forwarded-uri", "x-consumer"};
    return std::ranges::find(kOwn, base::lower(name)) != kOwn.end();
}

std::optional<std::string> check_sent(std::string_view name) {
    if (!codec::is_token(name)) return "is no name of a header";
    if (is_own(name)) return "is a header that Trunkline says itself";
    return std::nullopt;
}

// No client may send these, on any route: so they must have no meaning of their own.
std::optional<std::string> check_taken(std::string_view name) {
    if (!codec::is_token(name)) return "is no name of a header";
    if (codec::lookup_field(name) != Field::other) return "is a header with another meaning";
    return std::nullopt;
}

// It is not there, or does not get to it. What came and is no answer is not among these.
bool is_unavailable(Cause cause) {
    switch (cause) {
        case Cause::no_healthy_instance:
        case Cause::upstream_connect_failed:
        case Cause::upstream_timeout:
        case Cause::upstream_reset:
        case Cause::upstream_certificate_expired:
        case Cause::upstream_certificate_mismatch:
        case Cause::upstream_certificate_untrusted:
        case Cause::upstream_tls:
        case Cause::fault_injected:
        case Cause::circuit_open:
        case Cause::overloaded: return true;
        default: return false;
    }
}

// What cannot be passed on; "" if all can. Parsers of HTTP have looked at these already, those of JSON have not.
std::string_view wrong_headers(const Decision& decision) {
    if (size_of(decision) > kMostHeaders) return "its answer has too long headers";
    const bool whole = std::ranges::all_of(decision.headers, [](const auto& header) {
        return codec::is_token(header.first) && codec::is_field_value(header.second);
    });
    return whole ? "" : "its answer has a header that is none";
}

Cause cause_of_refusal(uint16_t status) {
    if (status == 401 || status < 400) return Cause::unauthenticated;
    return status == 429 ? Cause::rate_limited : Cause::forbidden;
}

class AuthoriserFilter final : public proxy::Filter {
  public:
    struct Parts {
        std::string policy;
        AuthoriserRules rules;
        std::optional<DecisionRules> cache;
        std::unique_ptr<const Authoriser> authoriser;
        proxy::RoutePtr target;
        std::shared_ptr<AuditCounts> counts;
        proxy::StateSlot slot = 0;
    };
    explicit AuthoriserFilter(Parts parts) : parts_(std::move(parts)) {}

    std::string_view name() const override { return parts_.policy; }

    Verdict on_request(RequestContext& context) const override {
        if (!parts_.cache) return Verdict::wait;
        const auto question = parts_.authoriser->question(context);
        if (!question) return refuse(context, question.error(), question.error().detail);
        if (!question->key) return Verdict::wait;
        const Decision* const known = memory(context).find(*question->key, rt::this_loop().now());
        return known == nullptr ? Verdict::wait : carry_out(context, *known, " as before");
    }

    rt::Task<Verdict> wait_request(RequestContext& context) const override {
        auto question = parts_.authoriser->question(context);
        if (!question) co_return refuse(context, question.error(), question.error().detail);
        question->request.most = parts_.rules.most;
        const base::TimePoint by = base::deadline_after(rt::this_loop().now(), parts_.rules.timeout);
        const proxy::SubResponse answer = co_await proxy::call_service(
            context, parts_.target, std::move(question->request), {by, &context.exchange->cancel()});
        co_return judge(context, question->key, answer);
    }

  private:
    [[nodiscard]] DecisionCache& memory(RequestContext& context) const {
        return context.engine->states().get<DecisionCache>(parts_.slot);
    }
    [[nodiscard]] const std::string& service() const { return parts_.rules.service.value; }
    void note(RequestContext& context, std::string_view what) const {
        context.note(parts_.policy, base::printable(what, kMostNote));
    }

    Verdict judge(RequestContext& context, const std::optional<net::Sha256>& key,
                  const proxy::SubResponse& answer) const {
        if (answer.cause == Cause::client_gone) {
            context.refusal = {Cause::client_gone, {}};
            return Verdict::refuse;
        }
        if (answer.cause != Cause::none) {
            return fail(context, std::string{proxy::info(answer.cause).code}, is_unavailable(answer.cause));
        }
        if (parts_.authoriser->is_failure(answer.status))
            return fail(context, fmt::format("it answered {}", answer.status), true);
        const auto decision = parts_.authoriser->read(answer);
        if (!decision) return fail(context, decision.error(), false);
        if (const std::string_view wrong = wrong_headers(*decision); !wrong.empty())
            return fail(context, std::string{wrong}, false);
        if (parts_.cache && key && decision->keep) {
            memory(context).add(*key, *decision, base::deadline_after(rt::this_loop().now(), parts_.cache->lasts),
                                parts_.cache->most);
        }
        return carry_out(context, *decision, "");
    }

    // There is no decision.
    Verdict fail(RequestContext& context, const std::string& why, bool may_pass) const {
        const std::string what = fmt::format("{} did not decide: {}", service(), why);
        if (may_pass && parts_.rules.on_failure == OnFailure::allow) {
            note(context, "passed, " + what);
            return Verdict::proceed;
        }
        return refuse(context, {Cause::policy_unavailable, what}, what);
    }

    Verdict carry_out(RequestContext& context, const Decision& decision, std::string_view from) const {
        const std::string because = decision.reason.empty() ? "" : ": " + decision.reason;
        if (!decision.allowed) {
            return refuse(context,
                          {.cause = cause_of_refusal(decision.status),
                           .detail = fmt::format("{} refuses this request{}", service(), because),
                           .status = decision.status,
                           .retry_after = decision.retry_after,
                           .headers = decision.headers},
                          fmt::format("{} says {}{}{}", service(), decision.status, from, because));
        }
        note(context, fmt::format("{} allows{}{}", service(), from, because));
        // Only what it says now: neither what the client nor what an earlier policy has said under these names.
        codec::HeaderTable& headers = context.head().headers;
        for (const std::string& name : parts_.rules.take) headers.remove(name);
        for (const auto& [name, value] : decision.headers)
            headers.add(context.arena.copy(name), context.arena.copy(value));
        return Verdict::proceed;
    }

    Verdict refuse(RequestContext& context, proxy::Denial refusal, std::string_view what) const {
        if (parts_.rules.audit) {
            parts_.counts->add();
            note(context, fmt::format("would refuse: {}", what));
            return Verdict::proceed;
        }
        note(context, what);
        context.refusal = std::move(refusal);
        return Verdict::refuse;
    }

    Parts parts_;
};

}  // namespace

const manifest::Object<AuthoriserRules>& authoriser_schema() {
    const auto names = [](manifest::Check check) {
        return list_of(text("a header's name").check(std::move(check))).unique().or_single().at_most(64);
    };
    static const auto schema =
        manifest::Object<AuthoriserRules>("how a service is asked")
            .field("service", &AuthoriserRules::service, manifest::dns_label("a service's name"))
            .required()
            .doc("The service that is asked.")
            .example("authz")
            .field("send", &AuthoriserRules::send, names(check_sent))
            .doc("Headers of the request that it is told.")
            .example("[Authorization, X-Tenant]")
            .field("take", &AuthoriserRules::take, names(check_taken))
            .doc("Headers of its answer that the service gets; clients cannot send them, on any route.")
            .example("[X-User]")
            .field("answer", &AuthoriserRules::answer, names(check_taken))
            .doc("Headers of its answer that a client gets which is refused.")
            .field("timeout", &AuthoriserRules::timeout, manifest::duration().range(1ms, 1min))
            .doc("How long it may take.")
            .field("on_failure", &AuthoriserRules::on_failure,
                   manifest::one_of<OnFailure>({{"refuse", OnFailure::refuse}, {"allow", OnFailure::allow}}))
            .doc("What requests get while it does not answer: refuse (503) or allow.")
            .field("most", &AuthoriserRules::most, manifest::size().range(0, 1 << 20))
            .doc("Bytes of its answer's body; a longer one refuses.")
            .field("audit", &AuthoriserRules::audit, manifest::boolean())
            .doc("Only note and count what would be refused.");
    return schema;
}

const manifest::Object<DecisionRules>& decision_schema() {
    static const auto schema = manifest::Object<DecisionRules>("kept decisions")
                                   .field("for", &DecisionRules::lasts, manifest::duration().range(1ms, 1h))
                                   .required()
                                   .doc("How long a decision holds for the same question.")
                                   .example("10s")
                                   .field("most", &DecisionRules::most, manifest::integer().range(1, 65'536))
                                   .doc("Decisions that a core keeps; the one used longest ago goes.");
    return schema;
}

void check_authoriser(const AuthoriserRules& rules, std::string_view policy, const PolicyCheck& check) {
    check.services.check(rules.service, fmt::format("{} asks", policy), check.diagnostics);
}

FilterPtr make_authoriser_filter(AuthoriserOptions options, AuthoriserRules rules,
                                 std::unique_ptr<const Authoriser> authoriser, const PolicyContext& context) {
    AuthoriserFilter::Parts parts{.policy = std::move(options.policy),
                                  .rules = std::move(rules),
                                  .cache = options.cache,
                                  .authoriser = std::move(authoriser),
                                  .target = nullptr,
                                  .counts = nullptr};
    parts.target = context.target(parts.rules.service.value);
    parts.counts = context.home->keeper.keep<AuditCounts>(fmt::format("audit of {} on {}", parts.policy, context.route),
                                                          parts.policy, context.route);
    const std::string level = context.level ? context.level(parts.policy) : context.route;
    parts.slot = context.home->slots.of(fmt::format("{} of {}: {}", parts.policy, level, options.config));
    return std::make_shared<AuthoriserFilter>(std::move(parts));
}

void append_framed(std::string& out, std::string_view text) {
    out += fmt::format("{}:", text.size());
    out += text;
}

std::vector<std::pair<std::string, std::string>> pick_headers(
    const std::vector<std::pair<std::string, std::string>>& headers, const std::vector<std::string>& names) {
    std::vector<std::pair<std::string, std::string>> picked;
    for (const auto& [name, value] : headers) {
        const auto same = [&](const std::string& wanted) { return base::iequals(wanted, name); };
        if (!value.empty() && std::ranges::any_of(names, same)) picked.emplace_back(name, value);
    }
    return picked;
}

uint16_t refusal_status(uint16_t status, const std::vector<std::pair<std::string, std::string>>& headers) {
    if (status >= 400 && status <= 499) return status;
    const bool redirect = status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
    const auto is_place = [](const auto& header) { return base::iequals(header.first, "Location"); };
    return redirect && std::ranges::any_of(headers, is_place) ? status : uint16_t{0};
}

}  // namespace tl::gateway
