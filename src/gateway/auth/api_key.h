// API keys in requests: in a header, behind a scheme of Authorization, or in the query.
#pragma once

#include <vector>

#include "gateway/auth/api_keys.h"
#include "gateway/auth/key_place.h"
#include "gateway/auth/method.h"

namespace tl::gateway {

struct ApiKeyOptions {
    std::vector<KeyPlace> from{KeyPlace{}};
    std::string realm;
    bool keep = false;  // the service gets the key, too
};
[[nodiscard]] MethodPtr make_api_key_method(ApiKeyOptions options, std::shared_ptr<ApiKeyStore> store,
                                            proxy::StateSlot slot);

// `query` without each parameter of that name; in the arena, or the same view when there is none.
[[nodiscard]] std::string_view without_parameter(std::string_view query, std::string_view name, base::Arena& arena);

}  // namespace tl::gateway
