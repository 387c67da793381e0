#include "gateway/grpc_json/answer.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "codec/base64url.h"
#include "codec/grpc_frames.h"
#include "gateway/policies/template.h"

namespace tl::gateway {

using codec::Field;
using codec::GrpcFrames;
using codec::GrpcStatus;
using codec::HeaderTable;

namespace {

constexpr std::string_view kDetails = "grpc-status-details-bin";
constexpr std::string_view kCause = "X-Trunkline-Cause";

std::string upper(std::string_view text) {
    std::string all{text};
    for (char& c : all) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
    return all;
}

// Binary metadata: base64 with or without padding.
std::string bytes_of(std::string_view text) {
    std::string padded{text};
    while (padded.size() % 4 != 0) padded += '=';
    return codec::decode_base64(padded).value_or("");
}

// The seconds of google.rpc.RetryInfo, rounded up; "" without.
std::string retry_after(const Document& details) {
    for (const Document& one : details) {
        const bool has = one.contains("retryDelay") && one["retryDelay"].is_string();
        if (!has) continue;
        const std::string text = one["retryDelay"].get<std::string>();  // "1.500s"
        uint32_t seconds = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
        if (error == std::errc{}) return fmt::to_string(seconds + (*end == '.' ? 1U : 0U));
    }
    return {};
}

std::string_view value_of(const HeaderTable& fields, std::string_view name) {
    const codec::Header* const field = fields.find(name);
    return field == nullptr ? std::string_view{} : field->value;
}

// How a call has ended: what its head or its trailers say.
struct End {
    std::optional<GrpcStatus> status;
    std::string message;
    std::string details;  // a google.rpc.Status
    std::string cause;    // of an end that is ours

    void read(const HeaderTable& fields) {
        status = codec::grpc_status_in(fields);
        message = decode_grpc_message(value_of(fields, codec::kGrpcMessageField));
        details = bytes_of(value_of(fields, kDetails));
        cause = value_of(fields, kCause);
    }
};

class GrpcAnswer final : public proxy::BodyTransform {
  public:
    GrpcAnswer(const GrpcCall& call, proxy::RequestContext& context, uint16_t status, HeaderTable& headers, size_t most)
        : call_(&call), context_(&context), frames_(most), http_(status), most_(most) {
        type_ = call.unary()                   ? "application/json"
                : call.form == StreamForm::sse ? "text/event-stream"
                                               : "application/x-ndjson";
        const std::string_view given = headers.value(Field::content_type);
        foreign_ = status != 200 || codec::grpc_kind(given) != codec::GrpcKind::grpc;
        end_.read(headers);
        headers.remove_if([](const codec::Header& one) {
            return base::iequals(one.name.substr(0, 5), "grpc-") || one.field == Field::trailer;
        });
        headers.set(Field::content_type, type_);
    }

    base::Result<void> feed(std::string_view data, bool end, std::string& out) override {
        if (foreign_) {
            return fail(fmt::format("{} answered {} with what is no gRPC", context_->route->service, http_), out);
        }
        frames_.feed(data);
        for (std::string_view message;;) {
            const GrpcFrames::Found found = frames_.next(message);
            if (found == GrpcFrames::Found::nothing) break;
            if (found != GrpcFrames::Found::message) return fail(words_of(found), out);
            auto put = put_message(message, out);
            if (!put) return put;
        }
        return end ? finish(out) : base::Result<void>{};
    }
    bool take_trailers(const HeaderTable& trailers) override {
        if (codec::grpc_status_in(trailers)) end_.read(trailers);
        return true;
    }
    bool holds_head() const override { return !begun_ && !ended_; }

    void finish_head(uint16_t& status, HeaderTable& headers) override {
        status = status_;
        headers.set(Field::content_type, type_);
        if (!call_->unary() || failed_) headers.set(Field::cache_control, "no-store");
        if (!retry_after_.empty() && (status == 503 || status == 429)) headers.set(Field::retry_after, retry_after_);
        if (!end_.cause.empty() && failed_) headers.set(kCause, end_.cause);
    }

  private:
    [[nodiscard]] std::string words_of(GrpcFrames::Found found) const {
        switch (found) {
            case GrpcFrames::Found::too_large:
                return fmt::format("a message of the answer has more than {} bytes", most_);
            case GrpcFrames::Found::compressed: return "a message of the answer is compressed, which nobody asked for";
            default: return "the answer is broken: a frame has an unknown flag";
        }
    }

