#include "gateway/auth/login_issuer.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/log.h"
#include "base/text.h"
#include "codec/base64.h"
#include "gateway/auth/strict_json.h"
#include "gateway/policies/template.h"
#include "net/digest.h"
#include "rt/gate.h"

namespace tl::gateway {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kLookAgain = 5ms;  // whether the control core has the answer
constexpr base::Duration kFirstRetry = 500ms;
constexpr base::Duration kRest = 5s;  // after the token endpoint did not answer

std::string coded(std::string_view text) {
    std::string out;
    Template::append_coded(out, text, Template::Target::query);
    return out;
}

// The code of an OAuth error (RFC 6749 5.2), as far as it may be shown.
std::string error_code(std::string_view text) {
    const bool good = !text.empty() && text.size() <= 64 &&
                      std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
    return good ? std::string{text} : "an error";
}

}  // namespace

struct LoginIssuer::Job {
    std::string form;     // without what names the client
    std::string renewal;  // the digest of the refresh token; "": no renewal
    std::atomic<bool> done{false};
    TokenAnswer answer;  // the data core's, once `done`
};

struct LoginIssuer::Desk {
    struct Renewal {
        bool done = false;
        TokenAnswer answer;
        base::TimePoint until{};
        std::vector<JobPtr> waiting;
    };
    std::atomic<rt::Loop*> home{nullptr};  // nullptr: not running
    std::atomic<int64_t> rests_until{0};   // steady clock, nanoseconds
    LoginIssuer* issuer = nullptr;         // control core, as long as it runs
    rt::Cancel* stop = nullptr;            // of that run
    size_t jobs = 0;
    std::map<std::string, Renewal> renewals;  // the same from here on
    rt::Gate gate;
};

base::Result<IssuerEndpoints> parse_endpoints(std::string_view text, const std::string& issuer) {
    const auto document = parse_strict_object(text);
    if (!document) return base::fail(base::Code::invalid, "the discovery document is no JSON object");
    // 4.3: it must be of whom it was asked for.
    if (text_at(*document, "issuer") != issuer) {
        return base::fail(base::Code::invalid, "the discovery document is of another issuer");
    }
    IssuerEndpoints found{.authorization = text_at(*document, "authorization_endpoint"),
                          .token = text_at(*document, "token_endpoint"),
                          .end_session = text_at(*document, "end_session_endpoint")};
    for (const std::string* url : {&found.authorization, &found.token}) {
        if (!parse_key_url(*url)) return base::fail(base::Code::invalid, "the discovery document lacks an endpoint");
    }
    if (!found.end_session.empty() && !parse_key_url(found.end_session)) found.end_session.clear();
    const auto ways = document->find("token_endpoint_auth_methods_supported");
    if (ways != document->end() && ways->is_array()) {
        const auto takes = [&](const char* way) {
            return std::ranges::find(*ways, nlohmann::json(way)) != ways->end();
        };
        found.secret_in_form = !takes("client_secret_basic") && takes("client_secret_post");
    }
    const auto named = document->find("authorization_response_iss_parameter_supported");
    found.names_itself = named != document->end() && named->is_boolean() && named->get<bool>();
    return found;
}

TokenAnswer parse_token_answer(uint16_t status, std::string_view body) {
    const auto document = parse_strict_object(body);
    if (status >= 500 || status == 429) {
        return {.why = fmt::format("the issuer's token endpoint answered {}", status)};
    }
    if (status != 200) {
        const std::string code = document ? text_at(*document, "error") : std::string{};
        return {.kind = TokenAnswer::Kind::refused, .why = fmt::format("the issuer refused it: {}", error_code(code))};
    }
    if (!document || !base::iequals(text_at(*document, "token_type"), "Bearer")) {
        return {.why = "the issuer's token endpoint answered what is no token"};
    }
    TokenAnswer answer{.kind = TokenAnswer::Kind::granted,
                       .id_token = text_at(*document, "id_token"),
                       .refresh_token = text_at(*document, "refresh_token")};
    const auto expires = document->find("expires_in");
    if (expires != document->end() && expires->is_number_integer()) {
        answer.expires_in = std::clamp<int64_t>(expires->get<int64_t>(), 0, 366 * 86400);
    }
    return answer;
}

LoginIssuer::LoginIssuer(LoginIssuerOptions options) : options_(std::move(options)), desk_(std::make_shared<Desk>()) {}
LoginIssuer::~LoginIssuer() = default;

bool LoginIssuer::resting() const {
    return base::steady_now().time_since_epoch().count() < desk_->rests_until.load(std::memory_order_relaxed);
}

rt::Task<TokenAnswer> LoginIssuer::exchange(std::string code, std::string verifier, std::string redirect_uri,
                                            rt::Wait wait) const {
    auto job = std::make_shared<Job>();
    job->form = fmt::format("grant_type=authorization_code&code={}&redirect_uri={}&code_verifier={}", coded(code),
                            coded(redirect_uri), coded(verifier));
    auto answer = co_await ask(std::move(job), wait);
    co_return answer;
}

rt::Task<TokenAnswer> LoginIssuer::renew(std::string refresh_token, rt::Wait wait) const {
    auto job = std::make_shared<Job>();
    job->form = fmt::format("grant_type=refresh_token&refresh_token={}", coded(refresh_token));
    const net::Sha256 digest = net::sha256(refresh_token);
    job->renewal.assign(digest.begin(), digest.end());
    auto answer = co_await ask(std::move(job), wait);
    co_return answer;
}

