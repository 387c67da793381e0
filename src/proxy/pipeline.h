// A request's way, from its head to its access record, in one function that reads from top to bottom: see pipeline.cpp,
// and docs/life_of_a_request.md for the story. One DoorHandler a listener and core.
#pragma once

#include "http/server.h"
#include "proxy/door.h"
#include "proxy/engine.h"
#include "proxy/grpc_call.h"
#include "proxy/grpc_web.h"

namespace tl::proxy {

class DoorHandler final : public http::Handler, public http::Server::Refusal {
  public:
    DoorHandler(Engine& engine, DoorPtr door) : engine_(&engine), door_(std::move(door)) {}

    // Requests that begin from now on come by this door; those in flight keep theirs.
    void change_door(DoorPtr door) { door_ = std::move(door); }

    [[nodiscard]] rt::Task<void> handle(http::ServerExchange& exchange) override;
    // Heads that are not HTTP: no route, but a record and an answer like any other.
    [[nodiscard]] rt::Task<void> refuse(http::ServerExchange& exchange, uint16_t status,
                                        const base::Error& error) override;

  private:
    [[nodiscard]] rt::Task<void> take(http::ServerExchange& exchange, codec::GrpcKind kind, GrpcWebExchange* web);
    [[nodiscard]] rt::Task<void> take_web(http::ServerExchange& exchange, codec::GrpcKind kind);
    [[nodiscard]] rt::Task<void> answer_refused(http::ServerExchange& exchange, GrpcWebExchange* web, Denial refusal);

    Engine* engine_;
    DoorPtr door_;
};

}  // namespace tl::proxy
