#include "gateway/policies/ask.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "gateway/client_ip.h"
#include "gateway/identity_headers.h"
#include "gateway/policies/policies.h"
#include "proxy/client.h"
#include "proxy/identity.h"
#include "proxy/request_key.h"

namespace tl::gateway {

using manifest::list_of;
using manifest::text;
using proxy::Cause;
using proxy::RequestContext;

namespace {

constexpr uint32_t kLongestWait = 86'400;  // seconds that a client may be told to wait

using HeaderList = std::vector<std::pair<std::string, std::string>>;

// Those of the request that it is told, all lines of them, in the order of the request.
HeaderList sent_headers(const codec::HeaderTable& headers, const std::vector<std::string>& names) {
    HeaderList sent;
    for (const codec::Header& header : headers) {
        const auto same = [&](const std::string& name) { return base::iequals(name, header.name); };
        if (std::ranges::any_of(names, same)) sent.emplace_back(base::lower(header.name), header.value);
    }
    return sent;
}

// What a request says under a key; false: nothing, so it cannot be told apart by it.
bool append_said(RequestContext& context, const CallerKey& key, std::string& out) {
    if (key.kind == CallerKey::Kind::client) {
        append_framed(out, ip_text(context.client_address(), context.arena));
        return true;
    }
    if (key.kind == CallerKey::Kind::header) {
        size_t lines = 0;
        for (const codec::Header& header : context.head().headers) {
            if (!base::iequals(header.name, key.name)) continue;
            append_framed(out, header.value);
            ++lines;
        }
        append_framed(out, fmt::to_string(lines));
        return lines != 0;
    }
    const CallerText caller = caller_of(context, key);
    append_framed(out, caller.bytes);
    return caller.kind == key.kind;
}

bool names(const std::vector<CallerKey>& by, const std::string& header) {
    return std::ranges::any_of(by, [&](const CallerKey& key) {
        if (key.kind == CallerKey::Kind::cookie) return base::iequals(header, "cookie");
        return key.kind == CallerKey::Kind::header && base::iequals(header, key.name);
    });
}

// A header of an answer that is not to be used again.
bool is_for_once(const std::pair<std::string, std::string>& header) {
    if (base::iequals(header.first, "Set-Cookie")) return true;
    return base::iequals(header.first, "Cache-Control") &&
           base::lower(header.second).find("no-store") != std::string::npos;
}

class Ask final : public Authoriser {
  public:
    explicit Ask(const AskConfig& config) : rules_(config.rules), path_(config.path), cache_(config.cache) {}

    std::expected<Question, proxy::Denial> question(RequestContext& context) const override {
        const codec::RequestHead& head = context.head();
        // The authoriser would look at one of them, and the service perhaps at the other.
        if (head.headers.count(codec::Field::authorization) > 1)
            return std::unexpected(proxy::Denial{Cause::bad_request, "the request has Authorization twice"});
        Question question{.request = {.method = "GET", .target = path_}, .key = std::nullopt};
        HeaderList& headers = question.request.headers;
        headers.emplace_back("X-Forwarded-Method", head.method_text);
        headers.emplace_back("X-Forwarded-Proto", proxy::is_secure(context) ? "https" : "http");
        headers.emplace_back("X-Forwarded-Host", head.authority);
        // In the one form in which routes are found, so that it decides about the same path.
        std::string target{context.path};
        if (!head.query.empty()) target.append("?").append(head.query);
        headers.emplace_back("X-Forwarded-Uri", std::move(target));
        const size_t about_request = headers.size();
        headers.emplace_back("X-Forwarded-For", ip_text(context.client_address(), context.arena));
        if (context.identity != nullptr && !context.identity->subject.empty())
            headers.emplace_back("X-Consumer", identity_value(*context.identity, "subject", context.arena));
        HeaderList sent = sent_headers(head.headers, rules_.send);
        if (cache_) question.key = key_of(context, std::span{headers}.first(about_request), sent);
        std::ranges::move(sent, std::back_inserter(headers));
        return question;
    }

