// A client of gRPC-Web seen as one of gRPC: stands between the session's exchange and the pipeline, which knows nothing
// of it. The request's body is decoded as it comes, if it is text; in the answer, trailers become the frame that
// clients without trailers can read. Only answers that are gRPC are translated; a service that speaks gRPC-Web itself,
// or an error page, passes as it is. Lives in the pipeline's frame, beside the exchange that it wraps. One core.
#pragma once

#include "codec/base64.h"
#include "codec/grpc.h"
#include "http/exchange.h"

namespace tl::proxy {

class GrpcWebExchange final : public http::ServerExchange {
  public:
    // `kind`: what the request says it is; web or web_text.
    GrpcWebExchange(http::ServerExchange& client, codec::GrpcKind kind);

    // The service speaks gRPC: from here on the request does. Before anything of its body is read, and once.
    void translate_request();

    codec::RequestHead& request() override { return client_->request(); }
    const net::Address& peer() const override { return client_->peer(); }
    const net::TlsInfo* tls() const override { return client_->tls(); }
    http::BodyLength request_length() const override;
    std::optional<base::Result<http::Piece>> try_read() override;
    rt::Task<base::Result<http::Piece>> read(rt::Wait wait) override;
    const codec::HeaderTable& trailers() const override { return client_->trailers(); }

    rt::Task<base::Result<void>> send_informational(const http::OutgoingResponse& response) override {
        return client_->send_informational(response);
    }
    rt::Task<base::Result<void>> send(const http::OutgoingResponse& response, http::Piece first) override;
    rt::Task<base::Result<void>> send_body(http::Piece piece, const codec::HeaderTable* trailers) override;
    http::Tunnel tunnel() override { return client_->tunnel(); }
    bool response_started() const override { return client_->response_started(); }
    void abort() override { client_->abort(); }
    rt::Cancel& cancel() override { return client_->cancel(); }

  private:
    [[nodiscard]] base::Result<http::Piece> decode(const http::Piece& piece);
    // What goes out for these bytes: valid until the next call.
    [[nodiscard]] std::string_view encoded(std::string_view bytes);
    [[nodiscard]] rt::Task<base::Result<void>> send_whole(http::OutgoingResponse response, std::string_view data,
                                                          const codec::HeaderTable& end);

    http::ServerExchange* client_;
    bool text_in_;             // the request's body is base64
    bool text_out_;            // the answer's is to be
    bool decodes_ = false;     // the request is translated
    bool translates_ = false;  // the answer is
    uint16_t status_ = 0;      // of the answer
    codec::Base64Decoder decoder_;
    std::string type_;     // of the translated request
    std::string decoded_;  // the piece that was handed out; as long as what the session had read
    std::string out_;      // the piece that is being sent; 4/3 of what it was
};

}  // namespace tl::proxy
