// Where a policy's counts are: in each gateway, or in one Redis that several share; and what holds while that does not
// answer.
#pragma once

#include <memory>
#include <string_view>

#include "gateway/policies/context.h"
#include "gateway/policies/shared_limits.h"
#include "manifest/schema.h"

namespace tl::gateway {

struct PolicyCheck;

enum class Store : uint8_t { memory, redis };
enum class OnStoreFailure : uint8_t { allow, refuse };

[[nodiscard]] manifest::Enumeration<Store> store_words();
[[nodiscard]] manifest::Enumeration<OnStoreFailure> on_store_failure_words();

// Says so when the manifest names no Redis for it.
void check_store(Store store, std::string_view policy, manifest::Position at, const PolicyCheck& check);
// The connection of this manifest's gateways to their Redis; nullptr: counts are in memory.
[[nodiscard]] std::shared_ptr<SharedLimits> keep_shared(Store store, const PolicyContext& context);

}  // namespace tl::gateway
