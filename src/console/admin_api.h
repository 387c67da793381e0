// The admin API: what the commands and other programs ask of a running Trunkline, over HTTP. One object a door (the
// Unix socket, loopback HTTP), on the control core. It knows the system only through System. Long operations run on
// when their client goes away; stop() waits for them. Not for the data path: bodies and lists are held in memory.
#pragma once

#include <memory>

#include "console/access.h"
#include "console/feed.h"
#include "console/request_target.h"
#include "console/system.h"
#include "http/exchange.h"
#include "rt/gate.h"

namespace tl::console {

class AdminApi final : public http::Handler {
  public:
    static constexpr size_t kMostManifest = 4U << 20;  // bytes of a manifest in a request
    static constexpr size_t kMostTail = 10000;         // log lines from the past
    static constexpr size_t kFeedBytes = 8U << 20;     // waiting for one reader
    static constexpr size_t kMostFollowers = 64;       // readers of logs at a time

    // `system` outlives this.
    AdminApi(System& system, Access access) : system_(&system), access_(std::move(access)) {}

    [[nodiscard]] rt::Task<void> handle(http::ServerExchange& exchange) override;

    // Followed logs end now, in good order; new ones end at once. Before http::Server::stop, which waits for them.
    void end_streams();
    // Ends streams and waits for operations that still run.
    [[nodiscard]] rt::Task<void> stop(rt::Wait wait);

    // One line of the table of what there is; `run` answers the request.
    struct Endpoint {
        std::string_view method;
        std::string_view path;   // with {name} for any one segment
        std::string_view query;  // names, separated by spaces
        std::string_view about;
        rt::Task<void> (AdminApi::*run)(http::ServerExchange&, const RequestTarget&);
    };

  private:
    [[nodiscard]] rt::Task<bool> admit(http::ServerExchange& exchange);
    [[nodiscard]] rt::Task<void> send_not_found(http::ServerExchange& exchange);

    rt::Task<void> list(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> status(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> services(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> routes(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> why(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> plan(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> apply(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> restart(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> upgrade(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> stop_system(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> logs(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> keys(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> create_key(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> rotate_key(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> revoke_key(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> metrics(http::ServerExchange& exchange, const RequestTarget& target);
    rt::Task<void> dump_tasks(http::ServerExchange& exchange, const RequestTarget& target);

    static const std::vector<Endpoint>& endpoints();

    System* system_;
    Access access_;
    rt::Gate operations_;
    bool stopping_ = false;
    std::vector<std::shared_ptr<Feed>> followed_;  // at most kMostFollowers
};

}  // namespace tl::console
