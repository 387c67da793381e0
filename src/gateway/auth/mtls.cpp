#include "gateway/auth/mtls.h"

namespace tl::gateway {

namespace {

// The words are our own (net/tls_acceptor.cpp): Hash=...;Subject="...";URI=...;DNS=... Values with separators in them
// are quoted, with a backslash before a quote.
class Words {
  public:
    explicit Words(std::string_view text) : text_(text) {}
    // False at the end.
    bool next(std::string_view& name, std::string& value) {
        const size_t equals = text_.find('=');
        if (equals == std::string_view::npos) return false;
        name = text_.substr(0, equals);
        text_.remove_prefix(equals + 1);
        value.clear();
        const bool in_quotes = text_.starts_with('"');
        if (in_quotes) text_.remove_prefix(1);
        while (!text_.empty() && text_.front() != (in_quotes ? '"' : ';')) {
            if (in_quotes && text_.front() == '\\' && text_.size() > 1) text_.remove_prefix(1);
            value += text_.front();
            text_.remove_prefix(1);
        }
        if (in_quotes && !text_.empty()) text_.remove_prefix(1);
        if (text_.starts_with(';')) text_.remove_prefix(1);
        return true;
    }

  private:
    std::string_view text_;
};

class MtlsMethod final : public Method {
  public:
    std::string_view name() const override { return "mtls"; }
    bool is_used(const proxy::RequestContext& context) const override {
        const net::TlsInfo* const tls = context.exchange->tls();
        return tls != nullptr && !tls->client.empty();
    }
    std::optional<Finding> check(proxy::RequestContext& context) const override {
        auto identity = identity_of_certificate(context.exchange->tls()->client);
        if (identity->subject.empty()) return refuse_credential("the client's certificate names nobody", {});
        return Finding{std::move(identity)};
    }
    void strip(proxy::RequestContext& /*context*/) const override {}
};

}  // namespace

MethodPtr make_mtls_method() { return std::make_shared<MtlsMethod>(); }

proxy::IdentityPtr identity_of_certificate(std::string_view words) {
    auto identity = std::make_shared<proxy::Identity>();
    identity->method = "mtls";
    Words reader{words};
    std::string_view name;
    std::string value;
    std::string uri;
    std::string dns;
    std::string subject;
    while (reader.next(name, value)) {
        if (name == "Hash") identity->claims["sha256"] = value;
        if (name == "Subject") subject = value;
        if (name == "URI" && uri.empty()) uri = value;
        if (name == "DNS" && dns.empty()) dns = value;
        if (name == "URI") identity->claims["uris"].push_back(value);
        if (name == "DNS") identity->claims["names"].push_back(value);
    }
    identity->claims["subject"] = subject;
    identity->subject = !uri.empty() ? uri : !dns.empty() ? dns : subject;
    return identity;
}

}  // namespace tl::gateway
