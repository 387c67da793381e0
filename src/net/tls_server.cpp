// The server's part of net/tls.h: which certificate is shown to whom, resumption, clients' certificates.
#include "net/tls_server.h"

#include <openssl/core_names.h>
#include <openssl/rand.h>

#include <algorithm>
#include <map>
#include <span>
#include <unordered_map>

#include "base/text.h"
#include "net/credential.h"
#include "net/tls_settings.h"

namespace tl::net {

namespace {

constexpr long kSessionSeconds = 2 * 60 * 60;  // as long as its ticket's key is kept, with the one that sealed it

// Which of the credentials stand together in one context: one for each kind of key, the first one listed.
using Group = std::vector<const Credential*>;

std::string kind_of(const Credential& credential) {
    const std::string& key = credential.facts().key;
    return key.substr(0, key.find(' '));
}

Group group_for(std::string_view name, const std::vector<CredentialPtr>& credentials) {
    Group group;
    for (const CredentialPtr& one : credentials) {
        const bool named = std::ranges::find(one->facts().names, name) != one->facts().names.end();
        const bool taken =
            std::ranges::any_of(group, [&](const Credential* other) { return kind_of(*other) == kind_of(*one); });
        if (named && !taken) group.push_back(one.get());
    }
    return group;
}

int choose_certificate(SSL* ssl, int* /*alert*/, void* contexts) {
    const char* const name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    if (name == nullptr) return SSL_TLSEXT_ERR_NOACK;
    SSL_CTX* const found = static_cast<const TlsServer::Contexts*>(contexts)->find(name);
    if (found != nullptr && found != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, found);
    return SSL_TLSEXT_ERR_OK;
}

int choose_protocol(SSL* /*ssl*/, const unsigned char** out, unsigned char* out_length, const unsigned char* offered,
                    unsigned offered_length, void* contexts) {
    const std::string& ours = static_cast<const TlsServer::Contexts*>(contexts)->alpn;
    // No protocol is named here: what is inside of the TLS is for the two ends to know (RFC 7301 3.2).
    if (ours.empty()) return SSL_TLSEXT_ERR_NOACK;
    unsigned char* chosen = nullptr;
    const int result = SSL_select_next_proto(&chosen, out_length, reinterpret_cast<const unsigned char*>(ours.data()),
                                             static_cast<unsigned>(ours.size()), offered, offered_length);
    *out = chosen;
    // RFC 7301 3.2: a client that speaks nothing of ours is told so.
    return result == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

// Gives a ticket its cipher and its MAC: for sealing those of the newest key, for opening those that it names.
// 0: the ticket is of no use; 1: good; 2: good, but the client should get a newer one.
int use_ticket_key(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac,
                   int sealing) {
    const TlsServer::Contexts& contexts = contexts_of(ssl);
    const auto ring = contexts.tickets->ring();
    size_t used = 0;
    if (sealing == 0) {
        const auto named = [&](const TicketKeys::Key& key) {
            return std::equal(key.name.begin(), key.name.end(), name);
        };
        used = static_cast<size_t>(std::ranges::find_if(*ring, named) - ring->begin());
        if (used == ring->size()) return 0;
    } else {
        std::ranges::copy(ring->front().name, name);
        if (RAND_bytes(iv, EVP_MAX_IV_LENGTH) != 1) return -1;
    }
    const TicketKeys::Key& key = (*ring)[used];
    std::string digest = "SHA256";
    const std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, const_cast<unsigned char*>(key.mac.data()),
                                          key.mac.size()),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0), OSSL_PARAM_construct_end()};
    const bool ready = EVP_MAC_CTX_set_params(mac, parameters.data()) == 1 &&
                       EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), nullptr, key.cipher.data(), iv, sealing) == 1;
    if (!ready) return -1;
    // Clients of TLS 1.3 use a ticket once (RFC 8446 C.4): each resumption must bring the next.
    const bool renew = sealing == 0 && (used > 0 || SSL_version(ssl) == TLS1_3_VERSION);
    return renew ? 2 : 1;
}

// Notes why a client's certificate is not taken.
int check_client(int good, X509_STORE_CTX* verification) {
    if (good == 1) return 1;
    const auto* const ssl =
        static_cast<SSL*>(X509_STORE_CTX_get_ex_data(verification, SSL_get_ex_data_X509_STORE_CTX_idx()));
    const int why = X509_STORE_CTX_get_error(verification);
    X509* const shown = X509_STORE_CTX_get_current_cert(verification);
    std::string text = "the client's certificate is not accepted: ";
    text += X509_verify_cert_error_string(why);
    if (shown != nullptr) text += " (" + to_text(X509_get_subject_name(shown)) + ")";
    TlsStream::of(ssl).complain({.code = base::Code::cert_untrusted, .context = std::move(text)});
    return 0;
}

