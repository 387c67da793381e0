// The pages of a login: to the issuer, back from it, and out.
#include <fmt/format.h>

#include <algorithm>

#include "base/random.h"
#include "base/text.h"
#include "codec/base64url.h"
#include "codec/http1.h"
#include "gateway/auth/login.h"
#include "gateway/policies/template.h"
#include "net/digest.h"
#include "proxy/client.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using proxy::RequestContext;

namespace {

constexpr base::Duration kAttemptLasts = 10min;  // the time that somebody has to say a password
constexpr base::Duration kLookAgain = 10ms;
constexpr size_t kMostAnswer = 4096;    // bytes of a code
constexpr size_t kMostLocation = 6144;  // of a logout with its hint: what servers take as a target

std::string coded(std::string_view text) {
    std::string out;
    Template::append_coded(out, text, Template::Target::query);
    return out;
}

std::string random_text(size_t bytes) { return codec::encode_base64url(base::random_bytes(bytes)); }

std::string challenge_of(std::string_view verifier) {
    const net::Sha256 digest = net::sha256(verifier);
    return codec::encode_base64url({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

bool same_text(std::string_view a, std::string_view b) {
    return net::equal_in_constant_time(net::sha256(a), net::sha256(b));
}

// Of a query, where it is there once; "" otherwise (RFC 6749 3.1: no parameter twice).
std::string single_value(RequestContext& context, std::string_view name) {
    const std::string_view query = context.head().query;
    const auto is_name = [&](std::string_view pair) {
        const std::string_view key = pair.substr(0, pair.find('='));
        return decode_percent(key, Plus::space, context.arena) == name;
    };
    if (std::ranges::count_if(base::split(query, '&'), is_name) != 1) return {};
    return std::string{query_value(query, name, context.arena)};
}

// What goes on at another address; 303, so that whatever the method was, a GET follows (RFC 9110 15.4.4).
std::unique_ptr<proxy::OwnReply> redirect(std::string location, std::vector<std::string> cookies) {
    auto reply = std::make_unique<proxy::OwnReply>();
    reply->status = 303;
    reply->headers = {{"Location", std::move(location)}, {"Cache-Control", "no-store"}};
    for (std::string& cookie : cookies) reply->headers.emplace_back("Set-Cookie", std::move(cookie));
    return reply;
}

Login::Verdict deny(RequestContext& context, proxy::Denial denial) {
    context.refusal = std::move(denial);
    return Login::Verdict::refuse;
}

Login::Verdict refuse_method(RequestContext& context, std::string_view allowed) {
    auto reply = std::make_unique<proxy::OwnReply>();
    reply->status = 405;
    reply->headers = {{"Allow", std::string{allowed}}};
    context.reply = std::move(reply);
    return Login::Verdict::reply;
}

}  // namespace

bool Login::is_navigation(const RequestContext& context) {
    const codec::RequestHead& head = context.head();
    if (head.method != codec::Method::get || head.upgrade) return false;
    const std::string accept = base::lower(head.headers.value(codec::Field::accept));
    if (accept.find("text/html") == std::string::npos) return false;
    // Where a browser says what it is about, its word counts (W3C Fetch Metadata).
    const codec::Header* const mode = head.headers.find("Sec-Fetch-Mode");
    return mode == nullptr || mode->value == "navigate";
}

std::string Login::origin_of(const RequestContext& context) const {
    if (!options_.origin.empty()) return options_.origin;
    const std::string_view authority = context.head().authority;
    if (!codec::is_valid_authority(authority)) return {};
    return fmt::format("{}://{}", proxy::is_secure(context) ? "https" : "http", authority);
}

bool Login::is_page(const RequestContext& context) const {
    if (!context.path.starts_with(options_.path)) return false;
    const std::string_view page = context.path.substr(options_.path.size());
    return page == "/start" || page == "/callback" || page == "/logout";
}

rt::Task<Login::Verdict> Login::answer_page(RequestContext& context) const {
    const std::string_view page = context.path.substr(options_.path.size());
    const codec::Method method = context.head().method;
    const bool posts = method == codec::Method::post && page == "/logout";
    if (method != codec::Method::get && !posts) {
        co_return refuse_method(context, page == "/logout" ? "GET, POST" : "GET");
    }
    if (page == "/logout") {
        const Verdict verdict = co_await log_out(context);
        co_return verdict;
    }
    if (sealers_.empty()) co_return deny(context, cannot_decide("the secret of sessions cannot be read").refusal);
    if (page == "/callback") {
        const Verdict verdict = co_await finish(context);
        co_return verdict;
    }
    const std::string_view wanted = query_value(context.head().query, "return_to", context.arena);
    if (wanted.data() != nullptr && !is_local_target(wanted)) {
        co_return deny(context, {.cause = proxy::Cause::bad_request,
                                 .detail = "return_to must be a path of this site, such as /cart"});
    }
    const Verdict verdict = co_await send_to_issuer(context, wanted.empty() ? "/" : std::string{wanted});
    co_return verdict;
}

rt::Task<Login::Verdict> Login::begin(RequestContext& context) const {
    const codec::RequestHead& head = context.head();
    std::string target = fmt::format("{}{}{}", head.path, head.query.empty() ? "" : "?", head.query);
    if (!is_local_target(target)) target = "/";
    const Verdict verdict = co_await send_to_issuer(context, std::move(target));
    co_return verdict;
}

rt::Task<std::shared_ptr<const IssuerEndpoints>> Login::endpoints(rt::Wait wait) const {
    while (issuer_->endpoints().version() == 0 && rt::this_loop().now() < wait.deadline) {
        const rt::Wake wake = co_await rt::sleep(kLookAgain, wait.cancel);
        if (wake == rt::Wake::cancelled) break;
    }
    co_return issuer_->endpoints().take();
}

rt::Task<Login::Verdict> Login::send_to_issuer(RequestContext& context, std::string return_to) const {
    const auto known = co_await endpoints(rt::this_loop().within(options_.wait, &context.exchange->cancel()));
    if (known == nullptr || sealers_.empty()) {
        co_return deny(context, cannot_decide("nobody can log in: the issuer cannot be reached").refusal);
    }
    const std::string origin = origin_of(context);
    if (origin.empty()) {
        co_return deny(context, {.cause = proxy::Cause::bad_request, .detail = "a login needs a Host"});
    }
    const LoginAttempt attempt{.state = random_text(24),
                               .nonce = random_text(24),
                               .verifier = random_text(32),
                               .redirect_uri = origin + options_.path + "/callback",
                               .return_to = std::move(return_to),
                               .until = base::wall_now() + kAttemptLasts};
    const std::string text = codec::encode_base64url(sealers_.front().attempt.seal(write_attempt(attempt)));
    std::string location = fmt::format(
        "{}{}response_type=code&client_id={}&redirect_uri={}&scope={}&state={}&nonce={}&code_challenge={}"
        "&code_challenge_method=S256{}",
        known->authorization, known->authorization.find('?') == std::string::npos ? '?' : '&',
        coded(issuer_->options().client), coded(attempt.redirect_uri), coded(options_.scope), attempt.state,
        attempt.nonce, challenge_of(attempt.verifier), options_.parameters);
    std::vector<std::string> set{cookies(context).write_attempt(attempt.state, text, kAttemptLasts)};
    context.reply = redirect(std::move(location), std::move(set));
    context.note("auth", "login begun");
    co_return Verdict::reply;
}

// Whatever came of an attempt, it is not used twice.
Login::Verdict Login::refuse_attempt(RequestContext& context, std::string_view state, Finding finding) const {
    finding.refusal.headers.emplace_back("Set-Cookie", cookies(context).drop_attempt(state));
    finding.refusal.headers.emplace_back("Cache-Control", "no-store");
    context.note("auth", "login refused");
    return deny(context, std::move(finding.refusal));
}

rt::Task<Login::Verdict> Login::finish(RequestContext& context) const {
    const std::string state = single_value(context, "state");
    const auto cookie = cookies(context).read_attempt(context.head().headers, state);
    const auto plain = cookie ? open(*cookie, &LoginSealers::attempt) : std::nullopt;
    auto attempt = plain ? read_attempt(*plain) : std::nullopt;
    if (state.empty() || !attempt || base::wall_now() >= attempt->until) {
        context.note("auth", "login refused");
        co_return deny(
            context,
            this->refuse("this browser has begun no such login, or too long ago: open the page again").refusal);
    }
    // Not this attempt's answer: another one's cookie stays as it is.
    if (!same_text(state, attempt->state)) {
        context.note("auth", "login refused");
        co_return deny(context,
                       this->refuse("this browser has begun another login since: open the page again").refusal);
    }
    const auto known = co_await endpoints(rt::this_loop().within(options_.wait, &context.exchange->cancel()));
    const std::string issuer = single_value(context, "iss");
    const bool wrong_issuer =
        issuer.empty() ? known != nullptr && known->names_itself : issuer != options_.rules.issuer;
    if (wrong_issuer) {
        co_return refuse_attempt(context, state, this->refuse("the answer is of another issuer"));
    }
    const std::string error = single_value(context, "error");
    const std::string code = single_value(context, "code");
    if (!error.empty() || code.empty() || code.size() > kMostAnswer) {
        const std::string why = error.empty() ? "it gave no code" : base::printable(error, 64);
        co_return refuse_attempt(context, state, this->refuse("the issuer did not log in: " + why));
    }
    const Verdict verdict = co_await redeem(context, std::move(*attempt), code);
    co_return verdict;
}

rt::Task<Login::Verdict> Login::redeem(RequestContext& context, LoginAttempt attempt, std::string code) const {
    const rt::Wait wait = rt::this_loop().within(options_.wait, &context.exchange->cancel());
    TokenAnswer answer = co_await issuer_->exchange(std::move(code), attempt.verifier, attempt.redirect_uri, wait);
    if (answer.kind != TokenAnswer::Kind::granted) {
        const bool refused = answer.kind == TokenAnswer::Kind::refused;
        Finding finding = refused ? this->refuse("no login: " + answer.why) : cannot_decide("no login: " + answer.why);
        co_return refuse_attempt(context, attempt.state, std::move(finding));
    }
    const TokenVerdict verdict = co_await verify(context, answer.id_token, wait);
    std::string why = verdict.why;
    if (verdict.identity != nullptr) {
        why = wrong_id_token(verdict.identity->claims, issuer_->options().client, attempt.nonce, nullptr);
    }
    if (!why.empty()) co_return refuse_attempt(context, attempt.state, this->refuse("no login: " + why));
    const base::WallTime end = base::wall_now() + options_.session;
    const LoginSession session{.token = std::move(answer.id_token),
                               .refresh = std::move(answer.refresh_token),
                               .until = std::min(verdict.until - options_.rules.leeway, end),
                               .end = end};
    std::vector<std::string> set = seal_session(context, session);
    if (set.empty()) {
        co_return refuse_attempt(context, attempt.state,
                                 this->refuse("no login: the issuer's tokens are too large for cookies"));
    }
    set.push_back(cookies(context).drop_attempt(attempt.state));
    context.reply = redirect(attempt.return_to, std::move(set));
    context.note("auth", base::printable(fmt::format("login of {}", verdict.identity->subject), 64));
    co_return Verdict::reply;
}

// OpenID Connect RP-Initiated Logout 1.0, 2.
rt::Task<Login::Verdict> Login::log_out(RequestContext& context) const {
    // A page of somebody else must not log people out by a picture.
    const codec::Header* const site = context.head().headers.find("Sec-Fetch-Site");
    if (site != nullptr && site->value == "cross-site") {
        co_return deny(context, {.cause = proxy::Cause::forbidden, .detail = "another site asked for the logout"});
    }
    std::vector<std::string> dropped = cookies(context).drop_session(context.head().headers);
    const auto text = cookies(context).read_session(context.head().headers);
    const auto held = text ? held_by(*text, base::wall_now()) : std::nullopt;
    const auto known = issuer_->endpoints().take();
    const std::string origin = origin_of(context);
    context.note("auth", "logout");
    if (known == nullptr || known->end_session.empty()) {
        context.reply = redirect(options_.after_logout, std::move(dropped));
        if (!options_.after_logout.empty()) co_return Verdict::reply;
        context.reply->status = 200;
        context.reply->headers.front() = {"Content-Type", "text/plain"};
        context.reply->body = "You are logged out.\n";
        co_return Verdict::reply;
    }
    const char mark = known->end_session.find('?') == std::string::npos ? '?' : '&';
    std::string location = fmt::format("{}{}client_id={}", known->end_session, mark, coded(issuer_->options().client));
    if (!options_.after_logout.empty() && !origin.empty()) {
        location += "&post_logout_redirect_uri=" + coded(origin + options_.after_logout);
    }
    if (held && location.size() + held->session.token.size() < kMostLocation) {
        location += "&id_token_hint=" + held->session.token;
    }
    context.reply = redirect(std::move(location), std::move(dropped));
    co_return Verdict::reply;
}

}  // namespace tl::gateway
