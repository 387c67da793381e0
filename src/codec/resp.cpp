#include "codec/resp.h"

#include <charconv>

namespace tl::codec {

namespace {

using State = RespState;
using Kind = RespReply::Kind;

class Parser {
  public:
    Parser(std::string_view bytes, const RespLimits& limits) : bytes_(bytes), limits_(limits) {}

    State parse(RespReply& into, uint32_t depth) {
        std::string_view line;
        if (const State state = next_line(line); state != State::complete) return state;
        if (line.empty()) return State::bad;
        const char type = line.front();
        line.remove_prefix(1);
        if (type == '+' || type == '-') {
            into.kind = type == '+' ? Kind::text : Kind::error;
            into.text = line;
            return State::complete;
        }
        if (type != ':' && type != '$' && type != '*') return State::bad;
        int64_t number = 0;
        const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), number);
        if (error != std::errc{} || end != line.data() + line.size()) return State::bad;
        if (type == '$') return parse_bulk(into, number);
        if (type == '*') return parse_list(into, number, depth);
        into.kind = Kind::number;
        into.number = number;
        return State::complete;
    }
    [[nodiscard]] size_t consumed() const { return at_; }

  private:
    // Without its end.
    State next_line(std::string_view& line) {
        const std::string_view rest = bytes_.substr(at_);
        const size_t end = rest.find('\r');
        if (end == std::string_view::npos) return rest.size() > limits_.line ? State::bad : State::need_more;
        if (end > limits_.line) return State::bad;
        if (end + 1 == rest.size()) return State::need_more;
        if (rest[end + 1] != '\n' || rest.substr(0, end).find('\n') != std::string_view::npos) return State::bad;
        line = rest.substr(0, end);
        at_ += end + 2;
        return State::complete;
    }
    State parse_bulk(RespReply& into, int64_t size) {
        if (size == -1) return State::complete;  // nothing
        if (size < 0 || size > limits_.bulk) return State::bad;
        const std::string_view rest = bytes_.substr(at_);
        const auto length = static_cast<size_t>(size);
        if (rest.size() > length && rest[length] != '\r') return State::bad;
        if (rest.size() < length + 2) return State::need_more;
        if (rest[length + 1] != '\n') return State::bad;
        into.kind = Kind::bulk;
        into.text = rest.substr(0, length);
        at_ += length + 2;
        return State::complete;
    }
    State parse_list(RespReply& into, int64_t size, uint32_t depth) {
        if (size == -1) return State::complete;  // nothing
        if (size < 0 || size > limits_.items || depth >= limits_.depth) return State::bad;
        into.kind = Kind::list;
        for (int64_t i = 0; i < size; ++i) {
            const State state = parse(into.items.emplace_back(), depth + 1);
            if (state != State::complete) return state;
        }
        return State::complete;
    }

    std::string_view bytes_;
    const RespLimits& limits_;
    size_t at_ = 0;
};

}  // namespace

RespParsed parse_resp(std::string_view bytes, const RespLimits& limits) {
    Parser parser{bytes, limits};
    RespParsed out;
    out.state = parser.parse(out.reply, 0);
    if (out.state == State::complete) {
        out.consumed = parser.consumed();
    } else {
        out.reply = {};
    }
    return out;
}

void append_command(std::string& out, std::span<const std::string_view> words) {
    out += '*';
    out += std::to_string(words.size());
    out += "\r\n";
    for (const std::string_view word : words) {
        out += '$';
        out += std::to_string(word.size());
        out += "\r\n";
        out += word;
        out += "\r\n";
    }
}

}  // namespace tl::codec
