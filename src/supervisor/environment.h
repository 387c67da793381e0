// The environment and the command of one instance: what is inherited, what files say, what the manifest says, and what
// Trunkline says, in this order; a later word about a variable wins, and Trunkline's own cannot be overridden.
// Reads files; keeps nothing. Values of secrets pass through here and must not be logged.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "supervisor/call_addresses.h"
#include "supervisor/config.h"

namespace tl::supervisor {

using Variables = std::vector<std::pair<std::string, std::string>>;

// NAME=value lines. Blank lines, lines that begin with #, and "export " before a name are allowed; 'x' is taken as it
// is, in "x" the escapes \n \t \" \\ \$ are replaced; without quotes " #" begins a comment. The error names file:line.
[[nodiscard]] base::Result<Variables> parse_env_file(std::string_view text, std::string_view file);

// What only the supervisor knows of an instance about to start.
struct InstanceFacts {
    std::string id;
    uint16_t port = 0;
    std::string run_id;
};

struct Environment {
    std::vector<std::string> entries;   // "NAME=value"
    std::vector<std::string> warnings;  // "the secret file ... can be read by other users; chmod 600 ..."
};

// Also makes the database's folder. Errors name the file that is missing or wrong.
[[nodiscard]] base::Result<Environment> make_environment(const ServiceSpec& spec, const InstanceFacts& facts,
                                                         const std::vector<std::string>& inherited,
                                                         CallAddresses& addresses);

// "payment-gateway" gives "PAYMENT_GATEWAY": variables about a callee begin so.
[[nodiscard]] std::string variable_prefix(std::string_view service);
// "payment-gateway" gives "PAYMENT_GATEWAY_URL".
[[nodiscard]] std::string url_variable(std::string_view service);
// `path` as seen from `folder`, unless it is absolute.
[[nodiscard]] std::string from_folder(const std::string& folder, const std::string& path);
// A hash of what env_files and secrets hold now, so that a changed file restarts its service; unreadable files count by
// their absence. Not for proving anything.
[[nodiscard]] std::string fingerprint_files(const ServiceSpec& spec);

}  // namespace tl::supervisor
