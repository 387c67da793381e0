// The command line of the trunkline binary: reads arguments, finds the project, and either asks the Trunkline that runs
// (over its admin socket) or calls one of the local commands, which the rest of app/ implements. main() calls run() and
// returns what it returns. Nothing here knows a room but console/'s views.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "app/cli/project.h"
#include "app/cli/terminal.h"

namespace tl::app {

inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kBadInput = 2;    // a manifest or arguments that cannot be right
inline constexpr int kNotRunning = 3;  // no Trunkline runs for this manifest

struct UpOptions {
    Project project;
    bool json = false;    // log lines and access records as JSON
    bool colour = false;  // of what goes to the terminal
};

struct CheckOptions {
    Project project;
    bool defaults = false;  // print the manifest with every default spelled out
    bool json = false;
    bool colour = false;
};

// `trunkline routes --effective PATH`.
struct EffectiveOptions {
    Project project;
    std::string path;
    std::string method = "GET";
    std::string host;
    bool json = false;
};

// `trunkline import FORMAT FILE`.
struct ImportOptions {
    std::string format;  // openapi, kong, krakend
    std::string file;
    std::string to;                   // of openapi: the service that the routes lead to
    std::optional<std::string> base;  // of openapi: in front of the paths; nothing: what the document says
    bool json = false;
};

// `trunkline quotas`.
struct QuotasOptions {
    Project project;
    bool json = false;
    bool colour = false;
};

struct SchemaOptions {
    bool json = false;  // it is JSON anyway; on one line with this
};

struct TakeOverOptions {
    std::string file;
    bool json = false;
};

// What runs in this process. Each returns an exit code and says itself what went wrong. One that is nullptr is a
// command that this program does not have.
struct LocalCommands {
    int (*up)(const UpOptions&) = nullptr;
    int (*check)(const CheckOptions&) = nullptr;
    int (*schema)(const SchemaOptions&) = nullptr;
    int (*effective)(const EffectiveOptions&) = nullptr;
    int (*import)(const ImportOptions&) = nullptr;
    int (*quotas)(const QuotasOptions&) = nullptr;
    int (*take_over)(const TakeOverOptions&) = nullptr;
};

// `terminal` is where output goes; see Terminal::of_process().
[[nodiscard]] int run(int argc, const char* const* argv, const LocalCommands& local, Terminal terminal);

// "there is no service "ordres"; did you mean "orders"?", or what there is when none is near.
[[nodiscard]] std::string no_such(std::string_view kind, std::string_view name, const std::vector<std::string>& known);

}  // namespace tl::app
