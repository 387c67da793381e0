// A service's descriptors by its own word (grpc.reflection.v1 and v1alpha): asked by a request that needs them, the way
// of every request to the service, at most once in `refresh`; shared by cores and carried over reloads. While the
// service cannot say, what it said last holds.
#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "gateway/auth/published.h"
#include "gateway/grpc_json/mapping.h"
#include "gateway/policies/keeper.h"
#include "proxy/subrequest.h"

namespace tl::gateway {

class GrpcReflection final : public Kept {
  public:
    static constexpr size_t kMostAnswer = GrpcSchema::kMostBytes;
    static constexpr base::Duration kLeastRetry = std::chrono::seconds{1};  // after a failure
    static constexpr base::Duration kMostAsking = std::chrono::seconds{5};  // for all that one refresh asks

    // `services`: of whom the files are wanted; empty: all that the service names.
    GrpcReflection(std::vector<std::string> services, base::Duration refresh)
        : services_(std::move(services)), refresh_(refresh) {}

    // The descriptors, asked for if that is due. Waits only where there are none yet, or for its own question. nullptr:
    // there are none, and `why` says so. Any core.
    [[nodiscard]] rt::Task<GrpcSchemaPtr> get(proxy::RequestContext& context, proxy::RoutePtr route, rt::Wait wait);
    [[nodiscard]] std::string why() const;

  private:
    // Files, each a FileDescriptorProto.
    using Asked = std::expected<std::vector<std::string>, std::string>;
    [[nodiscard]] rt::Task<Asked> ask(proxy::RequestContext& context, proxy::RoutePtr route, rt::Wait wait) const;
    [[nodiscard]] rt::Task<void> refresh(proxy::RequestContext& context, proxy::RoutePtr route, rt::Wait wait);
    [[nodiscard]] std::expected<void, std::string> publish(std::vector<std::string> files);
    void settle(Asked asked, const std::string& service);

    std::vector<std::string> services_;
    base::Duration refresh_;
    Published<GrpcSchema> schema_;
    Published<std::string> why_;       // of the last failure
    std::vector<std::string> files_;   // of schema_; whoever asks
    std::atomic<bool> asking_{false};  // by one request of one core
    std::atomic<int64_t> due_{0};      // steady clock, nanoseconds
    std::atomic<bool> failing_{false};
};

}  // namespace tl::gateway
