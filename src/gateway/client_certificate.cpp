#include "gateway/client_certificate.h"

#include "net/tls.h"
#include "proxy/client.h"

namespace tl::gateway {

proxy::Filter::Verdict ClientCertificateFilter::on_request(proxy::RequestContext& context) const {
    codec::HeaderTable& headers = context.head().headers;
    const net::TlsInfo* const tls = context.exchange->tls();
    // The value lives in the client's connection, which outlives the request.
    if (tls != nullptr && !tls->client.empty()) {
        headers.set(codec::Field::x_forwarded_client_cert, tls->client);
    } else if (!proxy::trusts_caller(context)) {
        headers.remove(codec::Field::x_forwarded_client_cert);
    }
    return Verdict::proceed;
}

}  // namespace tl::gateway
