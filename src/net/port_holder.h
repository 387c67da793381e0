// Who listens on a TCP port of this machine: for the error message when a port is taken. Reads /proc.
#pragma once

#include <cstdint>
#include <string>

namespace tl::net {

// "it is held by nginx (process 123)", or how to find out when it cannot be seen from here.
[[nodiscard]] std::string describe_port_holder(uint16_t port);

}  // namespace tl::net
