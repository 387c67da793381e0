#include "manifest/tree_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/text.h"

namespace tl::manifest {

namespace {

[[noreturn]] void refuse(Position at, std::string message, std::string hint) {
    throw Refused{{Severity::error, at, std::move(message), std::move(hint)}};
}

// What one use of an alias costs.
size_t nodes_in(const Node& node) {
    size_t sum = 1;
    for (const Node& item : node.items) sum += nodes_in(item);
    for (const Entry& entry : node.entries) sum += nodes_in(entry.value);
    return sum;
}

// Levels of lists and maps, in the sense of DocumentLimits::depth: a scalar adds none.
size_t depth_of(const Node& node) {
    if (!node.is_list() && !node.is_map()) return 0;
    size_t deepest = 0;
    for (const Node& item : node.items) deepest = std::max(deepest, depth_of(item));
    for (const Entry& entry : node.entries) deepest = std::max(deepest, depth_of(entry.value));
    return deepest + 1;
}

// Whether a null was written out (~, null) at the front of `rest`, not just left empty.
bool written_null(std::string_view rest) { return rest.starts_with('~') || base::iequals(rest.substr(0, 4), "null"); }

// Good enough for a line that holds an empty list item: nothing on it can be a quoted #.
std::string_view without_comment(std::string_view line) {
    const size_t hash = line.starts_with('#') ? 0 : line.find(" #");
    return base::trim(line.substr(0, hash));
}

}  // namespace

Position TreeBuilder::position(const YAML::Mark& mark) {
    return columns_.position(static_cast<size_t>(std::max(mark.pos, 0)), static_cast<size_t>(std::max(mark.line, 0)),
                             static_cast<size_t>(std::max(mark.column, 0)));
}

Position TreeBuilder::open_bracket() const {
    const auto flow = std::find_if(open_.rbegin(), open_.rend(), [](const Open& open) { return open.flow; });
    return flow == open_.rend() ? Position{} : flow->node.at;
}

void TreeBuilder::OnDocumentStart(const YAML::Mark& mark) {
    if (!started_) {
        started_ = true;
        return;
    }
    const std::string_view before = text_.substr(0, static_cast<size_t>(std::max(mark.pos, 0)) + 3);
    // The parser also begins a "new document" at whatever does not continue the first one.
    if (before.find("\n---") != std::string_view::npos || before.find("\n...") != std::string_view::npos) {
        refuse(position(mark), "a second YAML document begins here", "a manifest is one document: remove the ---");
    }
    refuse(position(mark), "this does not continue what stands above it",
           "check the indentation and the brackets of this line and the one before");
}

void TreeBuilder::OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) {
    const bool written = written_null(text_.substr(std::min(text_.size(), static_cast<size_t>(mark.pos))));
    Node node;
    node.at = written || key_expected() ? position(mark) : empty_position(mark);
    if (key_expected()) {
        refuse(node.at, "a key is missing here", written ? "write the key in quotes" : "write one before the colon");
    }
    count(1, node.at);
    place(std::move(node), anchor);
}

void TreeBuilder::OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) {
    const Position at = position(mark);
    if (key_expected()) refuse(at, "an alias cannot be a key", "write the key out");
    // The parser knows the name already; we know the value only once its anchor's node has ended.
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) refuse(at, "this alias stands inside the value it refers to", "remove it");
    if (open_.size() + known->second.depth > limits_.depth) {
        refuse(at, fmt::format("the manifest nests deeper than {} levels with this alias", limits_.depth),
               "flatten it");
    }
    count(known->second.nodes, at);
    place(known->second.node, 0);
}

void TreeBuilder::OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                           const std::string& value) {
    const Position at = position(mark);
    refuse_tag(tag, at);
    if (tag == "!") refuse_open_quote(mark, at);
    if (has_control_character(value)) refuse(at, "the value holds a control character", "remove the escape");
    count(1, at);
    Node node = Node::scalar(value, tag == "!");
    node.at = at;
    if (key_expected()) return take_key(std::move(node));
    place(std::move(node), anchor);
}

void TreeBuilder::OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                                  YAML::EmitterStyle::value style) {
    open(Node::Kind::list, mark, tag, anchor, style == YAML::EmitterStyle::Flow);
}

void TreeBuilder::OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                             YAML::EmitterStyle::value style) {
    open(Node::Kind::map, mark, tag, anchor, style == YAML::EmitterStyle::Flow);
}

void TreeBuilder::OnMapEnd() {
    Open& map = open_.back();
    drop_duplicates(map.node);
    if (!map.merges.empty()) merge(map.node, map.merges);
    close();
}

bool TreeBuilder::key_expected() const {
    return !open_.empty() && open_.back().node.is_map() && !open_.back().key_waits;
}

// An empty value has no place of its own, and the parser reports the next token's. Say where it would stand
// instead: at its key, or at the dash that begins it.
Position TreeBuilder::empty_position(const YAML::Mark& mark) {
    if (!open_.empty() && open_.back().node.is_map()) return open_.back().entry.at;
    size_t end = std::min(text_.size(), static_cast<size_t>(mark.pos));
    for (auto line = static_cast<size_t>(mark.line) + 1; line-- > 0;) {
        const size_t feed = end == 0 ? std::string_view::npos : text_.rfind('\n', end - 1);
        const size_t start = feed == std::string_view::npos ? 0 : feed + 1;
        std::string_view shown = text_.substr(start, end - start);
        if (shown.ends_with('\r')) shown.remove_suffix(1);
        const std::string_view content = without_comment(shown);
        if (content.ends_with('-')) {
            const size_t dash = static_cast<size_t>(content.data() - text_.data()) + content.size() - 1;
            return columns_.position(dash, line, dash - start);
        }
        if (!content.empty() || start == 0) break;
        end = start - 1;
    }
    return position(mark);
}

