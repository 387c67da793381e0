#include "gateway/auth/signature.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace tl::gateway {

using net::SignatureAlgorithm;

namespace {

constexpr std::pair<std::string_view, SignatureAlgorithm> kAlgorithms[] = {
    {"rsa-pss-sha512", SignatureAlgorithm::ps512},    {"rsa-v1_5-sha256", SignatureAlgorithm::rs256},
    {"ecdsa-p256-sha256", SignatureAlgorithm::es256}, {"ecdsa-p384-sha384", SignatureAlgorithm::es384},
    {"ed25519", SignatureAlgorithm::eddsa},           {"hmac-sha256", SignatureAlgorithm::hs256},
};

std::string_view name_of(SignatureAlgorithm algorithm) {
    for (const auto& [name, one] : kAlgorithms) {
        if (one == algorithm) return name;
    }
    return {};
}

bool has_body(const proxy::RequestContext& context) {
    return context.exchange->request_length().kind != http::BodyLength::Kind::none;
}

class SignatureMethod final : public Method {
  public:
    explicit SignatureMethod(SignatureOptions options) : options_(std::move(options)) {}

    std::string_view name() const override { return "signature"; }
    bool is_used(const proxy::RequestContext& context) const override {
        const codec::HeaderTable& headers = context.head().headers;
        return headers.find("Signature-Input") != nullptr || headers.find("Signature") != nullptr;
    }
    std::optional<Finding> check(proxy::RequestContext& context) const override {
        const codec::RequestHead& head = context.head();
        const auto signature = find_signature(head.headers, options_.label);
        if (!signature) return refuse_credential(signature.error(), {});
        const auto key = judge_signature(options_, *signature, has_body(context), base::wall_now());
        if (!key) return refuse_credential(key.error(), {});
        const auto base = signature_base(*signature, head, context.exchange->tls() != nullptr);
        if (!base) return refuse_credential(base.error(), {});
        const auto algorithms = algorithms_for(options_, **key, *signature);
        if (algorithms.empty()) return refuse_credential("the signature's algorithm is not one for this key", {});
        const bool good = std::ranges::any_of(algorithms, [&](SignatureAlgorithm algorithm) {
            return (*key)->key->verify(algorithm, *base, signature->signature);
        });
        if (!good) return refuse_credential("the signature is wrong", {});
        auto identity = std::make_shared<proxy::Identity>();
        identity->method = "signature";
        identity->subject = (*key)->id;
        identity->roles = (*key)->roles;
        identity->plan = (*key)->plan;
        return Finding{std::move(identity)};
    }
    // The service may check it too: it says more about the request than who sent it.
    void strip(proxy::RequestContext& /*context*/) const override {}

  private:
    SignatureOptions options_;
};

}  // namespace

std::optional<SignatureAlgorithm> message_algorithm(std::string_view name) {
    for (const auto& [known, algorithm] : kAlgorithms) {
        if (known == name) return algorithm;
    }
    return std::nullopt;
}

const std::vector<std::string>& message_algorithm_names() {
    static const auto names = [] {
        std::vector<std::string> all;
        for (const auto& [name, algorithm] : kAlgorithms) all.emplace_back(name);
        return all;
    }();
    return names;
}

MethodPtr make_signature_method(SignatureOptions options) {
    return std::make_shared<SignatureMethod>(std::move(options));
}

std::expected<const SignatureKey*, std::string> judge_signature(const SignatureOptions& options,
                                                                const MessageSignature& signature, bool has_body,
                                                                base::WallTime now) {
    const auto refuse = [](std::string why) { return std::unexpected(std::move(why)); };
    const auto key = std::ranges::find(options.keys, signature.text("keyid"), &SignatureKey::id);
    if (key == options.keys.end()) return refuse("the signature's keyid is not known");
    // In whole seconds, as signatures count: a time far off would be out of range in nanoseconds.
    const auto seconds = [](auto duration) { return std::chrono::floor<std::chrono::seconds>(duration).count(); };
    const int64_t at = seconds(now.time_since_epoch());
    const int64_t leeway = seconds(options.leeway);
    const auto created = signature.number("created");
    if (!created) return refuse("the signature does not say when it was created");
    if (*created > at + leeway) return refuse("the signature was created in the future");
    if (*created + seconds(options.max_age) + leeway < at) return refuse("the signature is too old");
    const bool expires = codec::find_parameter(signature.parameters, "expires") != nullptr;
    const auto until = signature.number("expires");
    if (expires && (!until || *until + leeway < at)) return refuse("the signature has expired");
    if (!options.tag.empty() && signature.text("tag") != options.tag)
        return refuse(fmt::format("the signature's tag is not \"{}\"", options.tag));
    for (const std::string& component : options.covers) {
        if (!signature.covers(component)) return refuse(fmt::format("the signature does not cover {}", component));
    }
    if (options.body && has_body && !signature.covers("content-digest"))
        return refuse("the signature does not cover content-digest, and the request has a body");
    return &*key;
}

std::vector<SignatureAlgorithm> algorithms_for(const SignatureOptions& options, const SignatureKey& key,
                                               const MessageSignature& signature) {
    std::vector<SignatureAlgorithm> all;
    const bool named = codec::find_parameter(signature.parameters, "alg") != nullptr;
    for (const auto& [name, algorithm] : kAlgorithms) {
        if (named && signature.text("alg") != name) continue;
        const bool allowed = options.algorithms.empty() ||
                             std::ranges::find(options.algorithms, name_of(algorithm)) != options.algorithms.end();
        if (allowed && key.key->fits(algorithm)) all.push_back(algorithm);
    }
    return all;
}

}  // namespace tl::gateway
