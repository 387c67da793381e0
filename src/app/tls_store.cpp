#include "app/tls_store.h"

#include <fmt/format.h>

#include <algorithm>

#include "app/local_authority.h"
#include "app/target.h"
#include "app/tls_files.h"
#include "base/log.h"
#include "base/text.h"
#include "supervisor/environment.h"

namespace tl::app {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kLookAtLocal = 1h;  // how often it is asked whether the local certificate nears its end

struct CredentialFiles {
    std::string cert;
    std::string key;  // "": in the same file
};

std::string path_of(const std::string& folder, const std::optional<manifest::Located<std::string>>& file) {
    return file ? supervisor::from_folder(folder, file->value) : std::string{};
}

std::vector<CredentialFiles> files_of(const std::string& folder, const gateway::TlsConfig& config) {
    std::vector<CredentialFiles> all;
    for (const gateway::CertificateConfig& one : gateway::certificates_of(config)) {
        all.push_back({path_of(folder, one.cert), path_of(folder, one.key)});
    }
    return all;
}

std::vector<std::string> local_names(const gateway::GatewayConfig& config) {
    std::vector<std::string> names{"localhost", "127.0.0.1", "::1"};
    for (const gateway::RouteConfig& route : gateway::every_route(config)) {
        const std::string host = base::lower(route.host);
        if (!host.empty() && std::ranges::find(names, host) == names.end()) names.push_back(host);
    }
    return names;
}

// What a server is made of; a value, so that it can be made again later.
struct ServerRecipe {
    std::vector<CredentialFiles> credentials;
    std::optional<LocalFiles> local;
    std::vector<std::string> local_names;
    std::string client_ca;
    net::TlsServerOptions options;
};

base::Result<net::TlsServerPtr> cook(const ServerRecipe& recipe, std::vector<ShownCertificate>& shown) {
    net::TlsServerOptions options = recipe.options;
    std::vector<CredentialFiles> all = recipe.credentials;
    if (recipe.local) {
        TL_TRY(prepare_local(*recipe.local, recipe.local_names, base::wall_now()));
        all.push_back({recipe.local->leaf(), recipe.local->leaf_key()});
    }
    for (const CredentialFiles& one : all) {
        auto credential = load_credential(one.cert, one.key);
        if (!credential) return base::fail(std::move(credential.error()));
        shown.push_back({"gateway", one.cert, (*credential)->facts(), {}});
        options.credentials.push_back(std::move(*credential));
    }
    if (!recipe.client_ca.empty()) {
        auto ca = read_pem(recipe.client_ca);
        if (!ca) return base::fail(std::move(ca.error()));
        options.client_ca = std::move(*ca);
    }
    return net::TlsServer::make(std::move(options));
}

struct ClientRecipe {
    std::string service;
    std::string ca;
    CredentialFiles credential;
    net::TlsClientOptions options;
};

base::Result<net::TlsClientPtr> cook(const ClientRecipe& recipe, std::vector<ShownCertificate>& shown) {
    net::TlsClientOptions options = recipe.options;
    if (!recipe.ca.empty()) {
        auto ca = read_pem(recipe.ca);
        if (!ca) return base::fail(std::move(ca.error()));
        options.ca = std::move(*ca);
    }
    if (!recipe.credential.cert.empty()) {
        auto credential = load_credential(recipe.credential.cert, recipe.credential.key);
        if (!credential) return base::fail(std::move(credential.error()));
        shown.push_back({"to " + recipe.service, recipe.credential.cert, (*credential)->facts(), {}});
        options.credential = std::move(*credential);
    }
    return net::TlsClient::make(std::move(options));
}

net::ClientAuth client_auth_of(const gateway::TlsConfig& config) {
    if (!config.client_auth) return net::ClientAuth::none;
    return config.client_auth->mode == gateway::ClientAuth::required ? net::ClientAuth::required
                                                                     : net::ClientAuth::optional;
}

// What makes a `Made` from its recipe; its files are stamped before they are read, so that a change while they are read
// is seen the next time.
template <class Made, class Recipe>
auto maker_of(Recipe recipe) {
    return [recipe = std::move(recipe)](Made& made) -> base::Result<void> {
        made.stamp = stamp_of(made.files);
        std::vector<ShownCertificate> shown;
        auto cooked = cook(recipe, shown);
        if (!cooked) return base::fail(std::move(cooked.error()));
        // Its files were perhaps made just now.
        if constexpr (requires { recipe.local; }) {
            if (recipe.local) made.stamp = stamp_of(made.files);
        }
        made.now = std::move(*cooked);
        made.shown = std::move(shown);
        return {};
    };
}

}  // namespace

TlsStore::Server TlsStore::server_of(const LoadedManifest& loaded, std::vector<std::string> alpn) const {
    const gateway::GatewayConfig& config = loaded.manifest.gateway;
    const gateway::TlsConfig& tls = *config.tls;
    ServerRecipe recipe{
        .credentials = files_of(loaded.folder, tls), .local = {}, .local_names = {}, .client_ca = {}, .options = {}};
    recipe.options.alpn = std::move(alpn);
    recipe.options.only_13 = tls.min_version == gateway::LeastVersion::tls13;
    recipe.options.client_auth = client_auth_of(tls);
    recipe.options.tickets = tickets_;
    Server server;
    if (tls.client_auth) recipe.client_ca = path_of(loaded.folder, tls.client_auth->ca);
    if (tls.issuer) {
        recipe.local = local_files(state_dir_);
        recipe.local_names = local_names(config);
        server.renew = base::wall_now() + kLookAtLocal;
        server.files = {recipe.local->leaf(), recipe.local->authority()};
    }
    for (const CredentialFiles& one : recipe.credentials) {
        server.files.push_back(one.cert);
        if (!one.key.empty()) server.files.push_back(one.key);
    }
    if (!recipe.client_ca.empty()) server.files.push_back(recipe.client_ca);
    server.rule =
        fmt::format("{}\n{}\n{}", loaded.folder, gateway::tls_schema().dump(tls), base::join(recipe.local_names, " "));
    server.make = maker_of<Server>(std::move(recipe));
    return server;
}

