#include "app/tls_checks.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/target.h"
#include "app/tls_files.h"
#include "base/text.h"
#include "supervisor/environment.h"

namespace tl::app {

using manifest::Diagnostics;
using manifest::Located;

namespace {

constexpr base::Duration kSoon = std::chrono::hours{24 * 14};
constexpr std::string_view kRelative = "paths are relative to the manifest's folder";

using File = Located<std::string>;

class Checker {
  public:
    Checker(const std::string& folder, base::WallTime now, Diagnostics& diagnostics)
        : folder_(&folder), now_(now), diagnostics_(&diagnostics) {}

    // A certificate and its key: each complaint at the one that is at fault.
    void credential(const File& cert, const std::optional<File>& key) {
        const auto certificate = read(cert);
        const auto own = key ? read(*key) : certificate;
        if (!certificate || !own) return;
        const auto readable = net::parse_certificates(*certificate);
        if (!readable) return complain(cert, readable.error().context);
        const auto pair = net::Credential::parse(*certificate, *own);
        if (!pair)
            complain(key ? *key : cert, pair.error().context, key ? "" : "put its key into the file, or give \"key\"");
        time(cert, readable->front());
    }
    void authority(const File& ca) {
        const auto text = read(ca);
        if (!text) return;
        const auto readable = net::parse_certificates(*text);
        if (!readable) return complain(ca, readable.error().context);
        for (const net::CertificateFacts& one : *readable) time(ca, one);
    }

  private:
    [[nodiscard]] std::optional<std::string> read(const File& file) {
        auto text = read_pem(supervisor::from_folder(*folder_, file.value));
        if (text) return std::move(*text);
        if (text.error().code == base::Code::not_found) {
            diagnostics_->error(file.at, fmt::format("there is no file {}", base::printable(file.value)),
                                std::string{kRelative});
        } else {
            diagnostics_->error(file.at, text.error().context);
        }
        return std::nullopt;
    }
    void complain(const File& file, const std::string& what, const std::string& hint = {}) {
        diagnostics_->error(file.at, fmt::format("{}: {}", base::printable(file.value), what), hint);
    }
    // A warning: a system that must start again should not stay down over it.
    void time(const File& file, const net::CertificateFacts& facts) {
        std::string what = facts.out_of_time(now_);
        if (what.empty() && facts.until - now_ < kSoon) {
            const auto days = std::chrono::duration_cast<std::chrono::hours>(facts.until - now_).count() / 24;
            what = fmt::format("expires in {} days", days);
        }
        if (what.empty()) return;
        diagnostics_->warning(file.at, fmt::format("{}: the certificate ({}) {}", base::printable(file.value),
                                                   base::printable(facts.subject), what));
    }

    const std::string* folder_;
    base::WallTime now_;
    Diagnostics* diagnostics_;
};

void check_listeners(const gateway::GatewayConfig& config, Diagnostics& diagnostics) {
    bool any = false;
    bool plain = false;
    for (const auto& listen : config.listen) {
        const bool secure = gateway::speaks_tls(listen.value, config);
        any = any || secure;
        plain = plain || !secure;
        if (listen.value.scheme == gateway::Listen::Scheme::https && !secure) {
            diagnostics.error(listen.at, fmt::format("{} needs a certificate", listen.value.to_string()),
                              "add \"tls: local\" to the gateway, or \"tls\" with \"cert\" and \"key\"");
        }
    }
    for (const auto& port : config.tcp) any = any || port.tls.value;
    if (!config.tls) return;
    if (!any) {
        diagnostics.error(config.tls->at, "no listener speaks TLS: each begins with http://",
                          "add one without it to \"listen\"");
    }
    if (config.tls->redirect && !plain) {
        diagnostics.error(config.tls->at, "\"redirect\" has no effect: every listener speaks TLS",
                          "add one that begins with http:// to \"listen\"");
    }
}

void check_gateway(const gateway::GatewayConfig& config, Checker& checker, Diagnostics& diagnostics) {
    check_listeners(config, diagnostics);
    if (!config.tls) return;
    const gateway::TlsConfig& tls = *config.tls;
    if (tls.key && !tls.cert) diagnostics.error(tls.key->at, "a key without a certificate", "add \"cert\"");
    const auto certificates = gateway::certificates_of(tls);
    if (certificates.empty() && !tls.issuer && !tls.key) {
        diagnostics.error(tls.at, "TLS needs a certificate", "give \"cert\" and \"key\", or write \"tls: local\"");
    }
    for (const gateway::CertificateConfig& one : certificates) {
        if (!one.cert.value.empty()) checker.credential(one.cert, one.key);
    }
    if (tls.client_auth && !tls.client_auth->ca.value.empty()) checker.authority(tls.client_auth->ca);
}

void check_service_tls(const NamedService& service, Checker& checker, Diagnostics& diagnostics) {
    const ServiceConfig& config = *service.config;
    if (config.tls && config.run.run) {
        diagnostics.error(config.tls->at,
                          fmt::format("service \"{}\" is run here, so \"tls\" has no effect", service.name->value),
                          "\"tls\" is for services with \"address\"");
    }
    const auto secured = [](const auto& address) { return address.at.value.starts_with("https://"); };
    const bool some = std::ranges::any_of(config.address, secured);
    for (const auto& address : config.address) {
        const bool plain_word = address.at.value.starts_with("http://");
        if ((some && !secured(address) && !config.tls) || (plain_word && (some || config.tls))) {
            diagnostics.error(
                address.at.at,
                fmt::format("{} does not speak TLS, but the service does", base::printable(address.at.value)),
                "all addresses of a service speak TLS, or none: write https://");
        }
    }
    if (!config.tls) return;
    const bool path =
        std::ranges::any_of(config.address, [](const auto& one) { return one.at.value.starts_with("unix:"); });
    if (path && config.tls->name.empty()) {
        diagnostics.error(config.tls->at, "a Unix socket has no host that a certificate could name", "give \"name\"");
    }
    if (config.tls->key && !config.tls->cert) {
        diagnostics.error(config.tls->key->at, "a key without a certificate", "add \"cert\"");
    }
    if (config.tls->ca) checker.authority(*config.tls->ca);
    if (config.tls->cert) checker.credential(*config.tls->cert, config.tls->key);
}

}  // namespace

void check_tls(const Manifest& manifest, const std::string& folder, base::WallTime now, Diagnostics& diagnostics) {
    Checker checker{folder, now, diagnostics};
    check_gateway(manifest.gateway, checker, diagnostics);
    for (const NamedService& service : services_of(manifest)) check_service_tls(service, checker, diagnostics);
}

}  // namespace tl::app
