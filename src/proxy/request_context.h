// Everything that belongs to one request on its way through the pipeline. Lives in the pipeline's frame, on one core;
// filters and the steps of the pipeline read and change it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/arena.h"
#include "http/exchange.h"
#include "proxy/cause.h"
#include "proxy/identity_fwd.h"
#include "proxy/mirror.h"
#include "proxy/own_reply.h"
#include "proxy/route.h"
#include "proxy/route_table.h"
#include "proxy/transcoding.h"
#include "telemetry/record.h"
#include "telemetry/trace.h"

namespace tl::proxy {

struct Door;
class Engine;
class GrpcWebExchange;

// Fields for the answer that a filter's on_request has decided on; the filter itself adds them. In the arena.
struct AnswerField {
    std::string_view name;
    std::string_view value;
    const AnswerField* next = nullptr;
};

struct RequestContext {
    http::ServerExchange* exchange;  // the client's end; a FilteredExchange may stand in front of it
    const Door& door;
    base::TimePoint began;
    Engine* engine = nullptr;                 // of this core; nullptr only where unit tests have none
    base::TimePoint deadline = base::kNever;  // of whoever it is made for; the route's holds beside it
    base::Arena arena;
    std::string_view path;  // normalized
    const Route* route = nullptr;
    PathMatch match;
    telemetry::TraceContext trace;  // of this hop
    telemetry::Record record;
    Denial refusal{Cause::none, {}};               // set by whoever refuses
    std::unique_ptr<OwnReply> reply;               // set by the filter that answers in the service's place
    size_t filters_seen = 0;                       // of the route's: those that have seen the request
    IdentityPtr identity;                          // who calls, once a policy knows; nullptr before
    const net::Address* client = nullptr;          // who calls, where the peer is a proxy that we trust
    std::unique_ptr<net::Address> named_client;    // where `client` points to
    bool from_proxy = false;                       // the peer is a trusted proxy
    std::optional<uint64_t> answer_length;         // of the answer's body, where it is known before it is sent
    bool idempotent = false;                       // may be sent twice
    bool shortened = false;                        // the caller gives it less time than the route does
    bool grpc = false;                             // a call of gRPC, as the service gets it
    GrpcWebExchange* web = nullptr;                // the client speaks gRPC-Web, and this stands at its end
    std::unique_ptr<Transcoding> transcoding;      // a call of gRPC for a client that does not speak it
    base::TimePoint call_deadline = base::kNever;  // of the caller, for a call as a whole
    Mirrors::CopyPtr mirror;                       // while its body is not whole yet
    std::string_view accept_encoding;              // the client's, where a policy has taken it off the request
    std::string_view set_cookie;                   // for the answer: names the instance that the client is to stay with
    const AnswerField* session_fields = nullptr;   // for the answer: the client's session, when it was renewed (auth)

    // Path and query as the service gets them: rewritten where the route says so.
    [[nodiscard]] std::string_view target() {
        if (upstream_target.empty()) upstream_target = make_target();
        return upstream_target;
    }
    std::string_view upstream_target;

    [[nodiscard]] codec::RequestHead& head() const { return exchange->request(); }
    // Whom policies take for the client: behind trusted proxies the address that these have named.
    [[nodiscard]] const net::Address& client_address() const { return client != nullptr ? *client : exchange->peer(); }
    // What a policy has decided, for `why` and the access log: "limit: 3 of 100 left". Cut at what a record holds;
    // never with a secret in it.
    void note(std::string_view policy, std::string_view what) { record.note(policy, what); }

  private:
    [[nodiscard]] std::string_view make_target();
};

}  // namespace tl::proxy
