#include "app/import/kong_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/import/fields.h"
#include "manifest/diagnostics.h"

namespace tl::app {

using manifest::Diagnostic;
using manifest::Node;

namespace {

constexpr size_t kMostServices = 4096;
constexpr size_t kMostPlugins = 100;  // of one place

std::string scalar_under(const Node& map, std::string_view key) {
    const Node* const found = map.find(key);
    return found != nullptr && found->is_scalar() ? found->text : std::string{};
}

// "orders", or { name: orders }, or { id: 7c... }.
std::string reference_under(const Node& map, std::string_view key) {
    const Node* const found = map.find(key);
    if (found == nullptr || !found->is_map()) return scalar_under(map, key);
    const std::string name = scalar_under(*found, "name");
    return name.empty() ? scalar_under(*found, "id") : name;
}

class Reader {
  public:
    Reader(const Node& root, Report& report) : root_(root, "the file", report), node_(&root), report_(&report) {}

    std::expected<KongFile, Diagnostic> read() {
        if (auto wrong = check_format()) return std::unexpected(std::move(*wrong));
        read_plugin_configs();
        for (const Node* const one : root_.maps("services")) read_service(*one);
        for (size_t i = 0; i < file_.services.size(); ++i) {
            for (const std::string& name : {file_.services[i].entity.name, file_.services[i].entity.id})
                if (!name.empty()) service_at_.emplace(name, i);
        }
        for (const Node* const one : root_.maps("routes")) place_route(*one);
        for (const Node* const one : root_.maps("consumers")) file_.consumers.push_back(entity(*one, "username"));
        for (const Node* const one : root_.maps("upstreams")) file_.upstreams.push_back(entity(*one, "name"));
        index();
        for (const Node* const one : root_.maps("plugins")) place_plugin(*one);
        root_.tell("certificates", "put certificates and keys into files and name them under gateway.tls.certificates");
        root_.tell("ca_certificates", "put them into a PEM file and name it as tls.ca of the services that need it");
        root_.tell("snis", "gateway.tls.certificates chooses by the names in the certificates");
        root_.tell("consumer_groups", "give the keys of their members a plan: trunkline keys create NAME --plan GROUP");
        for (const char* const kind : {"keyauth_credentials", "basicauth_credentials", "jwt_secrets", "acls"})
            root_.tell(kind, "write them inside their consumers, so that the report can say more about them");
        root_.finish();
        if (file_.services.size() > kMostServices) {
            return std::unexpected(Diagnostic{.at = node_->at,
                                              .message = fmt::format("it has more than {} services", kMostServices),
                                              .hint = "import it in parts"});
        }
        if (too_many_.known()) {
            return std::unexpected(Diagnostic{.at = too_many_,
                                              .message = fmt::format("more than {} plugins at one place", kMostPlugins),
                                              .hint = "import it in parts"});
        }
        return std::move(file_);
    }

  private:
    std::optional<Diagnostic> check_format() {
        if (!node_->is_map()) {
            return Diagnostic{.at = node_->at, .message = "this is no Kong declarative file: it is no map of keys"};
        }
        const std::string version = root_.text("_format_version");
        if (version.empty()) {
            return Diagnostic{.at = node_->at,
                              .message = "this is no Kong declarative file: it has no \"_format_version\"",
                              .hint = "it must say _format_version: \"1.1\", \"2.1\" or \"3.0\""};
        }
        if (version != "1.1" && version != "2.1" && version != "3.0" && version != "1" && version != "2" &&
            version != "3") {
            return Diagnostic{.at = root_.at("_format_version"),
                              .message = fmt::format("there is no _format_version \"{}\"", manifest::shown(version)),
                              .hint = "it is \"1.1\", \"2.1\" or \"3.0\""};
        }
        file_.major = version.front() - '0';
        for (const char* const key : {"services", "routes", "consumers", "upstreams", "plugins"}) {
            const Node* const found = node_->find(key);
            if (found == nullptr || found->is_null() || found->is_list()) continue;
            return Diagnostic{.at = found->at, .message = fmt::format("\"{}\" must be a list", key)};
        }
        return std::nullopt;
    }

    void read_plugin_configs() {
        const Node* const all = root_.take("_plugin_configs");
        if (all == nullptr) return;
        for (const manifest::Entry& entry : all->entries) configs_.emplace(entry.key, &entry.value);
    }

