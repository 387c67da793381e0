// Sessions: read, renewed, kept. The pages are in login_pages.cpp.
#include "gateway/auth/login.h"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "base/log.h"
#include "base/text.h"
#include "codec/base64url.h"
#include "gateway/auth/strict_json.h"
#include "gateway/auth/token_cache.h"
#include "net/digest.h"
#include "proxy/client.h"
#include "proxy/engine.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using proxy::RequestContext;

namespace {

constexpr base::Duration kLookAgain = 10ms;  // while newer keys are being fetched

struct LoginState final : proxy::CoreState {
    View<KeySet> keys;
    // Cookies that were opened, until they are to be looked at again.
    TokenCache sessions{base::random_key()};
};

// Half a life is not spent on renewing: of a token for two minutes the last half minute.
base::Duration renew_before(const nlohmann::json& claims, base::WallTime until, base::Duration wanted) {
    const auto issued = claims.find("iat");
    if (issued == claims.end() || !issued->is_number_integer()) return wanted;
    const auto life = until - base::WallTime{std::chrono::seconds{std::clamp<int64_t>(*issued, 0, 9'000'000'000)}};
    return life > 0s ? std::min(wanted, base::Duration{life / 4}) : wanted;
}

void add_answer_field(RequestContext& context, std::string_view name, std::string_view value) {
    using proxy::AnswerField;
    size_t room = sizeof(AnswerField) + alignof(AnswerField);
    void* at = context.arena.allocate(room);
    at = std::align(alignof(AnswerField), sizeof(AnswerField), at, room);
    context.session_fields =
        ::new (at) AnswerField{.name = name, .value = context.arena.copy(value), .next = context.session_fields};
}

}  // namespace

Login::Login(LoginOptions options, std::vector<LoginSealers> sealers, std::shared_ptr<LoginIssuer> issuer,
             std::shared_ptr<KeySource> keys, proxy::StateSlot slot)
    : options_(std::move(options)),
      sealers_(std::move(sealers)),
      issuer_(std::move(issuer)),
      keys_(std::move(keys)),
      slot_(slot),
      plain_(options_.cookie, false),
      secure_(options_.cookie, true) {}

// RFC 9110 15.5.2 wants a challenge, and no registered scheme says this; browsers pass over what they do not know.
std::string Login::challenge() const { return fmt::format("Cookie realm={}", quote(options_.realm)); }

bool Login::is_secure(const RequestContext& context) const {
    return options_.origin.empty() ? proxy::is_secure(context) : options_.origin.starts_with("https://");
}

const LoginCookies& Login::cookies(const RequestContext& context) const {
    return is_secure(context) ? secure_ : plain_;
}

bool Login::is_used(const RequestContext& context) const {
    return cookies(context).has_session(context.head().headers);
}

void Login::strip(RequestContext& context) const { cookies(context).strip(context.head().headers, context.arena); }

Finding Login::refuse(std::string why) const { return refuse_credential(std::move(why), challenge()); }

std::optional<std::string> Login::open(std::string_view text, net::Sealer LoginSealers::* by) const {
    const auto sealed = codec::decode_base64url(text);
    if (!sealed) return std::nullopt;
    for (const LoginSealers& sealers : sealers_) {
        auto plain = (sealers.*by).open(*sealed);
        if (plain) return plain;
    }
    return std::nullopt;
}

std::optional<Login::Held> Login::held_by(std::string_view cookie, base::WallTime now) const {
    const auto plain = open(cookie, &LoginSealers::session);
    if (!plain) return std::nullopt;
    auto session = read_session(*plain);
    if (!session || now >= session->end) return std::nullopt;
    const auto token = parse_token(session->token);
    if (!token) return std::nullopt;
    Held held{.session = std::move(*session), .identity = identity_of(token->claims, options_.rules)};
    if (held.identity->subject.empty()) return std::nullopt;
    held.alive = now < held.session.until;
    const bool renewable = !held.session.refresh.empty() && held.session.until < held.session.end;
    held.look_again = held.session.until;
    if (renewable) held.look_again -= renew_before(token->claims, held.session.until, options_.renew);
    held.due = renewable && now >= held.look_again;
    return held;
}

std::optional<Finding> Login::check(RequestContext& context) const {
    if (sealers_.empty()) return cannot_decide("the secret of sessions cannot be read");
    const auto text = cookies(context).read_session(context.head().headers);
    if (!text) return refuse("a piece of the session is missing");
    auto& sessions = context.engine->states().get<LoginState>(slot_).sessions;
    const base::WallTime now = base::wall_now();
    // By its digest: a large one costs no more memory, and two texts with one digest nobody has.
    const net::Sha256 digest = net::sha256(*text);
    const std::string_view key{reinterpret_cast<const char*>(digest.data()), digest.size()};
    if (const proxy::IdentityPtr* known = sessions.find(key, now); known != nullptr) return Finding{*known};
    const auto held = held_by(*text, now);
    if (!held) return refuse("there is no such session, or it is over");
    if (held->due && !issuer_->resting()) return std::nullopt;
    if (held->due && !held->alive) return cannot_decide("the session cannot be renewed: the issuer does not answer");
    if (!held->alive) return refuse("the session is over");
    if (!held->due) sessions.add(key, held->identity, held->look_again);
    return Finding{held->identity};
}

rt::Task<Finding> Login::check_later(RequestContext& context) const {
    const auto text = cookies(context).read_session(context.head().headers);
    if (!text) co_return refuse("a piece of the session is missing");
    auto held = held_by(*text, base::wall_now());
    if (!held) co_return refuse("there is no such session, or it is over");
    const rt::Wait wait = rt::this_loop().within(options_.wait, &context.exchange->cancel());
    TokenAnswer answer = co_await issuer_->renew(held->session.refresh, wait);
    if (answer.kind == TokenAnswer::Kind::granted) {
        auto finding = co_await settle_renewal(context, std::move(*held), std::move(answer), wait);
        co_return finding;
    }
    if (answer.kind == TokenAnswer::Kind::refused) co_return refuse("the session was not renewed: " + answer.why);
    // An outage of the issuer is none of ours, as long as the token holds.
    if (held->alive && base::wall_now() < held->session.until) co_return Finding{held->identity};
    co_return cannot_decide("the session cannot be renewed: " + answer.why);
}

rt::Task<Finding> Login::settle_renewal(RequestContext& context, Held held, TokenAnswer answer, rt::Wait wait) const {
    LoginSession next = held.session;
    proxy::IdentityPtr identity = held.identity;
    if (!answer.refresh_token.empty()) next.refresh = answer.refresh_token;
    if (answer.id_token.empty()) {
        if (answer.expires_in <= 0) co_return refuse("the session was not renewed: the issuer does not say until when");
        next.until = base::wall_now() + std::chrono::seconds{answer.expires_in};
    } else {
        TokenVerdict verdict = co_await verify(context, answer.id_token, wait);
        if (verdict.identity == nullptr) {
            if (held.alive && verdict.unknown_key) co_return Finding{held.identity};
            co_return refuse("the session was not renewed: " + verdict.why);
        }
        const std::string wrong =
            wrong_id_token(verdict.identity->claims, issuer_->options().client, {}, &held.identity->claims);
        if (!wrong.empty()) co_return refuse("the session was not renewed: " + wrong);
        next.token = answer.id_token;
        next.until = verdict.until - options_.rules.leeway;
        identity = std::move(verdict.identity);
    }
    next.until = std::min(next.until, next.end);
    keep(context, next);
    context.note("login", "session renewed");
    co_return Finding{std::move(identity)};
}

std::vector<std::string> Login::seal_session(const RequestContext& context, const LoginSession& session) const {
    const std::string sealed = sealers_.front().session.seal(write_session(session));
    const base::WallTime last = session.refresh.empty() ? session.until : session.end;
    const base::Duration lasts = std::max(last - base::wall_now(), base::Duration{1s});
    if (sealed.empty()) return {};
    return cookies(context).write_session(codec::encode_base64url(sealed), lasts, context.head().headers);
}

void Login::keep(RequestContext& context, const LoginSession& session) const {
    const std::vector<std::string> cookies = seal_session(context, session);
    if (cookies.empty()) TL_LOG(warning, "auth", "login: a renewed session is too large for cookies");
    for (const std::string& cookie : cookies) add_answer_field(context, "Set-Cookie", cookie);
}

// Keys that are not here yet are waited for, as those of bearer tokens are (jwt.cpp).
rt::Task<TokenVerdict> Login::verify(RequestContext& context, std::string text, rt::Wait wait) const {
    const auto token = parse_token(text);
    if (!token) co_return TokenVerdict{.identity = nullptr, .until = {}, .why = token.error().context};
    const uint64_t enough = keys_->begun() + 1;
    for (;;) {
        const bool fresh = keys_->ended() >= enough;
        auto& view = context.engine->states().get<LoginState>(slot_).keys;
        view.refresh(keys_->keys());
        TokenVerdict verdict{.identity = nullptr, .until = {}, .why = "the issuer's keys are not here yet"};
        verdict.unknown_key = true;
        if (view.get() != nullptr) verdict = check_token(*token, *view.get(), options_.rules, base::wall_now());
        const base::Duration left = wait.deadline - rt::this_loop().now();
        const bool known = verdict.identity != nullptr || !verdict.unknown_key;
        const bool first = view.get() == nullptr;
        if (known || left <= 0s || (fresh && !first)) co_return verdict;
        if (!keys_->want_newer(left) && !first) co_return verdict;
        const rt::Wake wake = co_await rt::sleep(kLookAgain, wait.cancel);
        if (wake == rt::Wake::cancelled) co_return verdict;
    }
}

std::string wrong_id_token(const nlohmann::json& claims, const std::string& client, const std::string& nonce,
                           const nlohmann::json* former) {
    const auto audience = claims.find("aud");
    const bool several = audience != claims.end() && audience->is_array() && audience->size() > 1;
    const bool has_party = claims.contains("azp");
    if ((several || has_party) && text_at(claims, "azp") != client) return "the token was made for another client";
    if (former != nullptr) {
        if (text_at(claims, "sub") != text_at(*former, "sub")) return "the token names somebody else";
        if (claims.contains("nonce") && text_at(claims, "nonce") != text_at(*former, "nonce")) {
            return "the token is of another login";
        }
        return {};
    }
    const net::Sha256 wanted = net::sha256(nonce);
    const bool same = net::equal_in_constant_time(net::sha256(text_at(claims, "nonce")), wanted);
    return same && !nonce.empty() ? std::string{} : "the token is of another login";
}

}  // namespace tl::gateway
