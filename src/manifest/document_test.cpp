#include "manifest/document.h"

#include <gtest/gtest.h>

#include <chrono>

#include "manifest/print.h"

namespace tl::manifest {

namespace {

// The one line that a text is refused with, or "" if it can be read without complaint.
std::string said(std::string_view text, const DocumentLimits& limits = {}) {
    return parse_document(text, "t.yaml", limits).diagnostics.to_text();
}

Node read(std::string_view text) {
    Document document = parse_document(text, "t.yaml");
    EXPECT_EQ(document.diagnostics.to_text(), "");
    EXPECT_TRUE(document.readable);
    return std::move(document.root);
}

const Entry& entry(const Node& map, std::string_view key) {
    for (const Entry& one : map.entries) {
        if (one.key == key) return one;
    }
    throw std::out_of_range(std::string{key});
}

}  // namespace

TEST(Document, every_key_and_value_knows_its_place_in_block_style) {
    const Node root = read("a: 1\nbb:\n  c: 'x'\n  d:\n  - e\n  -   f\n");
    EXPECT_EQ(root.at, (Position{1, 1}));
    EXPECT_EQ(entry(root, "a").value.at, (Position{1, 4}));
    const Entry& bb = entry(root, "bb");
    EXPECT_EQ(bb.at, (Position{2, 1}));
    EXPECT_EQ(bb.value.at, (Position{3, 3}));
    EXPECT_EQ(entry(bb.value, "c").value.at, (Position{3, 6}));
    EXPECT_EQ(entry(bb.value, "d").value.at, (Position{5, 3}));
    EXPECT_EQ(entry(bb.value, "d").value.items[1].at, (Position{6, 7}));
}

TEST(Document, every_key_and_value_knows_its_place_in_flow_style) {
    const Node root = read("a: [x, {c: d,\n  e: \"f\"}]\r\ng: 1\r\n");
    const Node& list = entry(root, "a").value;
    EXPECT_EQ(list.at, (Position{1, 4}));
    EXPECT_EQ(list.items[0].at, (Position{1, 5}));
    EXPECT_EQ(list.items[1].at, (Position{1, 8}));
    EXPECT_EQ(entry(list.items[1], "c").at, (Position{1, 9}));
    EXPECT_EQ(entry(list.items[1], "e").at, (Position{2, 3}));
    EXPECT_EQ(entry(list.items[1], "e").value.at, (Position{2, 6}));
    EXPECT_EQ(entry(root, "g").value.at, (Position{3, 4}));
}

TEST(Document, columns_count_characters_and_a_byte_order_mark_counts_nothing) {
    const Node root = read("\xef\xbb\xbf\"größe\": {é: €, x: y}\n");
    EXPECT_EQ(root.entries[0].at, (Position{1, 1}));
    EXPECT_EQ(root.entries[0].value.at, (Position{1, 10}));
    EXPECT_EQ(entry(root.entries[0].value, "x").value.at, (Position{1, 20}));
}

TEST(Document, an_empty_value_stands_where_its_key_or_dash_stands) {
    const Node root = read("a:\nb:\n  - x\n  -\n  # why\n  - y\nc: {d: , e: ~}\nf:\n");
    EXPECT_EQ(entry(root, "a").value.at, (Position{1, 1}));
    EXPECT_EQ(entry(root, "b").value.items[1].at, (Position{4, 3}));
    EXPECT_EQ(entry(entry(root, "c").value, "d").value.at, (Position{7, 5}));
    EXPECT_EQ(entry(entry(root, "c").value, "e").value.at, (Position{7, 13}));
    EXPECT_EQ(entry(root, "f").value.at, (Position{8, 1}));
}

TEST(Document, quoting_is_remembered) {
    const Node root = read("a: 5\nb: '5'\nc: \"5\"\nd: |\n  5\n");
    EXPECT_FALSE(entry(root, "a").value.quoted);
    for (const char* key : {"b", "c", "d"}) EXPECT_TRUE(entry(root, key).value.quoted) << key;
}

TEST(Document, aliases_and_merge_keys_mean_what_yaml_says) {
    const Node root = read(
        "base: &b {x: 1, k: 2}\nuse:\n  <<: *b\n  k: 3\nlist: {<<: [{k: 4}, *b]}\ncopy: *b\nplain: {'<<': "
        "1}\n");
    EXPECT_EQ(to_yaml(entry(root, "use").value), "k: 3\nx: 1\n");
    EXPECT_EQ(to_yaml(entry(root, "list").value), "k: 4\nx: 1\n");
    EXPECT_TRUE(same_values(entry(root, "copy").value, entry(root, "base").value));
    EXPECT_EQ(entry(root, "copy").value.entries[0].at, (Position{1, 11}));
    EXPECT_NE(entry(root, "plain").value.find("<<"), nullptr);
    EXPECT_EQ(said("a: {<<: 5}\n"),
              "t.yaml:1:9: error: << takes a map or a list of maps, not \"5\"; put the name of "
              "an anchored map behind it: <<: *defaults\n");
}

TEST(Document, a_key_given_twice_names_the_first_place_and_reading_goes_on) {
    const Document document = parse_document("a: 1\nb: {c: 1, c: 2}\na: 3\n", "t.yaml");
    EXPECT_TRUE(document.readable);
    EXPECT_EQ(document.diagnostics.to_text(),
              "t.yaml:2:11: error: the key \"c\" was given already on line 2, column 5; keep one of them\n"
              "t.yaml:3:1: error: the key \"a\" was given already on line 1, column 1; keep one of them\n");
    EXPECT_EQ(document.root.find("a")->text, "1");
}

TEST(Document, whatever_is_not_a_manifest_is_refused_with_its_place_and_a_way_out) {
    struct Case {
        std::string_view text;
        std::string_view expected;
    };
    for (const Case& one : std::initializer_list<Case>{
             {"a: 1\n---\nb: 2\n", "2:1: error: a second YAML document begins here"},
             {"- a\nb: c\n", "2:1: error: this does not continue what stands above it"},
             {"a: 'x\nb: 2\n", "1:4: error: this quote is never closed"},
             {"a: 'it''s\n", "1:4: error: this quote is never closed"},
             {"a: &n \"x", "1:4: error: this quote is never closed"},
             {"a: [1, 2", "1:4: error: this bracket is never closed"},
             {"a: {b: 1\nc: 2\n", "2:2: error: the bracket of line 1, column 4 is not closed before this"},
             {"r: [{ path: /users/{id}, to: users }]\n",
              "1:20: error: the bracket of line 1, column 5 is not closed before this; close it, or add the missing "
              "comma; in brackets a value with any of { } [ ] , needs quotes"},
             {"a: [1, 2}\n", "1:9: error: this bracket closes nothing"},
             {"a:\n\tb: 1\n", "2:3: error: a tab is used for indentation; indent with spaces"},
             {"a:\n  b: 1\n c: 2\n", "3:2: error: this does not fit into the map around it; check the indentation"},
             {"a: b: c\n", "1:5: error: a colon with a space behind it cannot stand here; put the value in quotes"},
             {"a: @b\n", "1:4: error: a value cannot begin with this character; put the value in quotes"},
             {"a: *.example.com\n", "1:4: error: no anchor of this name stands above"},
             {"a: &x [*x]\n", "1:8: error: this alias stands inside the value it refers to"},
             {"&x a: 1\n*x : 2\n", "2:1: error: an alias cannot be a key"},
             {"a: !ruby/object x\n", "1:4: error: the YAML tag \"!ruby/object\" is not supported"},
             {"a: !!binary x\n", "1:4: error: the YAML tag \"tag:yaml.org,2002:binary\" is not supported"},
             {"? [a]\n: b\n", "1:3: error: a list or map cannot be a key"},
             {": b\n", "1:1: error: a key is missing here; write one before the colon"},
             {"null: b\n", "1:1: error: a key is missing here; write the key in quotes"},
             {"a: \"\\q\"\n", "1:7: error: this escape is not known inside double quotes"},
             {"a: \"\\0\"\n", "1:4: error: the value holds a control character"},
             {"a: \"\\x85\\x9b\"\n", "1:4: error: the value holds a control character"},
             {"a: \x01\n", "1:4: error: the control character U+0001 is not allowed; remove it"},
             {"a: b\rc: d\n", "1:5: error: a carriage return without a line feed is not allowed"},
             {"é: \xff\n", "1:4: error: the byte 0xFF is not UTF-8; save the file as UTF-8"},
             {"a: \xc0\xaf\n", "1:4: error: the byte 0xC0 is not UTF-8"},
             {"a: \xed\xa0\x80\n", "1:4: error: the byte 0xED is not UTF-8"},
             {"a: [\xef\xbb\xbf]\n", "1:5: error: the control character U+FEFF is not allowed"},
             {std::string_view{"a\0b", 3}, "1:2: error: the control character U+0000 is not allowed"},
         }) {
        const std::string out = said(one.text);
        EXPECT_TRUE(out.starts_with("t.yaml:" + std::string{one.expected})) << out << one.text;
        EXPECT_FALSE(parse_document(one.text, "").readable) << one.text;
    }
}

TEST(Document, text_without_a_value_is_readable_and_null) {
    for (const char* text : {"", "\n", "# only a comment\n", "---\n", "~"}) EXPECT_TRUE(read(text).is_null()) << text;
}

TEST(Document, the_end_of_a_document_may_be_marked) { EXPECT_EQ(read("---\na: 1\n...\n").find("a")->text, "1"); }

TEST(Document, size_depth_and_number_of_values_have_caps) {
    EXPECT_EQ(said("a: 1\n", {.bytes = 4}),
              "t.yaml: error: the file is larger than 4; a manifest is written by people; keep data elsewhere\n");
    EXPECT_EQ(said("a: {b: {c: 1}}\n", {.depth = 3}), "");
    EXPECT_EQ(said("a: {b: {c: 1}}\n", {.depth = 2}),
              "t.yaml:1:8: error: the manifest nests deeper than 2 levels; flatten it\n");
    EXPECT_EQ(said("x: &x [[1]]\na: [[*x]]\n", {.depth = 5}), "");
    EXPECT_TRUE(said("x: &x [[1]]\na: [[*x]]\n", {.depth = 4}).contains("2:6: error: the manifest nests deeper"));
    EXPECT_EQ(said("[a, b, c]", {.nodes = 4}), "");
    EXPECT_TRUE(said("[a, b, c]", {.nodes = 3}).contains("1:8: error: the manifest holds more than 3 values"));
}

TEST(Document, a_billion_laughs_are_refused_quickly) {
    std::string bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n";
    for (int i = 1; i < 30; ++i) {
        const std::string alias = "*a" + std::to_string(i - 1);
        bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + alias;
        for (int j = 0; j < 8; ++j) bomb += "," + alias;
        bomb += "]\n";
    }
    EXPECT_TRUE(said(bomb).contains("error: the manifest holds more than 100000 values, each alias counted"));
}

TEST(Document, deep_brackets_and_dashes_end_in_a_message_not_in_a_crash) {
    for (const std::string_view piece : {"[", "{", "- ", "? ", "[a,", "{a: ", "&a ", "'''"}) {
        std::string text;
        while (text.size() + piece.size() <= (1U << 16)) text += piece;
        EXPECT_TRUE(said(text).contains("error: ")) << piece;
    }
}

TEST(Print, values_that_look_like_something_else_are_quoted) {
    Node map = Node::map();
    for (const char* text :
         {"true", "no", "5", "1.5", "0x1f", "12:30", "", "~", "a: b", "a #b", "- x", "*x", "é", "x\ny"}) {
        map.entries.push_back({.key = text, .value = Node::scalar(text, !reads_as_text(text))});
    }
    map.entries.push_back({.key = "plain", .value = Node::scalar("python3 a/b.py --x=1 http://h:1/*")});
    map.entries.push_back({.key = "number", .value = Node::scalar("-5")});
    const std::string yaml = to_yaml(map);
    EXPECT_TRUE(same_values(read(yaml), map)) << yaml;
    EXPECT_TRUE(yaml.starts_with("\"true\": \"true\"\n\"no\": \"no\"\n\"5\": \"5\"\n\"1.5\": \"1.5\"\n")) << yaml;
    EXPECT_TRUE(yaml.ends_with("plain: python3 a/b.py --x=1 http://h:1/*\nnumber: -5\n")) << yaml;
}

TEST(Print, lists_of_maps_and_notes_read_back) {
    Node item = Node::map();
    item.entries.push_back({.key = "unset", .value = {}, .note = "not set"});
    item.entries.push_back({.key = "a", .value = Node::scalar("1"), .note = "default"});
    Node list = Node::list();
    list.items = {item, Node::scalar("x"), Node::list(), Node::map(), Node{}};
    Node root = Node::map();
    root.entries.push_back({.key = "list", .value = list});
    EXPECT_EQ(to_yaml(root),
              "list:\n  - # unset: not set\n    a: 1                                # default\n  - x\n  - "
              "[]\n  - {}\n  - null\n");
    item.entries.erase(item.entries.begin());
    root.entries[0].value.items[0] = item;
    EXPECT_TRUE(same_values(read(to_yaml(root)), root));
}

}  // namespace tl::manifest
