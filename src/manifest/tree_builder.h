// Turns the YAML parser's events into a tree, and refuses what a manifest may not contain. Private to this
// room. It counts depth and nodes before it lets the parser go on, so the parser's own recursion is bounded
// with it.
#pragma once

#include <yaml-cpp/anchor.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/mark.h>

#include <unordered_map>

#include "manifest/document.h"
#include "manifest/source_text.h"

namespace tl::manifest {

// Thrown through the YAML parser, the only way to stop it; document.cpp catches it.
struct Refused {
    Diagnostic reason;
};

class TreeBuilder final : public YAML::EventHandler {
  public:
    // Both references outlive this; `text` is what the parser reads.
    TreeBuilder(std::string_view text, const DocumentLimits& limits, Diagnostics& diagnostics)
        : text_(text), limits_(limits), diagnostics_(diagnostics), columns_(text) {}

    [[nodiscard]] Node take_root() { return std::move(root_); }
    [[nodiscard]] Position position(const YAML::Mark& mark);
    // The innermost bracket that has been opened and not closed; unknown if there is none.
    [[nodiscard]] Position open_bracket() const;

    void OnDocumentStart(const YAML::Mark& mark) override;
    void OnDocumentEnd() override {}
    void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override;
    void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override;
    void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) override;
    void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                         YAML::EmitterStyle::value style) override;
    void OnSequenceEnd() override { close(); }
    void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                    YAML::EmitterStyle::value style) override;
    void OnMapEnd() override;

  private:
    // A list or map whose end has not come yet.
    struct Open {
        Node node;
        YAML::anchor_t anchor = 0;
        bool flow = false;       // written in brackets
        bool key_waits = false;  // map: a key has come and its value has not
        bool key_quoted = false;
        Entry entry;               // map: that key
        std::vector<Node> merges;  // map: values of `<<`, applied at the end
    };
    // A copy of what an anchor names, with what a use of it adds to nodes and depth.
    struct Anchored {
        Node node;
        size_t nodes = 0;
        size_t depth = 0;
    };

    void open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, bool flow);
    void close();
    void place(Node node, YAML::anchor_t anchor);
    void take_key(Node node);
    void count(size_t nodes, Position at);
    void remember(YAML::anchor_t anchor, const Node& node);
    void refuse_open_quote(const YAML::Mark& mark, Position at) const;
    void refuse_tag(const std::string& tag, Position at) const;
    [[nodiscard]] bool key_expected() const;
    [[nodiscard]] Position empty_position(const YAML::Mark& mark);
    void drop_duplicates(Node& map);
    void merge(Node& map, const std::vector<Node>& sources);

    std::string_view text_;
    const DocumentLimits& limits_;
    Diagnostics& diagnostics_;
    ColumnCounter columns_;
    Node root_;
    std::vector<Open> open_;
    std::unordered_map<YAML::anchor_t, Anchored> anchors_;
    size_t nodes_ = 0;  // so far, copies for anchors and aliases included
    bool started_ = false;
};

}  // namespace tl::manifest
