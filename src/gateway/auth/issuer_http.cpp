#include "gateway/auth/issuer_http.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "http/fetch.h"
#include "storage/whole_file.h"

namespace tl::gateway {

namespace {

constexpr size_t kMostCa = 512 << 10;
constexpr std::string_view kDiscovery = "/.well-known/openid-configuration";

bool is_this_machine(std::string_view host) { return host == "localhost" || host == "::1" || host.starts_with("127."); }

// Made anew for each request: the file of the authority may have changed.
base::Result<net::TlsClientPtr> tls_for(const Url& url, const std::string& ca) {
    if (!url.tls) return net::TlsClientPtr{};
    net::TlsClientOptions tls{.ca = {}, .name = url.host, .credential = nullptr};
    if (!ca.empty()) {
        auto read = storage::read_file(ca, kMostCa);
        if (!read) return base::fail(std::move(read.error()));
        tls.ca = std::move(*read);
    }
    return net::TlsClient::make(std::move(tls));
}

http::FetchRequest request_of(const IssuerRequest& request, const Url& url, const net::Address& address,
                              const net::TlsClientPtr& tls) {
    http::FetchRequest out{.address = address,
                           .method = request.form.empty() ? "GET" : "POST",
                           .target = url.target,
                           .host = url.authority,
                           .headers = request.headers,
                           .body = request.form,
                           .most = request.most,
                           .tls = tls,
                           .tls_host = url.host};
    out.headers.emplace_back("Accept", "application/json");
    if (!request.form.empty()) out.headers.emplace_back("Content-Type", "application/x-www-form-urlencoded");
    return out;
}

}  // namespace

std::optional<Url> parse_key_url(std::string_view text) {
    Url url;
    if (text.starts_with("https://")) {
        text.remove_prefix(8);
    } else if (text.starts_with("http://")) {
        text.remove_prefix(7);
        url.tls = false;
        url.port = 80;
    } else {
        return std::nullopt;
    }
    const size_t slash = text.find('/');
    url.authority = text.substr(0, slash);
    url.target = slash == std::string_view::npos ? "/" : std::string{text.substr(slash)};
    const bool plain = std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f' && c != '#'; });
    if (!plain || url.authority.find_first_of("@?\\") != std::string::npos) return std::nullopt;
    std::string_view host = url.authority;
    const size_t bracket = host.find(']');
    const size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
    if (colon != std::string_view::npos) {
        const std::string_view port = host.substr(colon + 1);
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), url.port);
        if (error != std::errc{} || end != port.data() + port.size() || url.port == 0) return std::nullopt;
        host = host.substr(0, colon);
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    url.host = host;
    if (url.host.empty() || (!url.tls && !is_this_machine(url.host))) return std::nullopt;
    return url;
}

std::string discovery_url(std::string_view issuer) {
    if (issuer.ends_with('/')) issuer.remove_suffix(1);
    return std::string{issuer} + std::string{kDiscovery};
}

rt::Task<base::Result<IssuerAnswer>> ask_issuer(IssuerRequest request, rt::Wait wait) {
    const auto url = parse_key_url(request.url);
    if (!url) {
        co_return base::fail(base::Code::invalid, fmt::format("{} is no https URL", base::printable(request.url)));
    }
    if (request.resolver == nullptr) co_return base::fail(base::Code::unavailable, "names cannot be looked up here");
    const auto addresses = co_await request.resolver->resolve(url->host, url->port, wait);
    if (!addresses) co_return base::fail(addresses.error());
    const auto tls = tls_for(*url, request.ca);
    if (!tls) co_return base::fail(tls.error());
    base::Result<http::FetchResponse> answer = base::fail(base::Code::unreachable, "it has no address");
    for (const net::Address& address : *addresses) {
        answer = co_await http::fetch(request_of(request, *url, address, *tls), wait);
        const bool sent = !answer && answer.error().code != base::Code::unreachable;
        // What was posted may have been taken: a code is good for one time only.
        if (answer || (sent && !request.form.empty())) break;
    }
    if (!answer) co_return base::fail(std::move(answer.error()));
    co_return IssuerAnswer{.status = answer->status, .body = std::move(answer->body)};
}

rt::Task<base::Result<std::string>> get_from_issuer(IssuerRequest request, rt::Wait wait) {
    const std::string url = request.url;
    auto answer = co_await ask_issuer(std::move(request), wait);
    if (!answer) co_return base::fail(std::move(answer.error()));
    if (answer->status != 200) {
        co_return base::fail(base::Code::refused,
                             fmt::format("{} answered {}", parse_key_url(url)->authority, answer->status));
    }
    co_return std::move(answer->body);
}

}  // namespace tl::gateway
