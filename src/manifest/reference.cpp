// Reference text from a schema: Markdown, one section an object, one table row a key.
#include <fmt/format.h>

#include <set>

#include "manifest/object_kind.h"
#include "manifest/print.h"
#include "manifest/spec.h"

namespace tl::manifest {

namespace {

// A bar would end the table's cell.
std::string cell(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '|') out += '\\';
        out += c == '\n' ? ' ' : c;
    }
    return out;
}

std::string default_text(const ObjectKind& object, const Field& field) {
    if (field.required) return "required";
    if (!field.default_words.empty()) return field.default_words;
    const std::optional<Node> usual = object.default_of(field);
    if (!usual) return "not set";
    if (usual->is_map() && !usual->entries.empty()) return "see below";
    std::string yaml = to_yaml(*usual);
    yaml.pop_back();
    return fmt::format("`{}`", yaml);
}

// Objects in order of first mention, each once, however often it is used.
class Reference {
  public:
    void add(const ObjectKind& object) {
        if (!seen_.insert(&object).second) return;
        out_ += fmt::format("## {}\n\n", object.title());
        if (!object.doc().empty()) out_ += object.doc() + "\n\n";
        out_ += "| key | value | default | meaning |\n|---|---|---|---|\n";
        for (const Field& field : object.fields()) row(object, field);
        out_ += '\n';
        for (const Field& field : object.fields()) {
            if (field.kind->object() != nullptr) add(*field.kind->object());
        }
        if (object.rest() != nullptr && object.rest()->object() != nullptr) add(*object.rest()->object());
    }
    std::string take() { return std::move(out_); }

  private:
    void row(const ObjectKind& object, const Field& field) {
        const std::string example = field.example.empty() ? "" : fmt::format(" Example: `{}`", field.example);
        out_ += fmt::format("| `{}` | {} | {} | {} |\n", field.key, cell(field.kind->wanted()),
                            cell(default_text(object, field)), cell(field.doc + example));
    }

    std::set<const ObjectKind*> seen_;
    std::string out_;
};

}  // namespace

std::string reference_of(const ObjectKind& root) {
    Reference reference;
    reference.add(root);
    return reference.take();
}

}  // namespace tl::manifest
