// Paths in one form, patterns, and paths made from patterns.
#include "proxy/path.h"

#include <gtest/gtest.h>

#include <utility>

namespace tl::proxy {
namespace {

using std::string;
using std::string_view;

string normalized(string_view path) {
    base::Arena arena;
    const auto result = normalize_path(path, arena);
    return result ? string{*result} : "refused: " + result.error().context;
}

struct PathCase {
    string_view given;
    string_view wanted;  // "" for refused
};

TEST(NormalizePath, BringsEverySpellingIntoOneFormOrRefusesIt) {
    const PathCase cases[] = {
        {"/", "/"},
        {"*", "*"},
        {"/users/42", "/users/42"},
        {"/users/", "/users/"},
        {"/%75sers", "/users"},  // coded letters are letters
        {"/%7euser/%2D%5F", "/~user/-_"},
        {"/a%3ab", "/a%3Ab"},  // reserved bytes stay coded, in upper case
        {"/a%2fb", "/a%2Fb"},
        {"/a%5cb", "/a%5Cb"},
        {"/caf%c3%a9", "/caf%C3%A9"},
        {"/%252e%252e/x", "/%252e%252e/x"},  // coded twice is another name: decoded once only
        {"/%25", "/%25"},
        {"/a//b", "/a//b"},  // an empty segment is a segment
        {"//", "//"},
        {"/a/..;/b", "/a/..;/b"},  // a name; services that cut parameters off see to it themselves
        {"/a/..;x=1/b", "/a/..;x=1/b"},
        {"/a/...", "/a/..."},
        {"/a/.b", "/a/.b"},
        {"/a/b.", "/a/b."},
        {"/a/b..", "/a/b.."},
        {"/%2e%2e%2e", "/..."},
        {"/%c0%ae%c0%ae/x", "/%C0%AE%C0%AE/x"},  // overlong UTF-8 is never read as a dot
        {"/%e0%80%ae", "/%E0%80%AE"},
        {"/a%2Fb%2Fc", "/a%2Fb%2Fc"},
        {"/a%20b%3F%23", "/a%20b%3F%23"},
        {"/.", ""},
        {"/..", ""},
        {"/./a", ""},
        {"/a/./b", ""},
        {"/a/../b", ""},
        {"/a/..", ""},
        {"/a//../b", ""},
        {"/%2e%2e/a", ""},
        {"/%2E./a", ""},
        {"/.%2e", ""},
        {"/a/%2e", ""},
        {"/a/%2E%2e", ""},
        {"/..%2fetc", ""},  // a service that decodes the slash would climb
        {"/a%2f..", ""},
        {"/a%2F%2e%2e%2Fb", ""},
        {"/..%5cwindows", ""},
        {"/a%5C.%2Fb", ""},
        {"/a\\b", ""},
        {"/..\\b", ""},
        {"/a%00", ""},
        {"/%", ""},
        {"/%4", ""},
        {"/%4g", ""},
        {"/%zz", ""},
        {"/a%2", ""},
    };
    for (const auto& [given, wanted] : cases) {
        const string result = normalized(given);
        if (wanted.empty()) {
            EXPECT_TRUE(result.starts_with("refused: the path has")) << given << " became " << result;
        } else {
            EXPECT_EQ(result, wanted);
            EXPECT_EQ(normalized(result), result) << "the form is not final";
        }
    }
}

TEST(NormalizePath, GivesBackThePathItselfWhenItIsInForm) {
    base::Arena arena;
    const string path = "/api/orders/4711";
    EXPECT_EQ(normalize_path(path, arena)->data(), path.data());
}

TEST(PathPattern, SaysWhatIsWrong) {
    const std::pair<string_view, string_view> cases[] = {
        {"users", "begins with \"/\""},
        {"", "begins with \"/\""},
        {"/a/*/b", "last segment"},
        {"/{a}/{a}", "stands twice"},
        {"/{}", "neither plain text"},
        {"/{a b}", "no parameter name"},
        {"/x{id}", "neither plain text"},
        {"/a*", "neither plain text"},
        {"/a?b", "neither plain text"},
        {"/a/../b", "never match"},
        {"/a/%2e%2e", "segment"},
        {"/a%2f..%2fb", "coded slash"},
        {"/a%zz", "broken percent code"},
        {"/a\r\nb", "control bytes"},
        {"/a\tb", "control bytes"},
        {"/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}/{j}/{k}/{l}/{m}/{n}/{o}/{p}/{q}", "more than 16 parameters"},
    };
    for (const auto& [text, why] : cases) {
        const auto pattern = PathPattern::parse(text);
        ASSERT_FALSE(pattern) << text;
        EXPECT_NE(pattern.error().context.find(why), string::npos) << text << ": " << pattern.error().context;
    }
    string deep;
    for (size_t i = 0; i <= PathPattern::kMostSegments; ++i) deep += "/a";
    EXPECT_FALSE(PathPattern::parse(deep));
    EXPECT_TRUE(PathPattern::parse(string_view{deep}.substr(2)));
}

TEST(PathPattern, KeepsLiteralsInTheFormOfRequests) {
    EXPECT_EQ(PathPattern::parse("/caf\xc3\xa9")->segments()[0].text, "caf%C3%A9");
    EXPECT_EQ(PathPattern::parse("/%61%2f")->segments()[0].text, "a%2F");
    EXPECT_EQ(PathPattern::parse("/%61")->text(), "/%61");
}

TEST(PathPattern, KnowsWhatItCovers) {
    struct Case {
        string_view mine;
        string_view theirs;
        bool covers;
    };
    const Case cases[] = {
        {"/a", "/a", true},          {"/a", "/b", false},      {"/a", "/a/", false},     {"/*", "/", true},
        {"/*", "/a/{x}/*", true},    {"/a/*", "/a", true},     {"/a/*", "/a/", true},    {"/a/*", "/b/c", false},
        {"/a", "/a/*", false},       {"/{x}", "/a", true},     {"/{x}", "/{y}", true},   {"/a", "/{x}", false},
        {"/{x}", "/", false},        {"/u/{x}", "/u/", false}, {"/{x}/*", "/a/b", true}, {"/{x}/*", "/", false},
        {"/{x}/b", "/a/{y}", false}, {"/{x}", "/a/b", false},  {"/{x}/*", "/a/*", true}, {"/a/*", "/{x}/*", false},
        {"/{x}", "/*", false},       {"/%61", "/a", true},
    };
    for (const auto& [mine, theirs, covers] : cases) {
        EXPECT_EQ(PathPattern::parse(mine)->covers(*PathPattern::parse(theirs)), covers) << mine << " " << theirs;
    }
}

TEST(PathPattern, HasTheShapeOfAnotherWhateverTheNames) {
    const auto same = [](string_view a, string_view b) {
        return PathPattern::parse(a)->same_shape(*PathPattern::parse(b));
    };
    EXPECT_TRUE(same("/a/{x}/*", "/a/{y}/*"));
    EXPECT_FALSE(same("/a/{x}", "/a/x"));
    EXPECT_FALSE(same("/a", "/a/"));
    EXPECT_FALSE(same("/a", "/a/*"));
}

TEST(PathTemplate, IsMadeOfLiteralsParametersAndTheRest) {
    struct Case {
        string_view pattern;
        string_view text;
        std::vector<string_view> params;
        string_view rest;
        string_view wanted;
    };
    const Case cases[] = {
        {"/api/*", "/*", {}, "/x/y", "/x/y"},
        {"/api/*", "/*", {}, "/", "/"},
        {"/api/*", "/*", {}, "", "/"},
        {"/api/*", "/v2/*", {}, "", "/v2"},
        {"/api/*", "/v2/*", {}, "/x", "/v2/x"},
        {"/api/*", "/fixed", {}, "/x", "/fixed"},
        {"/a", "/", {}, "", "/"},
        {"/a", "/b/", {}, "", "/b/"},
        {"/{x}/{y}", "/{y}/of/{x}", {"1", "2"}, "", "/2/of/1"},
        {"/{x}/{y}/*", "/{y}/*", {"1", "2"}, "/r", "/2/r"},
        {"/{x}", "/caf\xc3\xa9/{x}", {"a%2Fb"}, "", "/caf%C3%A9/a%2Fb"},
        {"/{x}", "/{x}/", {"..;"}, "", "/..;/"},
    };
    for (const Case& c : cases) {
        const auto made = PathTemplate::parse(c.text, *PathPattern::parse(c.pattern));
        ASSERT_TRUE(made) << c.text;
        PathMatch match;
        for (const string_view param : c.params) match.params[match.count++] = param;
        match.rest = c.rest;
        base::Arena arena;
        EXPECT_EQ(made->expand(match, arena), c.wanted) << c.pattern << " to " << c.text;
    }
}

TEST(PathTemplate, RefusesWhatThePatternCannotGive) {
    const auto pattern = PathPattern::parse("/users/{id}");
    const std::pair<string_view, string_view> cases[] = {
        {"/u/{name}", "has no parameter {name}"},
        {"/u/*", "ends in /*"},
        {"u", "begins with"},
        {"/u/../{id}", "never match"},
        {"/u/x{id}", "plain text"},
        {"/a\r\nHost:b", "control bytes"},
        {"/%2e%2e/{id}", "segment"},
    };
    for (const auto& [text, why] : cases) {
        const auto made = PathTemplate::parse(text, *pattern);
        ASSERT_FALSE(made) << text;
        EXPECT_NE(made.error().context.find(why), string::npos) << made.error().context;
    }
}

// What a client writes into a parameter cannot make the new path climb: no spelling of ".." gets through.
TEST(PathTemplate, CannotBeMadeToClimbByAParameter) {
    for (const string_view value : {"..", ".", "%2e%2e", ".%2E", "%2e", "..%2f..", "%2e%2e%5c", "x%2f..%2fy"}) {
        EXPECT_TRUE(normalized("/files/" + string{value}).starts_with("refused")) << value;
    }
    // What does get through stays one segment and is no dot segment in its new place.
    const auto pattern = PathPattern::parse("/files/{name}");
    const auto made = PathTemplate::parse("/store/{name}/raw", *pattern);
    for (const string_view value : {"...", "..;", "%252e%252e", "a%2Fb", "%C0%AE%C0%AE", "..a"}) {
        base::Arena arena;
        PathMatch match;
        match.params[match.count++] = value;
        const string_view path = made->expand(match, arena);
        EXPECT_EQ(normalized(path), path);
    }
}

}  // namespace
}  // namespace tl::proxy
