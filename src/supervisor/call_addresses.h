// Where a workload finds the services that it calls. app/ joins it with mesh/; asked on the control loop each time that
// an instance starts, so answers may change between starts.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace tl::supervisor {

class CallAddresses {
  public:
    virtual ~CallAddresses() = default;

    // The value of <CALLEE>_URL, "http://127.0.0.1:31001"; "" leaves the variable out.
    [[nodiscard]] virtual std::string url_for(std::string_view caller, std::string_view callee) = 0;
    // Where services that speak TCP are found: those that `caller` may call, and in development those too that it may
    // not, behind doors that refuse and say what to write.
    struct TcpDoor {
        std::string callee;
        std::string host;
        uint16_t port = 0;
    };
    [[nodiscard]] virtual std::vector<TcpDoor> tcp_doors(std::string_view caller) = 0;
    // The value of HTTP_PROXY, by which http://callee/ works; "" leaves proxy variables out.
    [[nodiscard]] virtual std::string proxy_for(std::string_view caller) = 0;
};

}  // namespace tl::supervisor
