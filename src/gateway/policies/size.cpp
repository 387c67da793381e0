#include "gateway/policies/size.h"

#include <fmt/format.h>

#include <limits>

namespace tl::gateway {

using proxy::RequestContext;

namespace {

// Passes an answer's body on and counts it.
class Counter final : public proxy::BodyTransform {
  public:
    explicit Counter(uint64_t most, bool known_too_large) : left_(most), too_large_(known_too_large) {}
    base::Result<void> feed(std::string_view data, bool /*end*/, std::string& out) override {
        if (too_large_ || data.size() > left_)
            return base::fail(base::Code::too_large, "the answer is larger than this route lets through");
        left_ -= data.size();
        out += data;
        return {};
    }

  private:
    uint64_t left_;
    bool too_large_;
};

class SizeFilter final : public proxy::Filter {
  public:
    explicit SizeFilter(const SizeConfig& config)
        : request_(config.request.value_or(std::numeric_limits<uint64_t>::max())),
          response_(config.response.value_or(std::numeric_limits<uint64_t>::max())) {}

    std::string_view name() const override { return "size"; }

    Verdict on_request(RequestContext& context) const override {
        const http::BodyLength length = context.exchange->request_length();
        if (length.bytes <= request_) return Verdict::proceed;
        context.refusal = {proxy::Cause::body_too_large, fmt::format("this route takes bodies of {} bytes", request_)};
        return Verdict::refuse;
    }
    uint64_t most_streamed() const override { return request_; }

    bool transforms() const override { return response_ != std::numeric_limits<uint64_t>::max(); }
    std::unique_ptr<proxy::BodyTransform> body_transform(RequestContext& context, uint16_t /*status*/,
                                                         codec::HeaderTable& /*headers*/) const override {
        if (!transforms() || context.record.has(telemetry::Record::kOwnReply)) return nullptr;
        // An answer that says it is too large is refused before its first byte.
        return std::make_unique<Counter>(response_, context.answer_length.value_or(0) > response_);
    }

  private:
    uint64_t request_;
    uint64_t response_;
};

void check_sizes(const SizeConfig& config, manifest::Position at, manifest::Diagnostics& diagnostics) {
    if (config.request || config.response) return;
    diagnostics.error(at, "a size policy needs \"request\" or \"response\"", "give the bytes: size: 1MB");
}

}  // namespace

const manifest::Object<SizeConfig>& size_schema() {
    static const auto schema =
        manifest::Object<SizeConfig>("a size policy")
            .position(&SizeConfig::at)
            .field("request", &SizeConfig::request, manifest::size().range(0, int64_t{1} << 40))
            .doc("Bytes of a request's body; more is answered 413.")
            .default_is("gateway.limits.body")
            .example("1MB")
            .field("response", &SizeConfig::response, manifest::size().range(0, int64_t{1} << 40))
            .doc("Bytes of an answer's body; more is answered 502, or breaks off.")
            .default_is("no limit")
            .validate(check_sizes);
    return schema;
}

FilterPtr make_size_filter(const SizeConfig& config, const PolicyContext& /*context*/) {
    return std::make_shared<SizeFilter>(config);
}

}  // namespace tl::gateway
