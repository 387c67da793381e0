// API keys of a running system, for the console: the gateway's store, in the console's words.
#include "app/system.h"
#include "gateway/auth/api_keys.h"

namespace tl::app {

namespace {

console::KeyView view_of_key(const gateway::ApiKey& key) {
    const gateway::KeySecret& newest = key.secrets.front();
    console::KeyView view{.name = key.name,
                          .id = newest.id,
                          .plan = key.plan,
                          .scopes = key.scopes,
                          .roles = key.roles,
                          .created = key.created,
                          .rotated = newest.made};
    view.used = base::WallTime{std::chrono::seconds{key.used->load(std::memory_order_relaxed)}};
    if (key.secrets.size() > 1 && key.secrets.back().until > base::wall_now()) {
        view.former_until = key.secrets.back().until;
    }
    return view;
}

}  // namespace

std::shared_ptr<gateway::ApiKeyStore> System::key_store() {
    return gateway::ApiKeyStore::of(policies_.keeper, policies_.state_folder);
}

std::vector<console::KeyView> System::keys() {
    std::vector<console::KeyView> views;
    for (const gateway::ApiKey& key : key_store()->keys()) views.push_back(view_of_key(key));
    return views;
}

base::Result<std::string> System::create_key(console::NewKey key) {
    gateway::ApiKey wanted;
    wanted.name = std::move(key.name);
    wanted.plan = std::move(key.plan);
    wanted.scopes = std::move(key.scopes);
    wanted.roles = std::move(key.roles);
    return key_store()->create(std::move(wanted), base::wall_now());
}

base::Result<std::string> System::rotate_key(std::string name, base::Duration grace) {
    return key_store()->rotate(name, grace, base::wall_now());
}

base::Result<void> System::revoke_key(std::string name) { return key_store()->revoke(name); }

}  // namespace tl::app