    base::Result<void> put_message(std::string_view message, std::string& out) {
        if (call_->unary() && messages_ == 1) return fail("the answer has more than one message", out);
        const auto& rule = call_->binding->rule;
        auto json = call_->mapping->schema().decode(*call_->binding->method, rule.response_body, message,
                                                    call_->mapping->rules());
        if (!json)
            return fail(fmt::format("a message of {} cannot be written as JSON: {}", call_->binding->method->name,
                                    json.error()),
                        out);
        ++messages_;
        if (call_->unary()) {
            document_ = std::move(*json);
            return {};
        }
        begun_ = true;
        out += call_->form == StreamForm::sse ? fmt::format("data: {}\n\n", *json) : *json + "\n";
        return {};
    }

    base::Result<void> finish(std::string& out) {
        if (!end_.status) return fail("the service ended the call without a status", out);
        ended_ = true;
        if (*end_.status != GrpcStatus::ok) {
            tell_failure(out);
            return {};
        }
        if (!frames_.complete()) return fail("the answer ends in the middle of a message", out);
        if (!call_->unary()) return {};
        if (messages_ == 0) return fail("the service ended the call without a message", out);
        out += document_;
        return {};
    }

    void tell_failure(std::string& out) {
        failed_ = true;
        const GrpcStatus status = *end_.status;
        const std::string name{codec::name_of(status)};
        context_->note("grpc", fmt::format("{}: {}", call_->binding->method->name, name));
        Document details = call_->mapping->schema().details(end_.details);
        retry_after_ = retry_after(details);
        Document problem = {{"type", "urn:trunkline:grpc:" + name},
                            {"title", "The service ended the call with " + upper(name)},
                            {"status", codec::http_status_of(status)},
                            {"grpc_status", upper(name)}};
        if (!end_.message.empty()) problem["detail"] = end_.message;
        if (!details.empty()) problem["details"] = std::move(details);
        if (!end_.cause.empty()) problem["cause"] = end_.cause;
        problem["trace_id"] = telemetry::to_hex(context_->trace.trace);
        put_problem(problem, codec::http_status_of(status), out);
    }

    void put_problem(const Document& problem, uint16_t status, std::string& out) {
        if (!begun_) {
            status_ = status;
            type_ = "application/problem+json";
            out += write_json(problem) + "\n";
        } else if (call_->form == StreamForm::sse) {
            out += fmt::format("event: error\ndata: {}\n\n", write_json(problem));
        } else {
            out += write_json({{"error", problem}}) + "\n";
        }
    }

    // Not as the service says, but as we see it. Before anything was sent the pipeline tells it; afterwards this does.
    base::Result<void> fail(const std::string& why, std::string& out) {
        ended_ = true;
        if (begun_) {
            const Document problem = {{"type", "urn:trunkline:cause:bad_upstream_answer"},
                                      {"title", info(proxy::Cause::bad_upstream_answer).title},
                                      {"status", 502},
                                      {"cause", "bad_upstream_answer"},
                                      {"detail", why},
                                      {"trace_id", telemetry::to_hex(context_->trace.trace)}};
            put_problem(problem, 502, out);
        }
        return base::fail(base::Error{.code = base::Code::invalid, .side = base::Side::upstream, .context = why});
    }

    const GrpcCall* call_;  // the context's
    proxy::RequestContext* context_;
    GrpcFrames frames_;
    uint16_t http_;
    size_t most_;
    uint16_t status_ = 200;
    std::string_view type_;
    std::string document_;  // of a unary answer, until its status is known
    std::string retry_after_;
    End end_;
    size_t messages_ = 0;
    bool foreign_ = false;
    bool begun_ = false;  // something of a stream has been given
    bool ended_ = false;
    bool failed_ = false;
};

}  // namespace

std::string decode_grpc_message(std::string_view text) {
    base::Arena arena;
    return std::string{decode_percent(text, Plus::itself, arena)};
}

std::unique_ptr<proxy::BodyTransform> make_grpc_answer(const GrpcCall& call, proxy::RequestContext& context,
                                                       uint16_t status, HeaderTable& headers, size_t most) {
    return std::make_unique<GrpcAnswer>(call, context, status, headers, most);
}

}  // namespace tl::gateway
