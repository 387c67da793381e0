#include "gateway/grpc_json/reflection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "base/log.h"
#include "gateway/grpc_json/reflection_bytes.h"
#include "rt/loop.h"

namespace tl::gateway {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kLookAgain = 10ms;  // while another request asks
constexpr size_t kMostRounds = 16;           // of files that import others
constexpr std::array<const char*, 2> kProtocols{"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
                                                "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};

// One call with some questions, which is whole when the service has answered them all.
class Asker {
  public:
    Asker(proxy::RequestContext& context, proxy::RoutePtr route, rt::Wait wait)
        : context_(&context), route_(std::move(route)), wait_(wait) {}

    rt::Task<std::expected<ReflectionAnswer, std::string>> ask(std::string questions) {
        std::string why;
        while (protocol_ < kProtocols.size()) {
            proxy::Subrequest request{.method = "POST",
                                      .target = kProtocols[protocol_],
                                      .headers = {{"Content-Type", "application/grpc"}, {"TE", "trailers"}},
                                      .body = questions,
                                      .most = GrpcReflection::kMostAnswer};
            const proxy::SubResponse said = co_await proxy::call_service(*context_, route_, std::move(request), wait_);
            if (said.cause != proxy::Cause::none) co_return std::unexpected(said.detail);
            if (said.status == 200 && !said.body.empty()) {
                auto answer = parse_reflection(said.body, GrpcReflection::kMostAnswer);
                co_return answer;
            }
            // Whoever does not have this version ends the call without a message.
            why = said.status == 200 ? "it has no server reflection (v1 or v1alpha)"
                                     : fmt::format("it answers {} and does not speak gRPC", said.status);
            ++protocol_;
        }
        protocol_ = 0;
        co_return std::unexpected(std::move(why));
    }

  private:
    proxy::RequestContext* context_;
    proxy::RoutePtr route_;
    rt::Wait wait_;
    size_t protocol_ = 0;
};

std::string questions_of(ReflectionAsk what, const std::vector<std::string>& names) {
    std::string all;
    for (const std::string& one : names) all += reflection_request(what, one);
    return all;
}

bool is_reflection(const std::string& service) { return service.starts_with("grpc.reflection."); }

}  // namespace

rt::Task<GrpcReflection::Asked> GrpcReflection::ask(proxy::RequestContext& context, proxy::RoutePtr route,
                                                    rt::Wait wait) const {
    Asker asker{context, std::move(route), wait};
    std::vector<std::string> services = services_;
    if (services.empty()) {
        auto list = co_await asker.ask(reflection_request(ReflectionAsk::services, ""));
        if (!list) co_return std::unexpected(std::move(list.error()));
        services = std::move(list->services);
        std::erase_if(services, is_reflection);
        if (services.empty()) co_return std::unexpected("it names no services");
    }
    auto files = co_await asker.ask(questions_of(ReflectionAsk::symbol, services));
    if (!files) co_return std::unexpected(std::move(files.error()));
    if (files->files.empty()) {
        co_return std::unexpected(files->error.empty() ? "it describes none of its services" : files->error);
    }
    for (size_t round = 0; round < kMostRounds; ++round) {
        const FileNames names = imports_of(files->files);
        if (names.missing.empty()) break;
        auto more = co_await asker.ask(questions_of(ReflectionAsk::file, names.missing));
        if (!more) co_return std::unexpected(std::move(more.error()));
        if (more->files.empty() || files->files.size() + more->files.size() > GrpcSchema::kMostFiles) break;
        for (std::string& one : more->files) files->files.push_back(std::move(one));
    }
    co_return std::move(files->files);
}

// What the service says again changes nothing.
std::expected<void, std::string> GrpcReflection::publish(std::vector<std::string> files) {
    std::ranges::sort(files);
    if (files == files_) return {};
    auto schema = GrpcSchema::of_files(files);
    if (!schema) return std::unexpected(std::move(schema.error()));
    schema_.publish(std::move(*schema));
    files_ = std::move(files);
    return {};
}

void GrpcReflection::settle(Asked asked, const std::string& service) {
    std::expected<void, std::string> good;
    if (asked) good = publish(std::move(*asked));
    if (!asked) good = std::unexpected(std::move(asked.error()));
    const int64_t now = base::steady_now().time_since_epoch().count();
    const base::Duration next = good ? refresh_ : std::min(refresh_, kLeastRetry);
    if (good) {
        if (failing_.exchange(false)) TL_LOG(info, "grpc", "descriptors of {}: here again", service);
    } else {
        if (!failing_.exchange(true)) TL_LOG(warning, "grpc", "descriptors of {}: {}", service, good.error());
        why_.publish(std::make_shared<const std::string>(std::move(good.error())));
    }
    due_.store(now + next.count(), std::memory_order_release);
    asking_.store(false, std::memory_order_release);
}

rt::Task<void> GrpcReflection::refresh(proxy::RequestContext& context, proxy::RoutePtr route, rt::Wait wait) {
    const std::string service = route->service;
    auto asked = co_await ask(context, std::move(route), wait);
    const bool left = !asked && wait.cancel->requested();
    if (left) {  // that says nothing about the service: the next request asks
        asking_.store(false, std::memory_order_release);
        co_return;
    }
    settle(std::move(asked), service);
}

rt::Task<GrpcSchemaPtr> GrpcReflection::get(proxy::RequestContext& context, proxy::RoutePtr route, rt::Wait wait) {
    for (;;) {
        auto known = schema_.take();
        const int64_t now = base::steady_now().time_since_epoch().count();
        const bool due = now >= due_.load(std::memory_order_acquire);
        if (!due) co_return known;
        if (!asking_.exchange(true, std::memory_order_acq_rel)) {
            co_await refresh(context, route, wait.until(base::deadline_after(rt::this_loop().now(), kMostAsking)));
            co_return schema_.take();
        }
        if (known != nullptr) co_return known;
        const rt::Wake wake = co_await rt::wait_for(wait.until(rt::this_loop().now() + kLookAgain));
        if (wake == rt::Wake::cancelled || rt::this_loop().now() >= wait.deadline) co_return nullptr;
    }
}

std::string GrpcReflection::why() const {
    const auto why = why_.take();
    return why == nullptr ? "it has not answered yet" : *why;
}

}  // namespace tl::gateway