base::Result<void> ask_clients(SSL_CTX* context, const TlsServerOptions& options) {
    if (options.client_auth == ClientAuth::none) return {};
    const int must = options.client_auth == ClientAuth::required ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | must, check_client);
    if (auto trusted = trust(context, options.client_ca); !trusted) {
        return base::fail(base::Error{.code = base::Code::invalid, .context = "the CA for clients"}.because(
            std::move(trusted.error())));
    }
    const auto authorities = read_certificates(options.client_ca);
    STACK_OF(X509_NAME)* names = sk_X509_NAME_new_null();
    for (const X509Ptr& one : *authorities) {
        sk_X509_NAME_push(names, X509_NAME_dup(X509_get_subject_name(one.get())));
    }
    SSL_CTX_set_client_CA_list(context, names);
    return {};
}

// Sessions made under other rules about clients must not be resumed under these.
base::Result<void> keep_sessions(SSL_CTX* context, const TlsServerOptions& options) {
    const std::string rules = std::to_string(static_cast<int>(options.client_auth)) + options.client_ca;
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    EVP_Digest(rules.data(), rules.size(), digest.data(), &size, EVP_sha256(), nullptr);
    if (SSL_CTX_set_session_id_context(context, digest.data(), size) != 1) {
        return base::fail(base::Code::internal, "TLS sessions cannot be set up");
    }
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);  // the client keeps it, in a ticket
    SSL_CTX_set_timeout(context, kSessionSeconds);
    if (options.tickets == nullptr) {
        SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(context, 0);
        return {};
    }
    SSL_CTX_set_num_tickets(context, 1);
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context, use_ticket_key);
    return {};
}

base::Result<SslContextPtr> make_server_context(const Group& group, const TlsServerOptions& options,
                                                TlsServer::Contexts& contexts) {
    auto context = make_context(TlsEnd::server, options.only_13);
    if (!context) return context;
    SSL_CTX* const raw = context->get();
    for (const Credential* one : group) TL_TRY(use_credential(raw, *one));
    TL_TRY(ask_clients(raw, options));
    TL_TRY(keep_sessions(raw, options));
    SSL_CTX_set_app_data(raw, &contexts);
    SSL_CTX_set_tlsext_servername_callback(raw, choose_certificate);
    SSL_CTX_set_tlsext_servername_arg(raw, &contexts);
    SSL_CTX_set_alpn_select_cb(raw, choose_protocol, &contexts);
    return context;
}

}  // namespace

const TlsServer::Contexts& contexts_of(const SSL* ssl) {
    return *static_cast<const TlsServer::Contexts*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)));
}

SSL_CTX* TlsServer::Contexts::find(std::string_view name) const {
    std::string lower = base::lower(name);
    if (lower.ends_with('.')) lower.pop_back();
    if (const auto exact = by_name.find(lower); exact != by_name.end()) return exact->second;
    const size_t dot = lower.find('.');
    if (dot == std::string::npos || dot == 0) return nullptr;
    const auto wild = by_name.find("*" + lower.substr(dot));
    return wild == by_name.end() ? nullptr : wild->second;
}

TlsServer::TlsServer() : contexts_(std::make_unique<Contexts>()) {}
TlsServer::~TlsServer() = default;

base::Result<std::shared_ptr<const TlsServer>> TlsServer::make(TlsServerOptions options) {
    if (options.credentials.empty()) return base::fail(base::Code::invalid, "TLS needs a certificate");
    const std::shared_ptr<TlsServer> server{new TlsServer};
    Contexts& contexts = *server->contexts_;
    contexts.alpn = alpn_wire(options.alpn);
    contexts.tickets = options.tickets;
    std::map<Group, SSL_CTX*> made;
    const auto context_of = [&](const Group& group) -> base::Result<SSL_CTX*> {
        if (const auto known = made.find(group); known != made.end()) return known->second;
        auto context = make_server_context(group, options, contexts);
        if (!context) return base::fail(std::move(context.error()));
        contexts.all.push_back(std::move(*context));
        return made[group] = contexts.all.back().get();
    };
    const CertificateFacts& first = options.credentials.front()->facts();
    auto fallback = context_of(first.names.empty() ? Group{options.credentials.front().get()}
                                                   : group_for(first.names.front(), options.credentials));
    if (!fallback) return base::fail(std::move(fallback.error()));
    contexts.fallback = *fallback;
    for (const CredentialPtr& one : options.credentials) {
        for (const std::string& name : one->facts().names) {
            if (contexts.by_name.contains(name)) continue;
            auto context = context_of(group_for(name, options.credentials));
            if (!context) return base::fail(std::move(context.error()));
            contexts.by_name[name] = *context;
        }
    }
    server->options_ = std::move(options);
    return server;
}

}  // namespace tl::net
