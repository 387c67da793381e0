#include "gateway/grpc_json/descriptor_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

namespace tl::gateway {

namespace pb = google::protobuf;

namespace {

constexpr int kMostNested = 64;

class FirstError final : public pb::DescriptorPool::ErrorCollector {
  public:
    void AddError(const std::string& file, const std::string& element, const pb::Message* /*descriptor*/,
                  ErrorLocation /*where*/, const std::string& message) override {
        if (text.empty()) text = fmt::format("{}: {}: {}", file, element, message);
    }
    std::string text;
};

// The file and, before it, all that it imports.
class Builder {
  public:
    Builder(pb::DescriptorPool& pool, DescriptorFiles files) : pool_(&pool), files_(std::move(files)) {}

    std::expected<std::vector<const pb::FileDescriptor*>, std::string> run() {
        std::vector<const pb::FileDescriptor*> built;
        for (const auto& [name, file] : files_) {
            if (auto wrong = add(name, 0); !wrong.empty()) return std::unexpected(std::move(wrong));
            built.push_back(pool_->FindFileByName(name));
        }
        return built;
    }

  private:
    static constexpr int kMostDepth = 256;

    // What is wrong; "" if nothing is.
    std::string add(const std::string& name, int depth) {
        if (pool_->FindFileByName(name) != nullptr) return {};
        if (depth > kMostDepth || !under_way_.insert(name).second) return name + " imports itself";
        pb::FileDescriptorProto own;
        const auto found = files_.find(name);
        if (found == files_.end()) {
            // Types that every installation of protobuf brings along.
            const pb::FileDescriptor* const known = pb::DescriptorPool::generated_pool()->FindFileByName(name);
            if (known == nullptr) return fmt::format("{} is imported and not there", name);
            known->CopyTo(&own);
        }
        const pb::FileDescriptorProto& file = found == files_.end() ? own : found->second;
        for (const std::string& import : file.dependency()) {
            if (auto wrong = add(import, depth + 1); !wrong.empty()) return wrong;
        }
        FirstError error;
        if (pool_->BuildFileCollectingErrors(file, &error) == nullptr) return error.text;
        under_way_.erase(name);
        return {};
    }

