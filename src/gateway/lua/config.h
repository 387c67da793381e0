// What the manifest says of a script of a route (`policies.lua`). Plain values.
#pragma once

#include <expected>
#include <string>
#include <vector>

#include "gateway/lua/script.h"
#include "gateway/policies/context.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct PolicyCheck;

struct LuaConfig {
    manifest::Position at;
    manifest::Located<std::string> file;
    std::vector<manifest::Located<std::string>> calls;  // services that it may call
    uint64_t most = 1 << 20;                            // bytes of a body that it is shown
    uint64_t memory = 16 << 20;                         // bytes, on each core
    int64_t instructions = 200'000;                     // of one function for one request
    base::Duration timeout = std::chrono::seconds{1};   // for all its calls together

    void check(const PolicyCheck& check) const;
};

[[nodiscard]] const manifest::Object<LuaConfig>& lua_schema();
// The script, read from `folder` where its name is relative.
[[nodiscard]] std::expected<LuaScript, std::string> load_script(const LuaConfig& config, const std::string& folder);
[[nodiscard]] FilterPtr make_lua_filter(const LuaConfig& config, const PolicyContext& context);

}  // namespace tl::gateway
