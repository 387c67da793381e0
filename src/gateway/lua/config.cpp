#include "gateway/lua/config.h"

#include <fmt/format.h>

#include "gateway/lua/machine.h"
#include "gateway/policies/auth_files.h"
#include "gateway/policies/policies.h"

namespace tl::gateway {

using namespace std::chrono_literals;
using manifest::list_of;
using manifest::text;

std::expected<LuaScript, std::string> load_script(const LuaConfig& config, const std::string& folder) {
    constexpr size_t kMostScript = 1 << 20;
    auto read = storage::read_file(file_in(folder, config.file.value), kMostScript);
    if (!read) return std::unexpected(read.error().message());
    return LuaScript{config.file.value, std::move(*read)};
}

void LuaConfig::check(const PolicyCheck& check) const {
    for (const auto& service : calls) check.services.check(service, "a lua policy calls", check.diagnostics);
    const auto script = load_script(*this, check.folder);
    const auto machine = script ? LuaMachine::make(*script, {memory, instructions}) : std::unexpected(script.error());
    if (!machine) {
        check.diagnostics.error(file.at, fmt::format("lua: {}", machine.error()));
        return;
    }
    const LuaPhases& phases = (*machine)->phases();
    if (!phases.any()) {
        check.diagnostics.error(file.at, fmt::format("lua: {} has no function that would be called", file.value),
                                "define on_request, on_request_body, on_response or on_response_body");
    }
    if (!calls.empty() && !phases.request) {
        check.diagnostics.error(calls.front().at,
                                fmt::format("lua: {} has no on_request, and only that may call", file.value));
    }
}

const manifest::Object<LuaConfig>& lua_schema() {
    static const auto schema =
        manifest::Object<LuaConfig>("a lua policy")
            .position(&LuaConfig::at)
            .field("file", &LuaConfig::file, text("a file such as filters/tag.lua"))
            .required()
            .doc("The script, in the manifest's folder.")
            .example("filters/tag.lua")
            .field("calls", &LuaConfig::calls, list_of(text("a service")).unique().at_most(32).or_single())
            .doc("Services that it may call.")
            .field("most", &LuaConfig::most, manifest::size().range(1024, 64 << 20))
            .doc("Bytes of a body that it is shown, which is held whole.")
            .field("memory", &LuaConfig::memory, manifest::size().range(256 << 10, 1 << 30))
            .doc("Bytes that it may use, on each core.")
            .field("instructions", &LuaConfig::instructions, manifest::integer().range(1000, 100'000'000))
            .doc("Instructions that one of its functions may use for one request.")
            .field("timeout", &LuaConfig::timeout, manifest::duration().range(1ms, 1min))
            .doc("For all that it calls for one request.");
    return schema;
}

}  // namespace tl::gateway