    KongPlugin plugin(const Node& node) {
        KongPlugin made{
            .name = scalar_under(node, "name"), .at = node.at, .node = &node, .config = node.find("config")};
        if (made.config != nullptr && made.config->is_null()) made.config = nullptr;
        const auto shared = configs_.find(scalar_under(node, "_config"));
        if (shared != configs_.end() && made.config == nullptr) {
            made.config = shared->second;
        } else if (node.find("_config") != nullptr) {
            report_->missing(node.at, fmt::format("\"_config\" of plugin \"{}\"", made.name),
                             "write its settings out under \"config\"");
        }
        return made;
    }

    const std::vector<Node>& items_of(const Node& node, std::string_view key) {
        static const std::vector<Node> kNone;
        const Node* const found = node.find(key);
        if (found == nullptr || found->is_null()) return kNone;
        if (!found->is_list()) report_->missing(found->at, fmt::format("\"{}\" is no list", key));
        return found->items;
    }

    // A plugin that is switched off does nothing in Kong either, and one of further out holds in its place.
    void add_plugin(std::vector<KongPlugin>& to, const Node& node) {
        if (scalar_under(node, "enabled") == "false") return;
        if (to.size() == kMostPlugins && !too_many_.known()) too_many_ = node.at;
        if (!too_many_.known()) to.push_back(plugin(node));
    }

    KongEntity entity(const Node& node, std::string_view name_key) {
        KongEntity made{
            .name = scalar_under(node, name_key), .id = scalar_under(node, "id"), .node = &node, .plugins = {}};
        for (const Node& one : items_of(node, "plugins")) add_plugin(made.plugins, one);
        return made;
    }

    void read_service(const Node& node) {
        KongService service{.entity = entity(node, "name"), .routes = {}};
        for (const Node& one : items_of(node, "routes")) service.routes.push_back(entity(one, "name"));
        file_.services.push_back(std::move(service));
    }

    void place_route(const Node& node) {
        const std::string wanted = reference_under(node, "service");
        if (const auto found = service_at_.find(wanted); found != service_at_.end()) {
            file_.services[found->second].routes.push_back(entity(node, "name"));
            return;
        }
        report_->missing(node.at, fmt::format("route \"{}\"", scalar_under(node, "name")),
                         wanted.empty() ? "it has no service; a route of the manifest needs \"to\""
                                        : fmt::format("there is no service \"{}\" in the file", wanted));
    }

    using Index = std::map<std::string, KongEntity*, std::less<>>;

    static void add_to(Index& index, KongEntity& entity) {
        for (const std::string& name : {entity.name, entity.id})
            if (!name.empty()) index.emplace(name, &entity);
    }

    // When nothing is added to the file any more but plugins.
    void index() {
        for (KongService& service : file_.services) {
            add_to(services_, service.entity);
            for (KongEntity& route : service.routes) add_to(routes_, route);
        }
        for (KongEntity& consumer : file_.consumers) add_to(consumers_, consumer);
    }

    KongEntity* place_of(const std::string& service, const std::string& route, const std::string& consumer) const {
        const auto in = [](const Index& index, const std::string& name) {
            const auto found = index.find(name);
            return found == index.end() ? nullptr : found->second;
        };
        if (!consumer.empty()) return in(consumers_, consumer);
        return route.empty() ? in(services_, service) : in(routes_, route);
    }

    void place_plugin(const Node& node) {
        const std::string service = reference_under(node, "service");
        const std::string route = reference_under(node, "route");
        const std::string consumer = reference_under(node, "consumer");
        const std::string group = reference_under(node, "consumer_group");
        if (service.empty() && route.empty() && consumer.empty() && group.empty())
            return add_plugin(file_.plugins, node);
        KongEntity* const place = group.empty() ? place_of(service, route, consumer) : nullptr;
        if (place != nullptr) return add_plugin(place->plugins, node);
        report_->missing(node.at, fmt::format("plugin \"{}\"", scalar_under(node, "name")),
                         group.empty() ? "what it belongs to is not in the file"
                                       : "it belongs to a consumer group; plans of limits say what a group may");
    }

    Fields root_;
    const Node* node_;
    Report* report_;
    std::map<std::string, const Node*, std::less<>> configs_;
    std::map<std::string, size_t, std::less<>> service_at_;
    Index services_;
    Index routes_;
    Index consumers_;
    manifest::Position too_many_;  // where a place had more plugins than it may
    KongFile file_;
};

}  // namespace

const Node& KongPlugin::settings() const {
    static const Node kNone;
    return config == nullptr ? kNone : *config;
}

std::expected<KongFile, Diagnostic> read_kong(const Node& root, Report& report) { return Reader{root, report}.read(); }

}  // namespace tl::app
