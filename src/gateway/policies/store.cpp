#include "gateway/policies/store.h"

#include <fmt/format.h>

#include "gateway/policies/policies.h"

namespace tl::gateway {

manifest::Enumeration<Store> store_words() {
    return manifest::one_of<Store>({{"memory", Store::memory}, {"redis", Store::redis}});
}

manifest::Enumeration<OnStoreFailure> on_store_failure_words() {
    return manifest::one_of<OnStoreFailure>({{"allow", OnStoreFailure::allow}, {"refuse", OnStoreFailure::refuse}});
}

void check_store(Store store, std::string_view policy, manifest::Position at, const PolicyCheck& check) {
    if (store != Store::redis || check.redis) return;
    check.diagnostics.error(at, fmt::format("{}: the manifest names no Redis to store it in", policy),
                            "add gateway.redis, such as redis: 127.0.0.1:6379");
}

std::shared_ptr<SharedLimits> keep_shared(Store store, const PolicyContext& context) {
    if (store != Store::redis || context.redis == nullptr) return nullptr;
    const RedisConfig& redis = *context.redis;
    const std::string key = fmt::format("redis {} {} {} {} {} {}", redis.address, redis.ca, redis.user,
                                        redis.password_file, redis.database, redis.prefix);
    return context.home->keeper.keep<SharedLimits>(key, redis, context.home->folder,
                                                   !context.home->state_folder.empty());
}

}  // namespace tl::gateway
