// A call of gRPC that a filter has made of a client's request in another form (JSON): to the service it is a call like
// any other, to the client an answer of HTTP. The filter that makes it derives what it needs to turn the answer back;
// it stands in the request's context, on one core.
#pragma once

namespace tl::proxy {

class Transcoding {
  public:
    virtual ~Transcoding() = default;
    // One message is the answer: the route's time holds for the call as a whole, and the service is told of it.
    [[nodiscard]] virtual bool unary() const = 0;
};

}  // namespace tl::proxy
