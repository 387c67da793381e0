#include "gateway/auth/jwt.h"

#include <fmt/format.h>

#include "gateway/auth/token_cache.h"
#include "proxy/engine.h"

namespace tl::gateway {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kLookAgain = 10ms;  // while newer keys are being fetched

struct JwtState final : proxy::CoreState {
    View<KeySet> keys;
    TokenCache tokens{base::random_key()};
};

class JwtMethod final : public Method {
  public:
    JwtMethod(JwtOptions options, std::shared_ptr<KeySource> source, std::shared_ptr<const KeySet> fixed,
              proxy::StateSlot slot)
        : options_(std::move(options)), source_(std::move(source)), fixed_(std::move(fixed)), slot_(slot) {}

    std::string_view name() const override { return "jwt"; }
    std::string challenge() const override { return fmt::format("Bearer realm={}", quote(options_.realm)); }
    bool uses_authorization() const override { return true; }
    bool is_used(const proxy::RequestContext& context) const override {
        return authorization(context.head().headers, "Bearer").has_value();
    }
    std::optional<Finding> check(proxy::RequestContext& context) const override {
        const Look look = look_at(context);
        if (look.finding.identity == nullptr && look.newer_keys_may_help) return std::nullopt;
        return look.finding;
    }
    rt::Task<Finding> check_later(proxy::RequestContext& context) const override {
        const base::TimePoint end = base::deadline_after(rt::this_loop().now(), options_.wait);
        const uint64_t enough = source_->begun() + 1;  // ended, for keys as new as this request
        for (;;) {
            const bool fresh = source_->ended() >= enough;
            Look look = look_at(context);
            const bool known = look.finding.identity != nullptr || !look.newer_keys_may_help;
            const base::Duration left = end - rt::this_loop().now();
            const bool waits_for_first = source_->keys().version() == 0;
            if (known || left <= 0s || (fresh && !waits_for_first)) co_return std::move(look.finding);
            const bool coming = source_->want_newer(left) || waits_for_first;
            if (!coming) co_return std::move(look.finding);
            const rt::Wake wake = co_await rt::sleep(kLookAgain, &context.exchange->cancel());
            if (wake == rt::Wake::cancelled) co_return cannot_decide("the client is gone");
        }
    }
    void strip(proxy::RequestContext& context) const override {
        if (!options_.keep) context.head().headers.remove(codec::Field::authorization);
    }

  private:
    struct Look {
        Finding finding;
        bool newer_keys_may_help = false;
    };

    Look look_at(proxy::RequestContext& context) const {
        const std::string_view text = *authorization(context.head().headers, "Bearer");
        auto& state = context.engine->states().get<JwtState>(slot_);
        // What was signed by a key that is gone counts no more.
        if (source_ != nullptr && state.keys.refresh(source_->keys())) state.tokens.clear();
        const KeySet* const keys = source_ != nullptr ? state.keys.get() : fixed_.get();
        if (keys == nullptr) return {cannot_decide("the keys of the issuer are not here yet"), true};
        const base::WallTime now = base::wall_now();
        if (const proxy::IdentityPtr* known = state.tokens.find(text, now); known != nullptr) return {{*known}};
        auto token = parse_token(text);
        if (!token) return {refuse(token.error().context)};
        TokenVerdict verdict = check_token(*token, *keys, options_.rules, now);
        if (verdict.identity == nullptr) return refused(std::move(verdict));
        state.tokens.add(text, verdict.identity, verdict.until);
        return {{std::move(verdict.identity)}};
    }
    Look refused(TokenVerdict verdict) const {
        if (!verdict.unknown_key || source_ == nullptr) return {refuse(std::move(verdict.why))};
        if (!source_->failing()) return {refuse(std::move(verdict.why)), true};
        return {cannot_decide("the token's key is not known, and the issuer cannot be asked for newer ones"), true};
    }
    Finding refuse(std::string why) const {
        std::string challenge = fmt::format("Bearer realm={}, error=\"invalid_token\", error_description={}",
                                            quote(options_.realm), quote(why));
        return refuse_credential(std::move(why), std::move(challenge));
    }

    JwtOptions options_;
    std::shared_ptr<KeySource> source_;
    std::shared_ptr<const KeySet> fixed_;  // where there is no source
    proxy::StateSlot slot_;
};

}  // namespace

MethodPtr make_jwt_method(JwtOptions options, std::shared_ptr<KeySource> keys, proxy::StateSlot slot) {
    return std::make_shared<JwtMethod>(std::move(options), std::move(keys), nullptr, slot);
}
MethodPtr make_jwt_method(JwtOptions options, std::shared_ptr<const KeySet> keys, proxy::StateSlot slot) {
    return std::make_shared<JwtMethod>(std::move(options), nullptr, std::move(keys), slot);
}

}  // namespace tl::gateway