rt::Task<TokenAnswer> LoginIssuer::ask(JobPtr job, rt::Wait wait) const {
    rt::Loop* const home = desk_->home.load(std::memory_order_acquire);
    const bool taken = home != nullptr && home->post([desk = desk_, job] {
        if (desk->issuer != nullptr) desk->issuer->take(job);
    });
    if (!taken) co_return TokenAnswer{.why = "the issuer cannot be asked now"};
    while (!job->done.load(std::memory_order_acquire)) {
        if (rt::this_loop().now() >= wait.deadline) co_return TokenAnswer{.why = "the issuer did not answer in time"};
        const rt::Wake wake = co_await rt::sleep(kLookAgain, wait.cancel);
        if (wake == rt::Wake::cancelled) co_return TokenAnswer{.why = "the client is gone"};
    }
    co_return job->answer;
}

// Control core, as all from here on.
void LoginIssuer::finish(const JobPtr& job, const TokenAnswer& answer) {
    job->answer = answer;
    job->done.store(true, std::memory_order_release);
}

void LoginIssuer::take(JobPtr job) {
    const base::TimePoint now = rt::this_loop().now();
    if (!job->renewal.empty()) {
        std::erase_if(desk_->renewals, [&](const auto& one) { return one.second.done && one.second.until <= now; });
        const auto known = desk_->renewals.find(job->renewal);
        if (known != desk_->renewals.end() && known->second.done) return finish(job, known->second.answer);
        if (known != desk_->renewals.end() && known->second.waiting.size() < kMostJobs) {
            known->second.waiting.push_back(std::move(job));
            return;
        }
        if (known != desk_->renewals.end() || desk_->renewals.size() >= kMostKnown) {
            return finish(job, {.why = "too many logins are renewed at a time"});
        }
    }
    if (desk_->jobs >= kMostJobs) return finish(job, {.why = "too many logins at a time"});
    if (!job->renewal.empty()) desk_->renewals[job->renewal];
    ++desk_->jobs;
    if (!desk_->gate.spawn("login", work(job), [desk = desk_] { --desk->jobs; })) {
        --desk_->jobs;
        desk_->renewals.erase(job->renewal);
        finish(job, {.why = "the gateway is stopping"});
    }
}

rt::Task<void> LoginIssuer::work(JobPtr job) {
    const TokenAnswer answer = co_await post(job->form);
    const bool silent = answer.kind == TokenAnswer::Kind::unavailable;
    if (silent) TL_LOG(warning, "auth", "login at {}: {}", options_.issuer, base::printable(answer.why));
    const base::TimePoint rest = silent ? base::steady_now() + kRest : base::TimePoint{};
    desk_->rests_until.store(rest.time_since_epoch().count(), std::memory_order_relaxed);
    finish(job, answer);
    const auto renewal = desk_->renewals.find(job->renewal);
    if (renewal == desk_->renewals.end()) co_return;
    for (const JobPtr& other : renewal->second.waiting) finish(other, answer);
    // Requests that are under way still have the session of before.
    renewal->second.waiting.clear();
    renewal->second.answer = answer;
    renewal->second.done = true;
    renewal->second.until = rt::this_loop().now() + (silent ? base::Duration{0} : kRemembered);
}

rt::Task<TokenAnswer> LoginIssuer::post(std::string form) {
    const auto endpoints = endpoints_.take();
    if (endpoints == nullptr) co_return TokenAnswer{.why = "the issuer's endpoints are not known yet"};
    IssuerRequest request{.url = endpoints->token,
                          .ca = options_.ca,
                          .resolver = options_.resolver,
                          .form = std::move(form),
                          .most = kMostAnswer};
    const bool in_header = !options_.secret.empty() && !endpoints->secret_in_form;
    if (in_header) {
        // RFC 6749 2.3.1: coded as in a form first.
        std::string credentials;
        codec::append_base64(credentials, coded(options_.client) + ":" + coded(options_.secret));
        request.headers.emplace_back("Authorization", "Basic " + credentials);
    } else {
        request.form += "&client_id=" + coded(options_.client);
        if (!options_.secret.empty()) request.form += "&client_secret=" + coded(options_.secret);
    }
    const auto answer = co_await ask_issuer(std::move(request), rt::this_loop().within(options_.timeout, desk_->stop));
    if (!answer) co_return TokenAnswer{.why = answer.error().message()};
    co_return parse_token_answer(answer->status, answer->body);
}

rt::Task<base::Result<IssuerEndpoints>> LoginIssuer::discover(rt::Wait wait) {
    const auto text = co_await get_from_issuer({.url = discovery_url(options_.issuer),
                                                .ca = options_.ca,
                                                .resolver = options_.resolver,
                                                .form = {},
                                                .most = kMostBytes},
                                               wait);
    if (!text) co_return base::fail(text.error());
    co_return parse_endpoints(*text, options_.issuer);
}

rt::Task<void> LoginIssuer::run(rt::Cancel& stop) {
    desk_->issuer = this;
    desk_->stop = &stop;
    desk_->home.store(&rt::this_loop(), std::memory_order_release);
    base::Duration retry = kFirstRetry;
    bool failing = false;
    while (!stop.requested()) {
        auto found = co_await discover(rt::this_loop().within(options_.timeout, &stop));
        if (stop.requested()) break;
        if (found) {
            endpoints_.publish(std::make_shared<const IssuerEndpoints>(std::move(*found)));
        } else if (!failing) {
            TL_LOG(warning, "auth", "login at {}: {}", options_.issuer, found.error().message());
        }
        failing = !found;
        co_await rt::sleep(failing ? retry : kRefresh, &stop);
        retry = failing ? std::min(retry * 2, base::Duration{15s}) : kFirstRetry;
    }
    desk_->home.store(nullptr, std::memory_order_release);
    co_await desk_->gate.closed();
    desk_->issuer = nullptr;
}

}  // namespace tl::gateway
