// Kinds whose values are words: text, one of a set of words, text with a meaning of its own.
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "manifest/json_schema.h"
#include "manifest/kinds.h"
#include "manifest/print.h"

namespace tl::manifest {

void Reader::mismatch(const Node& node, std::string_view wanted, std::string hint) {
    error(node, fmt::format("{} must be {}, not {}", label, wanted, found(node)), std::move(hint));
}

bool check_text(const TextRules& rules, std::string_view text, Position at, Reader& reader) {
    if (text.empty() && !rules.allow_empty) {
        reader.diagnostics.error(at, fmt::format("{} must be {}, not empty", reader.label, rules.wanted));
        return false;
    }
    if (text.size() > rules.most) {
        reader.diagnostics.error(
            at, fmt::format("{} must be at most {} bytes long, not {}", reader.label, rules.most, text.size()));
        return false;
    }
    if (!rules.check) return true;
    const std::optional<std::string> complaint = rules.check(text);
    // A check that returns std::string says "nothing is wrong" by "".
    if (!complaint || complaint->empty()) return true;
    reader.diagnostics.error(at, fmt::format("{} \"{}\" {}", reader.label, shown(text), *complaint));
    return false;
}

namespace {

// A scalar whose plain form could be taken for something other than text is written in quotes.
Node text_node(std::string text) {
    const bool quoted = !reads_as_text(text);
    return Node::scalar(std::move(text), quoted);
}

// "a, b or c"
std::string alternatives(const std::vector<std::string>& words) {
    std::string out;
    for (size_t i = 0; i < words.size(); ++i) {
        if (i > 0) out += i + 1 == words.size() ? " or " : ", ";
        out += words[i];
    }
    return out;
}

// Any scalar is text, as it stands in the file: 1.10 stays "1.10".
class TextKind final : public Kind {
  public:
    explicit TextKind(TextRules rules) : rules_(std::move(rules)) {}

    bool read(const Node& node, void* out, Reader& reader) const override {
        if (!node.is_scalar()) {
            reader.mismatch(node, rules_.wanted,
                            node.is_null() && rules_.allow_empty ? "write \"\" for an empty text" : "");
            return false;
        }
        if (!check_text(rules_, node.text, node.at, reader)) return false;
        *static_cast<std::string*>(out) = node.text;
        return true;
    }
    Node write(const void* value, const void* /*defaults*/) const override {
        Node node = text_node(*static_cast<const std::string*>(value));
        if (rules_.any_scalar) node.quoted = reads_as_null(node.text);
        return node;
    }
    void describe(Json& schema, SchemaWriter& /*writer*/) const override {
        schema["type"] = rules_.any_scalar ? Json{"string", "number", "boolean"} : Json("string");
        if (!rules_.pattern.empty()) schema["pattern"] = rules_.pattern;
        if (!rules_.allow_empty) schema["minLength"] = 1;
    }
    std::string wanted() const override { return rules_.wanted; }
    bool is_set(const void* value) const override {
        return rules_.allow_empty || !static_cast<const std::string*>(value)->empty();
    }

  private:
    TextRules rules_;
};

// One of a set of words, kept as text or, with ops, as the number that belongs to the word.
class WordKind final : public Kind {
  public:
    WordKind(std::vector<Word> words, std::optional<IntegerOps> ops) : words_(std::move(words)), ops_(ops) {
        for (const Word& word : words_) texts_.push_back(word.text);
    }

    bool read(const Node& node, void* out, Reader& reader) const override {
        const auto word = std::ranges::find(words_, node.text, &Word::text);
        if (!node.is_scalar() || word == words_.end()) {
            reader.mismatch(node, wanted(), node.is_scalar() ? did_you_mean(node.text, texts_) : "");
            return false;
        }
        if (ops_) {
            ops_->store(out, word->value);
        } else {
            *static_cast<std::string*>(out) = word->text;
        }
        return true;
    }
    Node write(const void* value, const void* /*defaults*/) const override {
        const Word* word = find(value);
        return word == nullptr ? Node{} : text_node(word->text);
    }
    void describe(Json& schema, SchemaWriter& /*writer*/) const override { schema["enum"] = texts_; }
    std::string wanted() const override {
        return (texts_.size() == 1 ? std::string{} : std::string{"one of "}) + alternatives(texts_);
    }
    bool is_set(const void* value) const override { return find(value) != nullptr; }

  private:
    const Word* find(const void* value) const {
        const auto same = [&](const Word& word) {
            return ops_ ? word.value == ops_->load(value) : word.text == *static_cast<const std::string*>(value);
        };
        const auto word = std::ranges::find_if(words_, same);
        return word == words_.end() ? nullptr : &*word;
    }

    std::vector<Word> words_;
    std::vector<std::string> texts_;
    std::optional<IntegerOps> ops_;
};

}  // namespace

bool CustomKind::read(const Node& node, void* out, Reader& reader) const {
    if (!node.is_scalar()) {
        reader.mismatch(node, wanted_);
        return false;
    }
    const std::optional<std::string> complaint = parse(node.text, out);
    if (!complaint) return true;
    if (complaint->empty()) {
        reader.mismatch(node, wanted_);
    } else {
        reader.error(node, fmt::format("{} \"{}\" {}", reader.label, shown(node.text), *complaint));
    }
    return false;
}

Node CustomKind::write(const void* value, const void* /*defaults*/) const { return text_node(format(value)); }

void CustomKind::describe(Json& schema, SchemaWriter& /*writer*/) const { schema["type"] = {"string", "number"}; }

KindPtr make_text(TextRules rules) { return std::make_shared<TextKind>(std::move(rules)); }

KindPtr make_word(std::vector<std::string> words) {
    std::vector<Word> all;
    for (std::string& word : words) all.push_back({.text = std::move(word)});
    return std::make_shared<WordKind>(std::move(all), std::nullopt);
}

KindPtr make_enum(std::vector<Word> words, IntegerOps ops) { return std::make_shared<WordKind>(std::move(words), ops); }

}  // namespace tl::manifest