    std::expected<Decision, std::string> read(const proxy::SubResponse& answer) const override {
        Decision decision{.allowed = answer.status >= 200 && answer.status <= 299, .status = answer.status};
        decision.headers = pick_headers(answer.headers, decision.allowed ? rules_.take : rules_.answer);
        if (!decision.allowed) decision.status = refusal_status(answer.status, decision.headers);
        if (decision.status == 0) return std::unexpected(fmt::format("{} is no decision", answer.status));
        if (decision.status == 429) decision.retry_after = retry_after_of(answer);
        // A redirect and a cookie are meant for one client, and what else it may say (404, 429) for one moment.
        const bool lasting = decision.allowed || decision.status == 401 || decision.status == 403;
        decision.keep = lasting && std::ranges::none_of(answer.headers, is_for_once);
        return decision;
    }

    bool is_failure(uint16_t status) const override { return status >= 500; }

  private:
    static uint32_t retry_after_of(const proxy::SubResponse& answer) {
        const std::string_view said = answer.header("Retry-After");
        uint32_t seconds = 0;
        const auto [end, error] = std::from_chars(said.data(), said.data() + said.size(), seconds);
        const bool whole = error == std::errc{} && end == said.data() + said.size();
        return whole ? std::clamp(seconds, 1U, kLongestWait) : 1;
    }

    // Nothing where the request does not say what decisions are told apart by, or says more than that.
    std::optional<net::Sha256> key_of(RequestContext& context,
                                      std::span<const std::pair<std::string, std::string>> request,
                                      const HeaderList& sent) const {
        std::string all;
        for (const auto& [name, value] : request) append_framed(all, value);
        // Always: two that are known by different credentials are never one caller.
        append_framed(all, context.identity == nullptr ? "" : context.identity->method);
        append_framed(all, context.identity == nullptr ? "" : context.identity->subject);
        if (cache_->by.empty()) {
            append_framed(all, ip_text(context.client_address(), context.arena));
            for (const auto& [name, value] : sent) {
                append_framed(all, name);
                append_framed(all, value);
            }
            return net::sha256(all);
        }
        for (const CallerKey& key : cache_->by) {
            if (!append_said(context, key, all)) return std::nullopt;
        }
        for (const auto& [name, value] : sent) {
            if (!names(cache_->by, name)) return std::nullopt;
        }
        return net::sha256(all);
    }

    AuthoriserRules rules_;
    std::string path_;
    std::optional<AskCacheConfig> cache_;
};

std::optional<std::string> check_path(std::string_view path) {
    const bool plain = std::ranges::all_of(path, [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
    if (path.starts_with('/') && plain) return std::nullopt;
    return "must begin with \"/\" and be ASCII without white space";
}

const manifest::Object<AskCacheConfig>& ask_cache_schema() {
    static const auto schema =
        manifest::Object<AskCacheConfig>("kept decisions of an authoriser")
            .include(&AskCacheConfig::rules, decision_schema())
            .field(
                "by", &AskCacheConfig::by,
                list_of(manifest::custom<CallerKey>("a key such as header Authorization", parse_caller_key, to_string))
                    .at_most(8)
                    .or_single())
            .doc("What tells callers apart, beside method, host, path, query and identity.")
            .default_is("the client's address and all headers that it is told")
            .example("[header Authorization]");
    return schema;
}

}  // namespace

void AskConfig::check(const PolicyCheck& check) const { check_authoriser(rules, "an ask policy", check); }

const manifest::Object<AskConfig>& ask_schema() {
    static const auto schema = manifest::Object<AskConfig>("an ask policy")
                                   .position(&AskConfig::at)
                                   .include(&AskConfig::rules, authoriser_schema())
                                   .field("path", &AskConfig::path, text("a path such as /check").check(check_path))
                                   .doc("Where it is asked, by GET.")
                                   .field("cache", &AskConfig::cache, ask_cache_schema().or_scalar("for"))
                                   .doc("Decisions hold for a time.")
                                   .default_is("it is asked each time");
    return schema;
}

FilterPtr make_ask_filter(const AskConfig& config, const PolicyContext& context) {
    AuthoriserOptions options{.policy = "ask", .config = ask_schema().dump(config), .cache = std::nullopt};
    if (config.cache) options.cache = config.cache->rules;
    return make_authoriser_filter(std::move(options), config.rules, std::make_unique<Ask>(config), context);
}

}  // namespace tl::gateway
