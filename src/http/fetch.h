// One request on a connection of its own, with the whole answer in memory: for probes, the commands and tests.
// Not for the data path.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "http/exchange.h"
#include "net/tls.h"

namespace tl::http {

struct FetchRequest {
    net::Address address;
    std::string method = "GET";
    std::string target = "/";
    std::string host;  // "" for the address
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    size_t most = 4U << 20;  // bytes of an answer's body
    bool http2 = false;      // by prior knowledge
    bool trailers = false;   // says that they are welcome
    net::TlsClientPtr tls;   // nullptr: plain
    std::string tls_host;    // that the certificate must name; "": the address
};

struct FetchResponse {
    uint16_t status = 0;
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    std::vector<std::pair<std::string, std::string>> trailers;
};

[[nodiscard]] rt::Task<base::Result<FetchResponse>> fetch(FetchRequest request, rt::Wait wait);

// The same with the body handed on as it arrives (`logs -f`); ends with the body, an error or the wait.
// `on_piece` runs on this core.
class FetchSink {
  public:
    virtual ~FetchSink() = default;
    virtual void on_head(uint16_t status) = 0;
    virtual void on_piece(std::string_view piece) = 0;
};
[[nodiscard]] rt::Task<base::Result<void>> fetch_streaming(FetchRequest request, FetchSink& sink, rt::Wait wait);

}  // namespace tl::http
