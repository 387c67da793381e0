#include "registry/probe.h"

#include <fmt/format.h>

#include "base/text.h"
#include "base/units.h"
#include "codec/grpc.h"
#include "codec/grpc_health.h"
#include "http/fetch.h"
#include "net/stream.h"
#include "rt/loop.h"

namespace tl::registry {

namespace {

constexpr size_t kMostBody = 64 << 10;

// The status decides. The body is read to its end all the same, within reason: servers complain in their logs about
// clients that leave before.
class StatusSink final : public http::FetchSink {
  public:
    explicit StatusSink(rt::Cancel& enough) : enough_(&enough) {}
    void on_head(uint16_t status) override { status_ = status; }
    void on_piece(std::string_view piece) override {
        body_ += piece.size();
        if (body_ > kMostBody) enough_->request();
    }
    [[nodiscard]] uint16_t status() const { return status_; }

  private:
    rt::Cancel* enough_;
    uint16_t status_ = 0;
    size_t body_ = 0;
};

std::string words_of(const base::Error& error, base::Duration timeout) {
    if (error.code == base::Code::timeout) return fmt::format("no answer within {}", base::format_duration(timeout));
    return base::printable(error.message());
}

rt::Task<ProbeResult> probe_http(ProbeRequest request, rt::Cancel* cancel) {
    const std::string path = request.config.http.value_or("/");
    rt::Cancel enough{cancel};
    StatusSink sink{enough};
    http::FetchRequest get{.address = request.address,
                           .target = path,
                           .http2 = request.config.http2,
                           .tls = request.tls,
                           .tls_host = request.host};
    get.headers.emplace_back("User-Agent", "trunkline-health");
    const auto fetched =
        co_await http::fetch_streaming(std::move(get), sink, rt::this_loop().within(request.config.timeout, &enough));
    if (sink.status() == 0) {
        const base::Error error = fetched ? base::Error{.context = "no answer"} : fetched.error();
        co_return ProbeResult{false, fmt::format("GET {}: {}", path, words_of(error, request.config.timeout))};
    }
    const bool well = request.config.status.contains(sink.status());
    co_return ProbeResult{well, fmt::format("GET {} answered {}", path, sink.status())};
}

codec::HeaderTable table_of(const std::vector<std::pair<std::string, std::string>>& fields) {
    codec::HeaderTable table;
    for (const auto& [name, value] : fields) table.add(name, value);
    return table;
}

// SERVING is well; what else was said is told.
ProbeResult read_health(const http::FetchResponse& answer) {
    auto status = codec::grpc_status_in(table_of(answer.trailers));
    if (!status) status = codec::grpc_status_in(table_of(answer.headers));
    if (answer.status != 200) return {false, fmt::format("the gRPC health check was answered HTTP {}", answer.status)};
    if (status == codec::GrpcStatus::unimplemented) {
        return {false, "the gRPC health check is not implemented there (grpc.health.v1.Health)"};
    }
    if (status != codec::GrpcStatus::ok) {
        const std::string_view name = status ? codec::name_of(*status) : "without a status";
        return {false, fmt::format("the gRPC health check ended {}", name)};
    }
    const auto health = codec::parse_grpc_health(answer.body);
    if (!health) return {false, "the gRPC health check was answered with something else"};
    return {*health == codec::GrpcHealth::serving, fmt::format("the gRPC health check said {}", name_of(*health))};
}

rt::Task<ProbeResult> probe_grpc(ProbeRequest request, rt::Cancel* cancel) {
    const std::string& written = *request.config.grpc;
    const std::string service = written == "true" ? "" : written;
    http::FetchRequest check{.address = request.address,
                             .method = "POST",
                             .target = std::string{codec::kGrpcHealthMethod},
                             .body = codec::grpc_health_request(service),
                             .most = kMostBody,
                             .http2 = true,
                             .trailers = true,
                             .tls = request.tls,
                             .tls_host = request.host};
    check.headers = {{"content-type", "application/grpc"}, {"user-agent", "trunkline-health"}};
    const auto answer = co_await http::fetch(std::move(check), rt::this_loop().within(request.config.timeout, cancel));
    if (answer) co_return read_health(*answer);
    co_return ProbeResult{false,
                          fmt::format("the gRPC health check: {}", words_of(answer.error(), request.config.timeout))};
}

rt::Task<ProbeResult> probe_tcp(ProbeRequest request, rt::Cancel* cancel) {
    const base::Duration timeout = request.config.timeout;
    const auto stream = co_await net::connect(request.address, rt::this_loop().within(timeout, cancel));
    if (!stream) co_return ProbeResult{false, words_of(stream.error(), timeout)};
    // A connection to a port that nobody listens on can meet itself when the kernel gives it that very port as its own.
    // The port must be free again at once: the instance wants it.
    if (!request.address.is_unix() && (*stream)->local() == (*stream)->peer()) {
        (*stream)->reset_on_close();
        co_return ProbeResult{false, fmt::format("connect to {}: nobody listens", request.address.to_string())};
    }
    co_return ProbeResult{true, fmt::format("a connection to {} opened", request.address.to_string())};
}

rt::Task<ProbeResult> probe_command(ProbeRequest request, CommandRunner* commands, rt::Cancel* cancel) {
    if (commands == nullptr) co_return ProbeResult{false, "commands cannot be run here"};
    std::vector<std::pair<std::string, std::string>> env{
        {"SERVICE", request.service},
        {"INSTANCE", request.instance},
        {"HOST", request.address.ip()},
        {"PORT", fmt::format("{}", request.address.port())},
    };
    const base::Duration timeout = request.config.timeout;
    const auto code = co_await commands->run(request.config.command.value_or(""), std::move(env),
                                             rt::this_loop().within(timeout, cancel));
    if (code) co_return ProbeResult{*code == 0, fmt::format("the health command exited with {}", *code)};
    if (code.error().code == base::Code::timeout) {
        co_return ProbeResult{false,
                              fmt::format("the health command did not end within {}", base::format_duration(timeout))};
    }
    co_return ProbeResult{false, fmt::format("the health command: {}", base::printable(code.error().message()))};
}

}  // namespace

rt::Task<ProbeResult> probe(ProbeRequest request, CommandRunner* commands, rt::Cancel* cancel) {
    switch (request.kind) {
        case ProbeKind::http: return probe_http(std::move(request), cancel);
        case ProbeKind::grpc: return probe_grpc(std::move(request), cancel);
        case ProbeKind::command: return probe_command(std::move(request), commands, cancel);
        case ProbeKind::tcp:
        case ProbeKind::automatic:
        case ProbeKind::none: return probe_tcp(std::move(request), cancel);
    }
    return probe_tcp(std::move(request), cancel);
}

}  // namespace tl::registry
