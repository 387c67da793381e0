// For tests only: a request without a connection.
#pragma once

#include "http/exchange.h"
#include "proxy/door.h"
#include "proxy/request_context.h"

namespace tl::gateway {

// A request that only has a head and a client.
class HeadOnly final : public http::ServerExchange {
  public:
    codec::RequestHead& request() override { return head; }
    const net::Address& peer() const override { return client; }
    http::BodyLength request_length() const override { return {}; }
    rt::Task<base::Result<void>> send_informational(const http::OutgoingResponse&) override { return never(); }
    rt::Task<base::Result<void>> send(const http::OutgoingResponse&, http::Piece) override { return never(); }
    rt::Task<base::Result<void>> send_body(http::Piece, const codec::HeaderTable*) override { return never(); }
    http::Tunnel tunnel() override { return {}; }
    bool response_started() const override { return false; }
    void abort() override {}
    rt::Cancel& cancel() override { return stop_; }
    std::optional<base::Result<http::Piece>> try_read() override { return std::nullopt; }
    rt::Task<base::Result<http::Piece>> read(rt::Wait) override {
        co_return base::fail(base::Code::internal, "a filter reads no body");
    }
    const codec::HeaderTable& trailers() const override { return none_; }

    codec::RequestHead head;
    net::Address client = *net::Address::parse("192.0.2.60:41000");

  private:
    static rt::Task<base::Result<void>> never() {
        co_return base::fail(base::Code::internal, "a filter sends nothing");
    }
    rt::Cancel stop_;
    codec::HeaderTable none_;
};

}  // namespace tl::gateway