TlsStore::Client TlsStore::client_of(const std::string& folder, const NamedService& service) {
    const mesh::ServiceTlsConfig config = service.config->tls.value_or(mesh::ServiceTlsConfig{});
    ClientRecipe recipe{.service = service.name->value,
                        .ca = path_of(folder, config.ca),
                        .credential = {path_of(folder, config.cert), path_of(folder, config.key)},
                        .options = {}};
    recipe.options.name = config.name;
    const proxy::Protocol protocol = service.config->mesh.traffic.protocol;
    if (protocol == proxy::Protocol::http2) recipe.options.alpn = {"h2"};
    if (protocol == proxy::Protocol::tcp) recipe.options.alpn = {};
    Client client;
    for (const std::string& file : {recipe.ca, recipe.credential.cert, recipe.credential.key}) {
        if (!file.empty()) client.files.push_back(file);
    }
    client.rule =
        folder + "\n" + mesh::service_tls_schema().dump(config) + fmt::format("\n{}", static_cast<int>(protocol));
    client.make = maker_of<Client>(std::move(recipe));
    return client;
}

template <class T>
base::Result<void> TlsStore::take(Made<T>& known, Made<T> wanted) {
    if (known.now != nullptr && known.rule == wanted.rule) return {};
    TL_TRY(wanted.make(wanted));
    known = std::move(wanted);
    return {};
}

base::Result<PlaneTls> TlsStore::load(const LoadedManifest& loaded) {
    if (tickets_ == nullptr) {
        auto keys = net::TicketKeys::make();
        if (!keys) return base::fail(std::move(keys.error()));
        tickets_ = std::move(*keys);
        rotate_ = base::wall_now() + net::TicketKeys::kEvery;
    }
    Server server = server_;
    Server tcp_server = tcp_server_;
    std::map<std::string, Client> clients;
    const gateway::GatewayConfig& config = loaded.manifest.gateway;
    if (!config.tls) {
        server = {};
    } else {
        TL_TRY(take(server, server_of(loaded, {"h2", "http/1.1"})));
    }
    const bool tcp = std::ranges::any_of(config.tcp, [](const auto& listen) { return listen.tls.value; });
    if (!config.tls || !tcp) {
        tcp_server = {};
    } else {
        TL_TRY(take(tcp_server, server_of(loaded, {})));
    }
    for (const NamedService& service : services_of(loaded.manifest)) {
        if (!speaks_tls(*service.config)) continue;
        const auto known = clients_.find(service.name->value);
        Client& client = clients[service.name->value];
        if (known != clients_.end()) client = known->second;
        if (auto taken = take(client, client_of(loaded.folder, service)); !taken) {
            return base::fail(
                base::Error{.code = taken.error().code, .context = "TLS to " + service.name->value}.because(
                    std::move(taken.error())));
        }
    }
    server_ = std::move(server);
    tcp_server_ = std::move(tcp_server);
    clients_ = std::move(clients);
    const bool local = config.tls && config.tls->issuer;
    local_authority_ = local ? local_files(state_dir_).authority() : std::string{};
    note();
    return current_;
}

// What the cores are to use.
void TlsStore::note() {
    current_ = {.server = server_.now, .tcp_server = tcp_server_.now, .clients = {}};
    for (const auto& [service, client] : clients_) current_.clients[service] = client.now;
}

template <class T>
bool TlsStore::look_again(Made<T>& known, base::WallTime now) {
    if (known.now == nullptr) return false;
    const bool due = now >= known.renew;
    if (due) known.renew = now + kLookAtLocal;
    if (!due && stamp_of(known.files) == known.stamp) return false;
    const std::string before = stamp_of(known.files);
    const auto made = known.make(known);
    if (made) {
        known.problem.clear();
        // The local certificate was looked at, and is as it was.
        if (due && before == stamp_of(known.files)) return false;
        TL_LOG(info, "tls", "took over changed files: {}", base::join(known.files, ", "));
        return true;
    }
    known.problem = made.error().message();
    TL_LOG(error, "tls", "{}; what was there before stays in use", known.problem);
    return false;
}

bool TlsStore::refresh(base::WallTime now) {
    if (tickets_ != nullptr && now >= rotate_) {
        rotate_ = now + net::TicketKeys::kEvery;
        if (const auto rotated = tickets_->rotate(); !rotated) TL_LOG(error, "tls", "{}", rotated.error().message());
    }
    bool changed = look_again(server_, now);
    changed = look_again(tcp_server_, now) || changed;
    for (auto& [service, client] : clients_) changed = look_again(client, now) || changed;
    if (changed) note();
    return changed;
}

std::vector<ShownCertificate> TlsStore::certificates() const {
    std::vector<ShownCertificate> all;
    const auto add = [&](const auto& made) {
        for (ShownCertificate one : made.shown) {
            one.problem = made.problem;
            all.push_back(std::move(one));
        }
    };
    add(server_);
    for (const auto& [service, client] : clients_) add(client);
    return all;
}

}  // namespace tl::app
