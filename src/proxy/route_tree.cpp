#include "proxy/route_tree.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/text.h"

namespace tl::proxy {

namespace {

uint64_t mix(uint64_t a, uint64_t b) {
    const auto product = static_cast<unsigned __int128>(a) * b;
    return static_cast<uint64_t>(product >> 64) ^ static_cast<uint64_t>(product);
}

// In the manner of wyhash: eight bytes a multiplication.
uint64_t hash_of(std::string_view text) {
    uint64_t state = 0xa0761d6478bd642fULL ^ text.size();
    while (text.size() >= 8) {
        uint64_t word = 0;
        std::memcpy(&word, text.data(), 8);
        state = mix(state ^ word, 0xe7037ed1a0b428dbULL);
        text.remove_prefix(8);
    }
    uint64_t word = 0;
    if (!text.empty()) std::memcpy(&word, text.data(), text.size());
    return mix(state ^ word, 0x8ebc6af09c88c6e3ULL);
}

uint32_t tag_of(uint64_t hash) { return static_cast<uint32_t>(hash >> 32); }

bool same(std::string_view a, std::string_view b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace

uint32_t NameIndex::find(std::string_view text) const {
    if (slots_.empty()) {
        for (uint32_t i = 0; i < names_.size(); ++i) {
            if (same(names_[i], text)) return i;
        }
        return kNone;
    }
    const uint64_t hash = hash_of(text);
    const size_t mask = slots_.size() - 1;
    for (size_t i = hash & mask; slots_[i].place != kNone; i = (i + 1) & mask) {
        if (slots_[i].tag == tag_of(hash) && same(names_[slots_[i].place], text)) return slots_[i].place;
    }
    return kNone;
}

uint32_t NameIndex::add(std::string_view text) {
    const auto place = static_cast<uint32_t>(names_.size());
    names_.push_back(text);
    if (names_.size() > kFew) {
        if (names_.size() * 2 > slots_.size()) {
            rehash();
        } else {
            put(place);
        }
    }
    return place;
}

void NameIndex::rehash() {
    size_t size = 16;
    while (size < names_.size() * 4) size *= 2;
    slots_.assign(size, Slot{});
    for (uint32_t i = 0; i < names_.size(); ++i) put(i);
}

void NameIndex::put(uint32_t place) {
    const uint64_t hash = hash_of(names_[place]);
    const size_t mask = slots_.size() - 1;
    size_t i = hash & mask;
    while (slots_[i].place != kNone) i = (i + 1) & mask;
    slots_[i] = {tag_of(hash), place};
}

RouteTable::HostTree& RouteTable::Hosts::of(std::string_view host) {
    const bool wildcard = is_wildcard(host);
    NameIndex& names = wildcard ? suffixes : exact;
    std::vector<HostTree*>& by_name = wildcard ? by_suffix : by_exact;
    const size_t prefix = wildcard ? 2 : 0;
    if (host.empty() && any != nullptr) return *any;
    if (const uint32_t place = names.find(host.substr(prefix)); place != NameIndex::kNone) return *by_name[place];

    HostTree& made = *trees.emplace_back(std::make_unique<HostTree>(std::string{host}, Node{}));
    if (host.empty()) {
        any = &made;
    } else {
        names.add(std::string_view{made.host}.substr(prefix));
        by_name.push_back(&made);
    }
    return made;
}

void RouteTable::Hosts::visit(Search& search, std::string_view authority) const {
    if (!by_exact.empty() || !by_suffix.empty()) {
        // Longer than any name of the DNS (RFC 1035 2.3.4): only routes for every host can mean it.
        std::array<char, 255> room;
        const std::string_view given = host_of(authority);
        if (given.size() <= room.size()) {
            std::ranges::transform(given, room.begin(), base::to_lower);
            if (visit_named(search, {room.data(), given.size()})) return;
        }
    }
    if (any != nullptr) search.visit(any->root, 0);
}

bool RouteTable::Hosts::visit_named(Search& search, std::string_view host) const {
    if (const uint32_t place = exact.find(host); place != NameIndex::kNone) {
        if (search.visit(by_exact[place]->root, 0)) return true;
    }
    if (suffixes.empty()) return false;
    // The longest suffix comes first; what stands for the "*" is never empty.
    for (size_t dot = host.find('.', 1); dot != std::string_view::npos; dot = host.find('.', dot + 1)) {
        const uint32_t place = suffixes.find(host.substr(dot + 1));
        if (place != NameIndex::kNone && search.visit(by_suffix[place]->root, 0)) return true;
    }
    return false;
}

// Each node is reached in one way only, so turning back costs at most the size of the tree, and the depth is that of
// the longest pattern.
bool RouteTable::Search::visit(const Node& node, size_t at) {
    if (at < path.size()) return visit_segment(node, at);
    return take(node.here, {}) || take(node.rest, {});
}

bool RouteTable::Search::visit_segment(const Node& node, size_t at) {
    const size_t end = std::min(path.find('/', at + 1), path.size());
    const std::string_view segment = path.substr(at + 1, end - at - 1);
    if (const uint32_t place = node.names.find(segment); place != NameIndex::kNone) {
        if (visit(*node.literals[place], end)) return true;
    }
    // A parameter takes at least one character: "/users/" is no user.
    if (node.param != nullptr && !segment.empty()) {
        at_hand.params[at_hand.count++] = segment;
        if (visit(*node.param, end)) return true;
        --at_hand.count;
    }
    return take(node.rest, path.substr(at));
}

bool RouteTable::Search::take(const Node::Candidates& candidates, std::string_view rest) {
    for (const Node::Candidate& candidate : candidates) {
        if (!candidate.rule.matches(head)) continue;
        // What is seen first is more specific, so that only a higher priority may take its place.
        if (best.route == nullptr || candidate.route->rule.priority > best.route->rule.priority) {
            best.route = candidate.route;
            if (all) best.path = at_hand;
            best.path.rest = rest;
        }
        return !all;
    }
    return false;
}

}  // namespace tl::proxy
