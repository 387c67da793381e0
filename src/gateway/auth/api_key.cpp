#include "gateway/auth/api_key.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>

#include "base/text.h"
#include "proxy/engine.h"

namespace tl::gateway {

namespace {

// A core's own copy of the keys, so that handing out an identity counts a reference that no other core counts.
struct KeyState final : proxy::CoreState {
    struct Known {
        net::Sha256 hash;
        base::WallTime until;
        proxy::IdentityPtr identity;
        std::atomic<int64_t>* used;  // of the key, which `view` holds
    };
    View<ApiKeys> view;
    std::unordered_map<std::string, Known> by_id;

    void refresh(const ApiKeyStore& store) {
        if (!view.refresh(store.published())) return;
        by_id.clear();
        for (const ApiKey& key : *view.get()) {
            auto identity = std::make_shared<proxy::Identity>();
            identity->method = "api_key";
            identity->subject = key.name;
            identity->plan = key.plan;
            identity->scopes = key.scopes;
            identity->roles = key.roles;
            for (const KeySecret& secret : key.secrets) {
                by_id.emplace(secret.id, Known{secret.hash, secret.until, identity, key.used.get()});
            }
        }
    }
};

// The value of the first parameter of that name, as it stands there: keys need no escapes.
std::optional<std::string_view> parameter(std::string_view query, std::string_view name) {
    for (const std::string_view part : base::split(query, '&')) {
        if (!part.starts_with(name)) continue;
        if (part.size() == name.size()) return std::string_view{};
        if (part[name.size()] == '=') return part.substr(name.size() + 1);
    }
    return std::nullopt;
}

class ApiKeyMethod final : public Method {
  public:
    ApiKeyMethod(ApiKeyOptions options, std::shared_ptr<ApiKeyStore> store, proxy::StateSlot slot)
        : options_(std::move(options)), store_(std::move(store)), slot_(slot) {}

    std::string_view name() const override { return "api_key"; }
    // There is no registered scheme for keys in a header: this one says where the key belongs.
    std::string challenge() const override {
        const KeyPlace& place = options_.from.front();
        if (place.kind == KeyPlace::Kind::authorization) {
            return fmt::format("{} realm={}", place.name, quote(options_.realm));
        }
        return fmt::format("ApiKey realm={}, in={}", quote(options_.realm), quote(to_string(place)));
    }
    bool uses_authorization() const override {
        return std::ranges::any_of(options_.from,
                                   [](const KeyPlace& place) { return place.kind == KeyPlace::Kind::authorization; });
    }
    bool is_used(const proxy::RequestContext& context) const override {
        return std::ranges::any_of(options_.from,
                                   [&](const KeyPlace& place) { return key_at(context, place).has_value(); });
    }
    std::optional<Finding> check(proxy::RequestContext& context) const override {
        std::optional<std::string_view> key;
        for (const KeyPlace& place : options_.from) {
            const auto found = key_at(context, place);
            if (found && key) return refuse("the request has two API keys");
            if (place.kind == KeyPlace::Kind::header && count(context, place.name) > 1) {
                return refuse("the request has two API keys");
            }
            if (found) key = found;
        }
        auto& state = context.engine->states().get<KeyState>(slot_);
        state.refresh(*store_);
        // The id is no secret: looking it up may take different times. The rest is compared by its hash.
        const auto known = state.by_id.find(std::string{id_of_key(*key)});
        if (known == state.by_id.end()) return refuse("the API key is not known");
        if (!net::equal_in_constant_time(net::sha256(*key), known->second.hash)) {
            return refuse("the API key is not known");
        }
        const base::WallTime now = base::wall_now();
        if (now >= known->second.until) return refuse("the API key was rotated, and its time is over");
        const int64_t second = std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count();
        std::atomic<int64_t>& used = *known->second.used;
        if (used.load(std::memory_order_relaxed) < second) used.store(second, std::memory_order_relaxed);
        return Finding{known->second.identity};
    }
    void strip(proxy::RequestContext& context) const override {
        if (options_.keep) return;
        codec::RequestHead& head = context.head();
        for (const KeyPlace& place : options_.from) {
            switch (place.kind) {
                case KeyPlace::Kind::header: head.headers.remove(place.name); break;
                case KeyPlace::Kind::authorization:
                    if (authorization(head.headers, place.name)) head.headers.remove(codec::Field::authorization);
                    break;
                case KeyPlace::Kind::query: strip_query(context, place.name); break;
            }
        }
    }

  private:
    static size_t count(const proxy::RequestContext& context, std::string_view name) {
        return static_cast<size_t>(std::ranges::count_if(
            context.head().headers, [&](const codec::Header& header) { return base::iequals(header.name, name); }));
    }
    static std::optional<std::string_view> key_at(const proxy::RequestContext& context, const KeyPlace& place) {
        const codec::RequestHead& head = context.head();
        switch (place.kind) {
            case KeyPlace::Kind::authorization: return authorization(head.headers, place.name);
            case KeyPlace::Kind::query: return parameter(head.query, place.name);
            case KeyPlace::Kind::header: break;
        }
        const codec::Header* const header = head.headers.find(place.name);
        return header == nullptr ? std::nullopt : std::optional{header->value};
    }
    static void strip_query(proxy::RequestContext& context, std::string_view name) {
        codec::RequestHead& head = context.head();
        const std::string_view left = without_parameter(head.query, name, context.arena);
        if (left.data() == head.query.data() && left.size() == head.query.size()) return;
        head.query = left;
        head.target = left.empty() ? head.path : context.arena.concat(head.path, "?", left);
    }
    Finding refuse(std::string why) const { return refuse_credential(std::move(why), challenge()); }

    ApiKeyOptions options_;
    std::shared_ptr<ApiKeyStore> store_;
    proxy::StateSlot slot_;
};

}  // namespace

std::string_view without_parameter(std::string_view query, std::string_view name, base::Arena& arena) {
    if (!parameter(query, name)) return query;
    std::string_view left;
    for (const std::string_view part : base::split(query, '&')) {
        if (parameter(part, name)) continue;
        left = left.empty() ? part : arena.concat(left, "&", part);
    }
    return left;
}

MethodPtr make_api_key_method(ApiKeyOptions options, std::shared_ptr<ApiKeyStore> store, proxy::StateSlot slot) {
    return std::make_shared<ApiKeyMethod>(std::move(options), std::move(store), slot);
}

}  // namespace tl::gateway
