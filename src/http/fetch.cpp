#include "http/fetch.h"

#include "http/client.h"
#include "http/http2_client.h"
#include "rt/gate.h"

namespace tl::http {

namespace {

struct Opened {
    std::unique_ptr<ClientConnection> connection;
    ClientExchange* exchange = nullptr;
    codec::ResponseHead* head = nullptr;
};

// In HTTP/2 the connection runs in `connections` and ends by itself after its one exchange.
std::unique_ptr<ClientConnection> make_client(std::unique_ptr<net::Stream> stream, bool http2, rt::Gate& connections) {
    const ClientLimits limits{.body_idle = base::Duration::max()};
    if (!http2) return make_http1_client(std::move(stream), limits);
    const Http2Client::Options options{.limits = limits, .idle_for = base::Duration::zero()};
    return Http2Client::start(connections, std::move(stream), options, nullptr).lend();
}

// Connects, sends `request` and reads the head of the final answer.
rt::Task<base::Result<Opened>> open(const FetchRequest& request, rt::Gate& connections, rt::Wait wait) {
    auto stream = co_await net::connect(request.address, wait);
    if (stream && request.tls != nullptr) {
        std::string name = request.tls_host.empty() ? request.address.ip() : request.tls_host;
        stream = co_await net::tls_connect(std::move(*stream), request.tls, std::move(name), nullptr, wait);
    }
    if (!stream) co_return base::fail(stream.error());
    Opened opened;
    opened.connection = make_client(std::move(*stream), request.http2, connections);
    opened.exchange = &opened.connection->open_exchange();

    codec::HeaderTable headers;
    const std::string host = !request.host.empty()       ? request.host
                             : request.address.is_unix() ? "localhost"
                                                         : request.address.to_string();
    headers.add(codec::Field::host, host);
    for (const auto& [name, value] : request.headers) headers.add(name, value);
    const bool has_body = !request.body.empty() || request.method == "POST" || request.method == "PUT";
    const OutgoingRequest out{
        .method = request.method,
        .target = request.target,
        .headers = &headers,
        .length = {has_body ? BodyLength::Kind::known : BodyLength::Kind::none, request.body.size()},
        .trailers = request.trailers};
    const auto sent = co_await opened.exchange->send(out, {request.body, true}, wait);
    if (!sent) co_return base::fail(sent.error());
    do {
        const auto head = co_await opened.exchange->read_head(wait);
        if (!head) co_return base::fail(head.error());
        opened.head = *head;
    } while (opened.head->status < 200);
    co_return opened;
}

rt::Task<base::Result<FetchResponse>> fetch_whole(const FetchRequest& request, rt::Gate& connections, rt::Wait wait) {
    auto opened = co_await open(request, connections, wait);
    if (!opened) co_return base::fail(opened.error());
    FetchResponse response{.status = opened->head->status};
    for (const codec::Header& header : opened->head->headers) {
        response.headers.emplace_back(header.name, header.value);
    }
    for (;;) {
        const auto piece = co_await opened->exchange->read(wait);
        if (!piece) co_return base::fail(piece.error());
        if (response.body.size() + piece->data.size() > request.most) {
            co_return base::fail(base::Code::too_large, "the answer is larger than expected");
        }
        response.body += piece->data;
        if (piece->end) break;
    }
    for (const codec::Header& trailer : opened->exchange->trailers()) {
        response.trailers.emplace_back(trailer.name, trailer.value);
    }
    opened->connection->close_exchange();
    co_return response;
}

rt::Task<base::Result<void>> fetch_into(const FetchRequest& request, FetchSink& sink, rt::Gate& connections,
                                        rt::Wait wait) {
    auto opened = co_await open(request, connections, wait);
    if (!opened) co_return base::fail(opened.error());
    sink.on_head(opened->head->status);
    for (;;) {
        const auto piece = co_await opened->exchange->read(wait);
        if (!piece) co_return base::fail(piece.error());
        sink.on_piece(piece->data);
        if (piece->end) break;
    }
    opened->connection->close_exchange();
    co_return base::Result<void>{};
}

}  // namespace

rt::Task<base::Result<FetchResponse>> fetch(FetchRequest request, rt::Wait wait) {
    rt::Gate connections;
    auto response = co_await fetch_whole(request, connections, wait);
    co_await connections.closed();
    co_return response;
}

rt::Task<base::Result<void>> fetch_streaming(FetchRequest request, FetchSink& sink, rt::Wait wait) {
    rt::Gate connections;
    auto result = co_await fetch_into(request, sink, connections, wait);
    co_await connections.closed();
    co_return result;
}

}  // namespace tl::http
