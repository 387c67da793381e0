#include "gateway/policies/encoders.h"

#include <brotli/encode.h>
#include <zlib.h>
#include <zstd.h>

#include <array>
#include <optional>

#include "base/text.h"

namespace tl::gateway {

namespace {

// Levels at which a core still compresses faster than most networks carry.
constexpr int kGzipLevel = 5;
constexpr int kBrotliQuality = 4;
constexpr int kBrotliWindow = 18;  // 256 KiB
constexpr int kZstdLevel = 3;
constexpr int kZstdWindow = 18;
constexpr size_t kRoom = 16 * 1024;

class Gzip final : public Encoder {
  public:
    Gzip() { good_ = deflateInit2(&stream_, kGzipLevel, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK; }
    ~Gzip() override {
        if (good_) deflateEnd(&stream_);
    }
    Gzip(const Gzip&) = delete;
    Gzip& operator=(const Gzip&) = delete;
    [[nodiscard]] bool good() const { return good_; }

    base::Result<void> feed(std::string_view data, bool end, std::string& out) override {
        stream_.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
        stream_.avail_in = static_cast<uInt>(data.size());
        std::array<char, kRoom> room;
        for (;;) {
            stream_.next_out = reinterpret_cast<Bytef*>(room.data());
            stream_.avail_out = static_cast<uInt>(room.size());
            const int said = deflate(&stream_, end ? Z_FINISH : Z_SYNC_FLUSH);
            if (said == Z_STREAM_ERROR) return base::fail(base::Code::internal, "gzip failed");
            out.append(room.data(), room.size() - stream_.avail_out);
            if (end ? said == Z_STREAM_END : stream_.avail_out != 0) return {};
        }
    }

  private:
    z_stream stream_{};
    bool good_;
};

class Brotli final : public Encoder {
  public:
    Brotli() : state_(BrotliEncoderCreateInstance(nullptr, nullptr, nullptr)) {
        if (state_ == nullptr) return;
        BrotliEncoderSetParameter(state_, BROTLI_PARAM_QUALITY, kBrotliQuality);
        BrotliEncoderSetParameter(state_, BROTLI_PARAM_LGWIN, kBrotliWindow);
    }
    ~Brotli() override { BrotliEncoderDestroyInstance(state_); }
    Brotli(const Brotli&) = delete;
    Brotli& operator=(const Brotli&) = delete;
    [[nodiscard]] bool good() const { return state_ != nullptr; }

    base::Result<void> feed(std::string_view data, bool end, std::string& out) override {
        const auto* in = reinterpret_cast<const uint8_t*>(data.data());
        size_t left = data.size();
        const auto what = end ? BROTLI_OPERATION_FINISH : BROTLI_OPERATION_FLUSH;
        std::array<uint8_t, kRoom> room;
        do {
            uint8_t* to = room.data();
            size_t free = room.size();
            if (BrotliEncoderCompressStream(state_, what, &left, &in, &free, &to, nullptr) == BROTLI_FALSE)
                return base::fail(base::Code::internal, "brotli failed");
            out.append(reinterpret_cast<const char*>(room.data()), room.size() - free);
        } while (left > 0 || BrotliEncoderHasMoreOutput(state_) == BROTLI_TRUE);
        return {};
    }

  private:
    BrotliEncoderState* state_;
};

class Zstd final : public Encoder {
  public:
    Zstd() : context_(ZSTD_createCCtx()) {
        if (context_ == nullptr) return;
        ZSTD_CCtx_setParameter(context_, ZSTD_c_compressionLevel, kZstdLevel);
        ZSTD_CCtx_setParameter(context_, ZSTD_c_windowLog, kZstdWindow);
    }
    ~Zstd() override { ZSTD_freeCCtx(context_); }
    Zstd(const Zstd&) = delete;
    Zstd& operator=(const Zstd&) = delete;
    [[nodiscard]] bool good() const { return context_ != nullptr; }

    base::Result<void> feed(std::string_view data, bool end, std::string& out) override {
        ZSTD_inBuffer in{data.data(), data.size(), 0};
        std::array<char, kRoom> room;
        for (;;) {
            ZSTD_outBuffer to{room.data(), room.size(), 0};
            const size_t left = ZSTD_compressStream2(context_, &to, &in, end ? ZSTD_e_end : ZSTD_e_flush);
            if (ZSTD_isError(left) != 0) return base::fail(base::Code::internal, "zstd failed");
            out.append(room.data(), to.pos);
            if (left == 0) return {};
        }
    }

  private:
    ZSTD_CCtx* context_;
};

template <class T>
std::unique_ptr<Encoder> made() {
    auto encoder = std::make_unique<T>();
    if (!encoder->good()) return nullptr;
    return encoder;
}

// "q=0.5" in thousandths (RFC 9110 12.4.2); nullopt: malformed.
std::optional<int> parse_q(std::string_view text) {
    if (text != "0" && text != "1" && !text.starts_with("0.") && !text.starts_with("1.")) return std::nullopt;
    if (text.size() > 5) return std::nullopt;
    int value = (text.front() - '0') * 1000;
    int unit = 100;
    for (size_t i = 2; i < text.size(); ++i, unit /= 10) {
        if (text[i] < '0' || text[i] > '9') return std::nullopt;
        value += (text[i] - '0') * unit;
    }
    return value <= 1000 ? std::optional{value} : std::nullopt;
}

// The weight that `accept` gives to `name`, in thousandths; -1: not named.
int weight_of(std::string_view accept, std::string_view name) {
    for (const std::string_view element : base::split(accept, ',')) {
        const size_t semicolon = element.find(';');
        if (!base::iequals(base::trim(element.substr(0, semicolon)), name)) continue;
        if (semicolon == std::string_view::npos) return 1000;
        const std::string_view parameter = base::trim(element.substr(semicolon + 1));
        if (parameter.size() < 3 || base::to_lower(parameter[0]) != 'q' || parameter[1] != '=') return 0;
        return parse_q(parameter.substr(2)).value_or(0);
    }
    return -1;
}

}  // namespace

std::string_view name_of(Coding coding) {
    static constexpr std::array<std::string_view, kCodings> kNames{"gzip", "br", "zstd"};
    return kNames[static_cast<size_t>(coding)];
}

std::unique_ptr<Encoder> make_encoder(Coding coding) {
    switch (coding) {
        case Coding::gzip: return made<Gzip>();
        case Coding::br: return made<Brotli>();
        case Coding::zstd: return made<Zstd>();
    }
    return nullptr;
}

size_t memory_of(Coding coding) {
    // zlib.h: (1 << (15 + 2)) + (1 << (8 + 9)); the others by measuring what they allocate at these windows.
    static constexpr std::array<size_t, kCodings> kMemory{268 << 10, 1200 << 10, 1500 << 10};
    return kMemory[static_cast<size_t>(coding)];
}

const Coding* choose_coding(std::string_view accept, const std::vector<Coding>& offered) {
    const int others = weight_of(accept, "*");
    const int identity = weight_of(accept, "identity");
    const Coding* best = nullptr;
    int best_weight = 0;
    for (const Coding& coding : offered) {
        int weight = weight_of(accept, name_of(coding));
        // RFC 9110 8.4.1.3: the old name of the same.
        if (weight < 0 && coding == Coding::gzip) weight = weight_of(accept, "x-gzip");
        if (weight < 0) weight = others;
        if (weight > best_weight) best = &coding, best_weight = weight;
    }
    return best != nullptr && identity > best_weight ? nullptr : best;
}

}  // namespace tl::gateway
