// JSON to a Document and back.
#include <fmt/format.h>

#include "gateway/policies/documents.h"
#include "gateway/policies/members.h"

namespace tl::gateway {

namespace {

class Reader final : public nlohmann::json_sax<Document> {
  public:
    [[nodiscard]] bool too_deep() const { return too_deep_; }
    [[nodiscard]] Document& made() { return made_; }

    bool null() override { return put(nullptr); }
    bool boolean(bool value) override { return put(value); }
    bool number_integer(number_integer_t value) override { return put(value); }
    bool number_unsigned(number_unsigned_t value) override { return put(value); }
    bool number_float(number_float_t value, const string_t& /*text*/) override { return put(value); }
    bool string(string_t& value) override { return put(std::move(value)); }
    bool binary(binary_t& /*value*/) override { return false; }
    bool start_object(size_t /*size*/) override { return open(Document::object()); }
    bool start_array(size_t /*size*/) override { return open(Document::array()); }
    bool end_object() override { return close(); }
    bool end_array() override { return close(); }
    bool key(string_t& name) override {
        slot_ = &open_.back().members.at(std::move(name));
        return true;
    }
    bool parse_error(size_t /*at*/, const std::string& /*token*/, const nlohmann::detail::exception& /*why*/) override {
        return false;
    }

  private:
    // A list or an object that has not ended. It does not move: only the innermost one grows.
    struct Open {
        Document* value;
        Members members;  // of an object
    };

    Document& place() {
        if (open_.empty()) return made_;
        Document& in = *open_.back().value;
        if (in.is_object()) return *slot_;
        in.push_back(nullptr);
        return in.back();
    }
    bool put(Document value) {
        place() = std::move(value);
        return true;
    }
    bool open(Document empty) {
        too_deep_ = open_.size() == kMostDepth;
        if (too_deep_) return false;
        Document& value = place();
        value = std::move(empty);
        open_.push_back({&value, Members{value}});
        return true;
    }
    bool close() {
        open_.pop_back();
        return true;
    }

    Document made_;
    std::vector<Open> open_;
    Document* slot_ = nullptr;  // of the name that was read last
    bool too_deep_ = false;
};

}  // namespace

base::Result<Document> read_json(std::string_view text) {
    Reader reader;
    if (Document::sax_parse(text, &reader)) return std::move(reader.made());
    if (reader.too_deep())
        return base::fail(base::Code::invalid, fmt::format("the JSON is nested more than {} deep", kMostDepth));
    return base::fail(base::Code::invalid, "the body is no JSON");
}

std::string write_json(const Document& document) {
    return document.dump(-1, ' ', false, Document::error_handler_t::replace);
}

}  // namespace tl::gateway