    pb::DescriptorPool* pool_;
    DescriptorFiles files_;
    std::set<std::string> under_way_;
};

// protobuf wants the entries of a map to be called after it: "by_number", ByNumberEntry.
std::string entry_name(std::string_view field) {
    std::string name;
    bool upper = true;
    for (const char c : field) {
        if (c != '_') name += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
        upper = c == '_';
    }
    return name + "Entry";
}

void name_map_entries(pb::DescriptorProto& message, int depth) {
    for (pb::DescriptorProto& entry : *message.mutable_nested_type()) {
        if (depth < kMostNested) name_map_entries(entry, depth + 1);
        if (!entry.options().map_entry()) continue;
        for (pb::FieldDescriptorProto& field : *message.mutable_field()) {
            if (field.type_name() != entry.name()) continue;  // protoc's own have a path
            entry.set_name(entry_name(field.name()));
            field.set_type_name(entry.name());
            break;
        }
    }
}

// Which file defines a type, by its full name: ".shop.Order".
using Homes = std::map<std::string, std::string, std::less<>>;

void add_types(const pb::DescriptorProto& message, const std::string& scope, const std::string& file, int depth,
               Homes& homes) {
    const std::string name = scope + "." + message.name();
    homes.try_emplace(name, file);
    for (const pb::EnumDescriptorProto& one : message.enum_type()) homes.try_emplace(name + "." + one.name(), file);
    if (depth == kMostNested) return;
    for (const pb::DescriptorProto& one : message.nested_type()) add_types(one, name, file, depth + 1, homes);
}

Homes homes_of(const DescriptorFiles& files) {
    Homes homes;
    for (const auto& [name, file] : files) {
        const std::string scope = file.package().empty() ? "" : "." + file.package();
        for (const pb::EnumDescriptorProto& one : file.enum_type()) homes.try_emplace(scope + "." + one.name(), name);
        for (const pb::DescriptorProto& one : file.message_type()) add_types(one, scope, name, 0, homes);
    }
    return homes;
}

void add_uses(const pb::DescriptorProto& message, int depth, std::set<std::string>& uses) {
    for (const pb::FieldDescriptorProto& field : message.field()) uses.insert(field.type_name());
    if (depth == kMostNested) return;
    for (const pb::DescriptorProto& one : message.nested_type()) add_uses(one, depth + 1, uses);
}

std::set<std::string> uses_of(const pb::FileDescriptorProto& file) {
    std::set<std::string> uses;
    for (const pb::DescriptorProto& one : file.message_type()) add_uses(one, 0, uses);
    for (const pb::FieldDescriptorProto& one : file.extension()) uses.insert({one.type_name(), one.extendee()});
    for (const pb::ServiceDescriptorProto& service : file.service()) {
        for (const pb::MethodDescriptorProto& one : service.method())
            uses.insert({one.input_type(), one.output_type()});
    }
    return uses;
}

// Where a type is that the files themselves do not define: in libprotobuf, or nowhere.
std::string known_home(std::string_view type) {
    if (!type.starts_with(".google.protobuf.")) return {};
    const auto* const file =
        pb::DescriptorPool::generated_pool()->FindFileContainingSymbol(std::string{type.substr(1)});
    return file == nullptr ? std::string{} : file->name();
}

// It describes types that libprotobuf has: its own are taken, for who describes these anew does it for another version,
// or not well.
bool is_known(const pb::FileDescriptorProto& file) {
    const auto known = [](const auto& one) { return !known_home(".google.protobuf." + one.name()).empty(); };
    return file.package() == "google.protobuf" &&
           (std::ranges::any_of(file.message_type(), known) || std::ranges::any_of(file.enum_type(), known));
}

// Libprotobuf has a file of that name: whoever imports it means that one.
bool has_own(const std::string& name) { return pb::DescriptorPool::generated_pool()->FindFileByName(name) != nullptr; }

void drop_known(DescriptorFiles& files) {
    std::set<std::string> dropped;
    for (const auto& [name, file] : files) {
        if (is_known(file)) dropped.insert(name);
    }
    std::erase_if(files, [&](const auto& one) { return dropped.contains(one.first); });
    for (auto& [name, file] : files) {
        auto& imports = *file.mutable_dependency();
        const auto gone = [&](const std::string& import) { return dropped.contains(import) && !has_own(import); };
        if (std::ranges::none_of(imports, gone)) continue;
        file.clear_public_dependency();  // they are by place
        file.clear_weak_dependency();
        imports.erase(std::remove_if(imports.begin(), imports.end(), gone), imports.end());
    }
}

// "" for a name that is said from within its own package: then it needs no import, or stays undefined.
std::string home_of(const std::string& type, const Homes& homes) {
    const std::string full = type.starts_with('.') ? type : "." + type;
    const auto found = homes.find(full);
    return found == homes.end() ? known_home(full) : found->second;
}

void complete_imports(DescriptorFiles& files) {
    const Homes homes = homes_of(files);
    for (auto& [name, file] : files) {
        for (const std::string& type : uses_of(file)) {
            const std::string home = home_of(type, homes);
            const bool needed =
                !home.empty() && home != name && std::ranges::find(file.dependency(), home) == file.dependency().end();
            if (needed) file.add_dependency(home);
        }
    }
}

}  // namespace

std::expected<std::vector<const pb::FileDescriptor*>, std::string> build_files(pb::DescriptorPool& pool,
                                                                               DescriptorFiles files) {
    drop_known(files);
    for (auto& [name, file] : files) {
        for (pb::DescriptorProto& message : *file.mutable_message_type()) name_map_entries(message, 0);
    }
    complete_imports(files);
    return Builder{pool, std::move(files)}.run();
}

}  // namespace tl::gateway
