#include "gateway/grpc_json/uri_template.h"

#include <fmt/format.h>

#include <algorithm>

namespace tl::gateway {

// Template = "/" Segments [":" Verb]; Segment = "*" | "**" | LITERAL | "{" FieldPath ["=" Segments] "}".
class UriTemplate::Parser {
  public:
    explicit Parser(std::string_view text) : rest_(text) { made_.text_ = text; }

    std::expected<UriTemplate, std::string> run() {
        if (!take('/')) return std::unexpected("must begin with \"/\"");
        if (auto wrong = segments(false); !wrong.empty()) return std::unexpected(std::move(wrong));
        if (take(':')) {
            made_.verb_ = word("/:{}");
            if (made_.verb_.empty()) return std::unexpected("has no verb behind \":\"");
        }
        if (!rest_.empty()) return std::unexpected(fmt::format("has \"{}\" where it should end", rest_));
        const auto& all = made_.segments_;
        for (size_t i = 0; i + 1 < all.size(); ++i) {
            if (all[i].kind == Kind::rest) return std::unexpected("has \"**\" before its end");
        }
        return std::move(made_);
    }

  private:
    [[nodiscard]] bool take(char c) {
        if (rest_.empty() || rest_.front() != c) return false;
        rest_.remove_prefix(1);
        return true;
    }
    std::string word(std::string_view ends) {
        const size_t size = std::min(rest_.find_first_of(ends), rest_.size());
        std::string found{rest_.substr(0, size)};
        rest_.remove_prefix(size);
        return found;
    }
    // What is wrong; "" if nothing is.
    std::string segments(bool inside) {
        do {
            if (made_.segments_.size() == kMostSegments) return fmt::format("has more than {} segments", kMostSegments);
            auto wrong = !inside && take('{') ? variable() : plain();
            if (!wrong.empty()) return wrong;
        } while (take('/'));
        return {};
    }
    std::string plain() {
        std::string text = word("/:{}=");
        if (text.empty() && made_.segments_.empty() && rest_.empty()) return {};  // "/" alone
        if (text.empty()) return "has an empty segment";
        const Kind kind = text == "*" ? Kind::one : text == "**" ? Kind::rest : Kind::literal;
        if (kind == Kind::literal && text.contains('*')) return fmt::format("has \"{}\"; \"*\" stands alone", text);
        made_.segments_.push_back({kind, std::move(text)});
        return {};
    }
    std::string variable() {
        Variable made{.field = word("=}/{:"), .first = made_.segments_.size()};
        const bool named =
            !made.field.empty() && made.field.front() != '.' && made.field.back() != '.' && !made.field.contains("..");
        if (!named) return "has a variable without a field's name";
        if (take('=')) {
            if (auto wrong = segments(true); !wrong.empty()) return wrong;
        } else {
            made_.segments_.push_back({Kind::one, "*"});
        }
        if (!take('}')) return "has a \"{\" without its \"}\"";
        made.behind = made_.segments_.size();
        made.several = made.behind - made.first > 1 || made_.segments_.back().kind == Kind::rest;
        made_.variables_.push_back(std::move(made));
        return {};
    }

    std::string_view rest_;
    UriTemplate made_;
};

std::expected<UriTemplate, std::string> UriTemplate::parse(std::string_view text) { return Parser{text}.run(); }

bool UriTemplate::exact() const {
    return variables_.empty() &&
           std::ranges::all_of(segments_, [](const Segment& one) { return one.kind == Kind::literal; });
}

std::string UriTemplate::shape() const {
    std::string all;
    for (const Segment& one : segments_) all += "/" + one.text;
    return all + (verb_.empty() ? "" : ":" + verb_);
}

bool UriTemplate::before(const UriTemplate& other) const {
    const size_t both = std::min(segments_.size(), other.segments_.size());
    for (size_t i = 0; i < both; ++i) {
        if (segments_[i].kind != other.segments_[i].kind) return segments_[i].kind < other.segments_[i].kind;
    }
    if (segments_.size() != other.segments_.size()) return segments_.size() > other.segments_.size();
    return !verb_.empty() && other.verb_.empty();
}

std::string UriTemplate::beginning() const {
    std::string all;
    for (const Segment& one : segments_) {
        if (one.kind != Kind::literal) break;
        all += "/" + one.text;
    }
    return all;
}

std::vector<std::string_view> UriTemplate::split(std::string_view path) {
    std::vector<std::string_view> segments;
    if (path.starts_with('/')) path.remove_prefix(1);
    for (;;) {
        const size_t slash = path.find('/');
        segments.push_back(path.substr(0, slash));
        if (slash == std::string_view::npos) return segments;
        path.remove_prefix(slash + 1);
    }
}

bool UriTemplate::match(const std::vector<std::string_view>& segments, std::vector<std::string_view>& values) const {
    const bool rest = !segments_.empty() && segments_.back().kind == Kind::rest;
    const size_t least = segments_.size() - (rest ? 1 : 0);
    if (segments.size() < least || (!rest && segments.size() != std::max<size_t>(least, 1))) return false;
    size_t cut = 0;  // the verb, behind the last segment
    if (!verb_.empty()) {
        const std::string_view last = segments.back();
        cut = verb_.size() + 1;
        if (last.size() < cut || !last.ends_with(verb_) || last[last.size() - cut] != ':') return false;
    }
    const auto part = [&](size_t i) {
        return i + 1 == segments.size() ? segments[i].substr(0, segments[i].size() - cut) : segments[i];
    };
    if (segments_.empty()) return part(0).empty();
    for (size_t i = 0; i < least; ++i) {
        const bool good = segments_[i].kind == Kind::literal ? part(i) == segments_[i].text : !part(i).empty();
        if (!good) return false;
    }
    values.clear();
    for (const Variable& one : variables_) {
        const bool open = rest && one.behind == segments_.size();
        const size_t behind = open ? segments.size() : one.behind;
        if (one.first >= behind) {
            values.emplace_back("");
            continue;
        }
        const char* const begin = segments[one.first].data();
        const char* const end = part(behind - 1).data() + part(behind - 1).size();
        values.emplace_back(begin, static_cast<size_t>(end - begin));
    }
    return true;
}

}  // namespace tl::gateway
