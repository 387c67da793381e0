#include "console/request_target.h"

#include <fmt/format.h>

#include <charconv>

#include "base/text.h"

namespace tl::console {

namespace {

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char low = base::to_lower(c);
    return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

base::Result<std::string> decode(std::string_view text) {
    std::string out;
    for (size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (c == '%') {
            const int high = i + 2 < text.size() ? hex_digit(text[i + 1]) : -1;
            const int low = i + 2 < text.size() ? hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0) return base::fail(base::Code::invalid, "the target has a broken percent code");
            c = static_cast<char>(high * 16 + low);
            i += 2;
        }
        if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) {
            return base::fail(base::Code::invalid, "the target has a control character");
        }
        out += c;
    }
    return out;
}

}  // namespace

base::Result<RequestTarget> RequestTarget::parse(std::string_view path, std::string_view query) {
    RequestTarget target;
    for (const std::string_view part : base::split(path, '/')) {
        if (part.empty()) continue;
        auto segment = decode(part);
        if (!segment) return base::fail(segment.error());
        target.segments.push_back(std::move(*segment));
    }
    for (const std::string_view part : base::split(query, '&')) {
        if (part.empty()) continue;
        const size_t equals = part.find('=');
        auto key = decode(part.substr(0, equals));
        auto value = decode(equals == std::string_view::npos ? std::string_view{} : part.substr(equals + 1));
        if (!key) return base::fail(key.error());
        if (!value) return base::fail(value.error());
        target.query.emplace_back(std::move(*key), std::move(*value));
    }
    return target;
}

std::optional<std::string_view> RequestTarget::find(std::string_view key) const {
    for (auto it = query.rbegin(); it != query.rend(); ++it) {
        if (it->first == key) return it->second;
    }
    return std::nullopt;
}

base::Result<size_t> RequestTarget::number(std::string_view key, size_t otherwise, size_t most) const {
    const auto text = find(key);
    if (!text) return otherwise;
    size_t value = 0;
    const auto [end, ec] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (ec != std::errc{} || end != text->data() + text->size() || value > most) {
        return base::fail(base::Code::invalid, fmt::format("{} must be a whole number from 0 to {}", key, most));
    }
    return value;
}

base::Result<bool> RequestTarget::flag(std::string_view key) const {
    const auto text = find(key);
    if (!text || *text == "0" || *text == "false") return false;
    if (text->empty() || *text == "1" || *text == "true") return true;
    return base::fail(base::Code::invalid, fmt::format("{} must be 0 or 1", key));
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                           c == '.' || c == '_' || c == '~';
        out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
    return out;
}

}  // namespace tl::console
