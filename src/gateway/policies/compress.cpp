#include "gateway/policies/compress.h"

#include <algorithm>

#include "base/text.h"
#include "proxy/engine.h"

namespace tl::gateway {

using codec::Field;
using codec::HeaderTable;
using manifest::list_of;
using manifest::text;
using proxy::RequestContext;

namespace {

constexpr size_t kMostMemory = 64 << 20;  // of all encoders of one core

struct MemoryOfCore final : proxy::CoreState {
    size_t used = 0;
};

std::optional<std::string> check_type(std::string_view type) {
    const size_t slash = type.find('/');
    const bool good = slash != 0 && slash != std::string_view::npos && slash + 1 < type.size() &&
                      std::ranges::count(type, '*') <= 1 && base::lower(type) == type &&
                      type.find_first_of("; ,") == std::string_view::npos;
    if (good) return std::nullopt;
    return "must be a media type in lower case, such as text/* or application/json";
}

bool type_matches(std::string_view pattern, std::string_view type) {
    const size_t star = pattern.find('*');
    if (star == std::string_view::npos) return pattern == type;
    const std::string_view tail = pattern.substr(star + 1);
    return type.size() >= pattern.size() - 1 && type.starts_with(pattern.substr(0, star)) && type.ends_with(tail);
}

bool list_has(const HeaderTable& headers, std::string_view name, std::string_view token) {
    for (const codec::Header& header : headers) {
        if (!base::iequals(header.name, name)) continue;
        for (const std::string_view one : base::split(header.value, ',')) {
            if (base::iequals(base::trim(one), token)) return true;
        }
    }
    return false;
}

class Compression final : public proxy::BodyTransform {
  public:
    Compression(std::unique_ptr<Encoder> encoder, size_t memory, MemoryOfCore& core)
        : encoder_(std::move(encoder)), memory_(memory), core_(&core) {
        core_->used += memory_;
    }
    ~Compression() override { core_->used -= memory_; }
    Compression(const Compression&) = delete;
    Compression& operator=(const Compression&) = delete;

    base::Result<void> feed(std::string_view data, bool end, std::string& out) override {
        if (data.empty() && !end) return {};
        return encoder_->feed(data, end, out);
    }

  private:
    std::unique_ptr<Encoder> encoder_;
    size_t memory_;
    MemoryOfCore* core_;  // outlives all requests of its core
};

class CompressFilter final : public proxy::Filter {
  public:
    CompressFilter(const CompressConfig& config, proxy::StateSlot slot) : config_(config), slot_(slot) {}

    std::string_view name() const override { return "compress"; }

    // Also where this client gets it as it is: a cache must not give one client's to another.
    void on_response(RequestContext& /*context*/, codec::ResponseHead& head) const override {
        if (!is_worth_it(head.headers)) return;
        if (!list_has(head.headers, "Vary", "*") && !list_has(head.headers, "Vary", "Accept-Encoding"))
            head.headers.add("Vary", "Accept-Encoding");
    }

    bool transforms() const override { return true; }
    std::unique_ptr<proxy::BodyTransform> body_transform(RequestContext& context, uint16_t status,
                                                         HeaderTable& headers) const override {
        // A part of a whole that was not compressed; a conditional answer without a body is not asked for.
        if (status == 206 || !is_worth_it(headers)) return nullptr;
        if (context.answer_length && *context.answer_length < config_.least) return nullptr;
        const std::string asked = all_values(context.head().headers, "Accept-Encoding");
        const Coding* const coding = choose_coding(asked.empty() ? context.accept_encoding : asked, config_.codings);
        if (coding == nullptr) return nullptr;
        auto& core = context.engine->states().get<MemoryOfCore>(slot_);
        auto encoder = core.used + memory_of(*coding) > kMostMemory ? nullptr : make_encoder(*coding);
        if (encoder == nullptr) {
            context.note("compress", "no memory for it");
            return nullptr;
        }
        headers.add("Content-Encoding", name_of(*coding));
        // Not the same bytes any more, but the same meaning (RFC 9110 8.8.1).
        const codec::Header* const etag = headers.find("ETag");
        if (etag != nullptr && !etag->value.starts_with("W/"))
            headers.set("ETag", context.arena.concat("W/", etag->value));
        return std::make_unique<Compression>(std::move(encoder), memory_of(*coding), core);
    }

  private:
    [[nodiscard]] bool is_worth_it(const HeaderTable& headers) const {
        if (headers.find("Content-Encoding") != nullptr || headers.find("Content-Range") != nullptr) return false;
        if (list_has(headers, "Cache-Control", "no-transform")) return false;
        const std::string_view value = headers.value(Field::content_type);
        const std::string type = base::lower(base::trim(value.substr(0, value.find(';'))));
        // Whoever lists them nonetheless: their frames are waited for one by one.
        if (type == "text/event-stream" || type.starts_with("application/grpc")) return false;
        return std::ranges::any_of(config_.types, [&](const std::string& one) { return type_matches(one, type); });
    }

    CompressConfig config_;
    proxy::StateSlot slot_;
};

}  // namespace

const manifest::Object<CompressConfig>& compress_schema() {
    static const auto schema =
        manifest::Object<CompressConfig>("a compress policy")
            .position(&CompressConfig::at)
            .field(
                "codings", &CompressConfig::codings,
                list_of(manifest::one_of<Coding>({{"zstd", Coding::zstd}, {"br", Coding::br}, {"gzip", Coding::gzip}}))
                    .at_least(1)
                    .unique()
                    .or_single())
            .doc("What may be used; among those that a client likes best, the first.")
            .field("types", &CompressConfig::types,
                   list_of(text("a media type").check(check_type)).at_least(1).or_single())
            .doc("Media types that are worth it. Event streams and gRPC never are.")
            .field("least", &CompressConfig::least, manifest::size().range(0, 1 << 30))
            .doc("Answers of fewer bytes go on as they are.");
    return schema;
}

FilterPtr make_compress_filter(const CompressConfig& config, const PolicyContext& context) {
    return std::make_shared<CompressFilter>(config, context.home->slots.of("compress memory"));
}

}  // namespace tl::gateway
