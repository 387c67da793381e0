#include "gateway/auth/strict_json.h"

#include <set>
#include <string>
#include <vector>

namespace tl::gateway {

namespace {

// Goes ahead of the parser proper and says no to what must not be built.
class Guard final : public nlohmann::json_sax<nlohmann::json> {
  public:
    bool null() override { return count(); }
    bool boolean(bool /*value*/) override { return count(); }
    bool number_integer(number_integer_t /*value*/) override { return count(); }
    bool number_unsigned(number_unsigned_t /*value*/) override { return count(); }
    bool number_float(number_float_t /*value*/, const string_t& /*text*/) override { return count(); }
    bool string(string_t& /*value*/) override { return count(); }
    bool binary(binary_t& /*value*/) override { return false; }
    bool start_object(size_t /*elements*/) override {
        names_.emplace_back();
        return count() && names_.size() <= kMostJsonDepth;
    }
    bool key(string_t& name) override { return names_.back().insert(name).second; }
    bool end_object() override {
        names_.pop_back();
        return true;
    }
    bool start_array(size_t /*elements*/) override {
        names_.emplace_back();
        return count() && names_.size() <= kMostJsonDepth;
    }
    bool end_array() override { return end_object(); }
    bool parse_error(size_t /*at*/, const std::string& /*token*/, const nlohmann::json::exception& /*error*/) override {
        return false;
    }

  private:
    bool count() { return ++values_ <= kMostJsonValues; }

    std::vector<std::set<std::string>> names_;  // of each object that is open; empty ones for arrays
    size_t values_ = 0;
};

}  // namespace

std::optional<nlohmann::json> parse_strict_object(std::string_view text) {
    Guard guard;
    if (!nlohmann::json::sax_parse(text, &guard)) return std::nullopt;
    nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) return std::nullopt;
    return json;
}

const nlohmann::json* find_path(const nlohmann::json& object, std::string_view path) {
    const nlohmann::json* at = &object;
    for (;;) {
        if (!at->is_object()) return nullptr;
        if (const auto whole = at->find(path); whole != at->end()) return &*whole;
        const size_t dot = path.find('.');
        if (dot == std::string_view::npos) return nullptr;
        const auto next = at->find(path.substr(0, dot));
        if (next == at->end()) return nullptr;
        at = &*next;
        path.remove_prefix(dot + 1);
    }
}

std::string text_at(const nlohmann::json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string{};
}

}  // namespace tl::gateway