// The parser calls this before it goes one level down: refusing here is what bounds its recursion.
void TreeBuilder::open(Node::Kind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       bool flow) {
    const Position at = position(mark);
    refuse_tag(tag, at);
    if (key_expected()) refuse(at, "a list or map cannot be a key", "keys are plain words; or is a bracket left open?");
    if (open_.size() >= limits_.depth) {
        refuse(at, fmt::format("the manifest nests deeper than {} levels", limits_.depth), "flatten it");
    }
    count(1, at);
    Open next;
    next.node.kind = kind;
    next.node.at = at;
    next.anchor = anchor;
    next.flow = flow;
    open_.push_back(std::move(next));
}

void TreeBuilder::close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    place(std::move(done.node), done.anchor);
}

// A finished value goes to where the open list or map waits for it.
void TreeBuilder::place(Node node, YAML::anchor_t anchor) {
    if (anchor != 0) remember(anchor, node);
    if (open_.empty()) {
        root_ = std::move(node);
        return;
    }
    Open& parent = open_.back();
    if (parent.node.is_list()) {
        parent.node.items.push_back(std::move(node));
        return;
    }
    parent.key_waits = false;
    if (parent.entry.key == "<<" && !parent.key_quoted) {
        parent.merges.push_back(std::move(node));
        return;
    }
    parent.entry.value = std::move(node);
    parent.node.entries.push_back(std::move(parent.entry));
    parent.entry = Entry{};
}

void TreeBuilder::take_key(Node node) {
    constexpr size_t kLongestKey = 256;
    if (node.text.size() > kLongestKey) {
        refuse(node.at, fmt::format("a key is longer than {} bytes", kLongestKey), "shorten it");
    }
    Open& map = open_.back();
    map.key_waits = true;
    map.key_quoted = node.quoted;
    map.entry = Entry{.key = std::move(node.text), .at = node.at};
}

void TreeBuilder::count(size_t nodes, Position at) {
    nodes_ += nodes;
    if (nodes_ <= limits_.nodes) return;
    refuse(
        at,
        fmt::format("the manifest holds more than {} values, each alias counted with all it stands for", limits_.nodes),
        "split it, or use fewer aliases");
}

void TreeBuilder::remember(YAML::anchor_t anchor, const Node& node) {
    const size_t nodes = nodes_in(node);
    count(nodes, node.at);  // the copy kept for aliases costs memory too, and anchors nest
    anchors_[anchor] = Anchored{node, nodes, depth_of(node)};
}

// At the end of the file the parser takes an open quote for a closed one.
void TreeBuilder::refuse_open_quote(const YAML::Mark& mark, Position at) const {
    std::string_view rest = text_.substr(std::min(text_.size(), static_cast<size_t>(mark.pos)));
    if (rest.starts_with('&')) {  // an anchor stands in front
        rest.remove_prefix(std::min(rest.size(), rest.find_first_of(" \t\r\n")));
        rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(" \t\r\n")));
    }
    const char quote = rest.empty() ? ' ' : rest.front();
    if (quote != '"' && quote != '\'') return;  // a block scalar
    for (size_t i = 1; i < rest.size(); ++i) {
        const bool doubled = quote == '\'' && rest.substr(i).starts_with("''");
        if (rest[i] == quote && !doubled) return;
        if (doubled || (quote == '"' && rest[i] == '\\')) ++i;
    }
    refuse(at, "this quote is never closed", "close it");
}

void TreeBuilder::refuse_tag(const std::string& tag, Position at) const {
    if (tag.empty() || tag == "?" || tag == "!") return;
    refuse(at, fmt::format("the YAML tag \"{}\" is not supported", shown(tag)),
           "write the value without it; use quotes where you want text");
}

// At a map's end, by hash: looking each key up as it comes would be quadratic in a hostile map.
void TreeBuilder::drop_duplicates(Node& map) {
    std::unordered_map<std::string_view, Position> first;
    std::vector<bool> again(map.entries.size());
    for (size_t i = 0; i < map.entries.size(); ++i) {
        const Entry& entry = map.entries[i];
        const auto [seen, is_new] = first.emplace(entry.key, entry.at);
        if (is_new) continue;
        again[i] = true;
        diagnostics_.error(entry.at,
                           fmt::format("the key \"{}\" was given already on line {}, column {}", shown(entry.key),
                                       seen->second.line, seen->second.column),
                           "keep one of them");
    }
    if (first.size() == map.entries.size()) return;
    std::vector<Entry> kept;
    for (size_t i = 0; i < again.size(); ++i) {
        if (!again[i]) kept.push_back(std::move(map.entries[i]));
    }
    map.entries = std::move(kept);
}

// YAML's merge key: keys of the map win over merged ones, earlier sources over later.
void TreeBuilder::merge(Node& map, const std::vector<Node>& sources) {
    std::unordered_set<std::string> present;
    for (const Entry& entry : map.entries) present.insert(entry.key);
    const auto take = [&](const Node& source) {
        if (!source.is_map()) {
            diagnostics_.error(source.at, fmt::format("<< takes a map or a list of maps, not {}", found(source)),
                               "put the name of an anchored map behind it: <<: *defaults");
            return;
        }
        for (const Entry& entry : source.entries) {
            if (present.insert(entry.key).second) map.entries.push_back(entry);
        }
    };
    for (const Node& source : sources) {
        if (!source.is_list()) {
            take(source);
            continue;
        }
        for (const Node& item : source.items) take(item);
    }
}

}  // namespace tl::manifest
