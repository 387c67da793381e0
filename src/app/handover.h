// What the program that runs leaves to the one that takes its place in the same process (`trunkline upgrade`, decision
// 0010): descriptors, live services, what is known of their health. Written as JSON into a memory file, whose number
// the next program finds in its environment. Keys that one side does not know are ignored, so that neighbouring
// versions understand each other; kFormat grows when that is not enough.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "registry/registry.h"
#include "supervisor/estate.h"

namespace tl::app {

struct HandedDoor {
    std::string key;
    std::string address;
    std::vector<int> sockets;  // one a core, listening
};

struct HandedInstance {
    std::string service;
    std::string id;
    std::string address;
    std::string version;
    std::string zone;
    uint32_t weight = 1;
    std::string host;   // that its certificate must name
    std::string state;  // registry's word
    std::string reason;
    std::string last_probe;
    base::WallTime since;
    bool of_others = false;
};

struct Handover {
    static constexpr uint32_t kFormat = 1;

    uint32_t format = kFormat;
    std::string version;  // of the program that leaves it
    std::string run_id;
    std::string manifest_file;
    std::string manifest_text;
    uint32_t cores = 0;
    base::WallTime started;
    uint64_t revision = 0;
    uint64_t cookie_low = 0;  // the key of sticky cookies, so that clients stay where they are
    uint64_t cookie_high = 0;
    uint32_t upgrades = 0;  // of this run, before this one
    base::Duration grace{0};
    uint32_t join_layout = 0;  // of the kernel's maps behind `joined`
    std::vector<int> joined;   // sockmap::Joiner::descriptors
    int lock = -1;
    pid_t guard = -1;
    int guard_pipe = -1;
    int admin_socket = -1;
    int admin_http = -1;
    std::vector<HandedDoor> doors;
    std::vector<HandedInstance> instances;
    supervisor::Estate estate;

    // All that the next program must find open.
    [[nodiscard]] std::vector<int> descriptors() const;
};

[[nodiscard]] std::string write_handover(const Handover& handover);
[[nodiscard]] base::Result<Handover> read_handover(std::string_view text);

// Where the next program finds it, as the variable TRUNKLINE_HANDOVER says.
struct HandoverTicket {
    static constexpr const char* kVariable = "TRUNKLINE_HANDOVER";

    int file = -1;         // memory file with the Handover
    pid_t former = -1;     // finishes the connections that were open
    int former_link = -1;  // to it
    int program = -1;      // the file of the program that leaves: it is run again should the next one fail
    std::string failed;    // why the next one failed, when this is that return

    [[nodiscard]] std::string in_words() const;
    // Of this process, taken out of its environment, so that no service sees it.
    [[nodiscard]] static std::optional<HandoverTicket> take();
    [[nodiscard]] static std::optional<HandoverTicket> parse(std::string_view words);
};

// A memory file with `text`; closed by exec until somebody lets it through. And the text of one.
[[nodiscard]] base::Result<int> make_memory_file(std::string_view text);
[[nodiscard]] base::Result<std::string> read_whole_file(const std::string& path);

// Whether exec leaves the descriptors open for the next program. Unknown ones are ignored.
enum class OverExec : uint8_t { close, keep };
void set_over_exec(const std::vector<int>& descriptors, OverExec what);

}  // namespace tl::app
