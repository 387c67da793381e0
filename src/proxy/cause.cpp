#include "proxy/cause.h"

#include <array>

namespace tl::proxy {

namespace {

constexpr std::array<CauseInfo, kCauses> kInfos{{
    {"none", "", 200},
    {"no_route", "No route matches this request", 404},
    {"no_healthy_instance", "The service has no healthy instance at the moment", 503},
    {"not_allowed", "The caller may not call this service", 403},
    {"upstream_connect_failed", "No instance of the service accepted a connection", 502},
    {"upstream_timeout", "The service did not answer in time", 504},
    {"upstream_reset", "The service broke the connection before it had answered", 502},
    {"upstream_protocol", "The service sent an answer that is not valid HTTP", 502},
    {"bad_request", "The request is not valid HTTP", 400},
    {"head_too_large", "The head of the request is larger than allowed", 431},
    {"body_too_large", "The body of the request is larger than allowed", 413},
    {"request_timeout", "The request did not arrive in time", 408},
    {"client_gone", "The client went away before the answer was complete", 499},
    {"no_such_service", "There is no service of this name", 404},
    {"unsupported", "The request asks for something that is not supported", 501},
    {"internal", "Trunkline failed; this is a defect", 500},
    {"upstream_certificate_expired", "The certificate of the service is not valid today", 502},
    {"upstream_certificate_mismatch", "The certificate of the service is for another name", 502},
    {"upstream_certificate_untrusted", "The service and Trunkline do not trust each other's certificate", 502},
    {"upstream_tls", "The service and Trunkline could not agree on TLS", 502},
    {"fault_injected", "The manifest injects a fault into a share of these requests", 503},
    {"circuit_open", "The service has failed too often and gets no requests for a moment", 503},
    {"overloaded", "The service has as many requests as it can take", 503},
    {"out_of_memory", "Trunkline's memory for requests is used up", 503},
    {"bad_upstream_answer", "The service's answer is not what a policy of this route needs", 502},
    {"unauthenticated", "The request does not say who it comes from in a way that this route accepts", 401},
    {"forbidden", "The caller is known, but may not do this", 403},
    {"blocked", "The gateway does not take requests like this one", 403},
    {"rate_limited", "The caller sends more requests than it may at the moment", 429},
    {"quota_exceeded", "The caller has used up its requests of this period", 429},
    {"invalid_request", "The request is not what the service's contract says", 400},
    {"policy_unavailable", "What has to decide about this request does not answer", 503},
    {"script_failed", "A script of this route failed", 500},
    {"incomplete", "A part that this answer needs could not be had", 502},
}};

}  // namespace

const CauseInfo& info(Cause cause) { return kInfos[static_cast<size_t>(cause)]; }

Cause cause_of(const base::Error& error) {
    if (error.side == base::Side::downstream) {
        switch (error.code) {
            case base::Code::invalid: return Cause::bad_request;
            case base::Code::too_large: return Cause::body_too_large;
            case base::Code::timeout: return Cause::request_timeout;
            default: return Cause::client_gone;
        }
    }
    switch (error.code) {
        case base::Code::unreachable:
        case base::Code::not_found: return Cause::upstream_connect_failed;
        case base::Code::timeout: return Cause::upstream_timeout;
        case base::Code::closed:
        case base::Code::reset: return Cause::upstream_reset;
        case base::Code::invalid:
        case base::Code::too_large: return Cause::upstream_protocol;
        case base::Code::unavailable: return Cause::no_healthy_instance;
        case base::Code::cert_expired: return Cause::upstream_certificate_expired;
        case base::Code::cert_mismatch: return Cause::upstream_certificate_mismatch;
        case base::Code::cert_untrusted: return Cause::upstream_certificate_untrusted;
        case base::Code::handshake: return Cause::upstream_tls;
        case base::Code::cancelled: return Cause::client_gone;
        default: return Cause::internal;
    }
}

}  // namespace tl::proxy
