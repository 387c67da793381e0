#include "console/access.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "console/request_target.h"

namespace tl::console {
namespace {

TEST(Access, OnlyTheExactTokenIsAdmitted) {
    const Access access = Access::by_token("abcd", false);
    EXPECT_TRUE(access.admits("Bearer abcd"));
    EXPECT_TRUE(access.admits("bearer  abcd "));
    for (const char* wrong :
         {"", "Bearer", "Bearer ", "Bearer abce", "Bearer abc", "Bearer abcde", "Basic abcd", "abcd"}) {
        EXPECT_FALSE(access.admits(wrong)) << wrong;
    }
}

TEST(Access, AnEmptyTokenAdmitsNobody) {
    const Access access = Access::by_token("", false);
    EXPECT_TRUE(access.needs_token("/v1/status"));
    EXPECT_FALSE(access.admits("Bearer "));
}

TEST(Access, OpenMetricsOpensMetricsOnly) {
    const Access access = Access::by_token("abcd", true);
    EXPECT_FALSE(access.needs_token("/metrics"));
    EXPECT_TRUE(access.needs_token("/metrics/"));
    EXPECT_TRUE(access.needs_token("/v1/status"));
}

TEST(Access, OnlyLoopbackNamesAreLoopback) {
    for (const char* good :
         {"localhost", "LOCALHOST:80", "127.0.0.1", "127.0.0.1:9090", "127.9.9.9:1", "[::1]", "[::1]:80"}) {
        EXPECT_TRUE(is_loopback_authority(good)) << good;
    }
    for (const char* bad : {"", ":80", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80",
                            "10.0.0.1", "[::2]", "[::1", "[::1]x", "0.0.0.0", "127.", "127.1.evil", "localhost."}) {
        EXPECT_FALSE(is_loopback_authority(bad)) << bad;
    }
}

class TokenFile : public testing::Test {
  protected:
    TokenFile() {
        char name[] = "/tmp/tl-token-XXXXXX";
        folder = ::mkdtemp(name);
    }
    ~TokenFile() override { std::filesystem::remove_all(folder); }
    std::string path() const { return folder + "/admin.token"; }
    std::string folder;
};

TEST_F(TokenFile, IsMadePrivateAndKept) {
    const auto token = load_or_make_token(folder);
    ASSERT_TRUE(token);
    EXPECT_EQ(token->size(), 64U);
    struct stat info{};
    ASSERT_EQ(::stat(path().c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U);
    EXPECT_EQ(*load_or_make_token(folder), *token);
}

TEST_F(TokenFile, ThatOthersCouldReadOrThatIsNoTokenIsReplaced) {
    const std::string first = *load_or_make_token(folder);
    ::chmod(path().c_str(), 0644);
    const std::string second = *load_or_make_token(folder);
    EXPECT_NE(second, first);
    std::ofstream{path()} << "short\n";
    EXPECT_EQ(load_or_make_token(folder)->size(), 64U);
    std::filesystem::remove(path());
    ::symlink("/dev/null", path().c_str());
    EXPECT_EQ(load_or_make_token(folder)->size(), 64U);
    EXPECT_FALSE(std::filesystem::is_symlink(path()));
}

TEST(RequestTarget, DecodesSegmentsAndQuery) {
    const auto target = RequestTarget::parse("/v1/services/a%20b%2Fc/restart/", "x=1&y=%41&flag&x=2");
    ASSERT_TRUE(target);
    EXPECT_EQ(target->segments, (std::vector<std::string>{"v1", "services", "a b/c", "restart"}));
    EXPECT_EQ(target->find("x"), "2");
    EXPECT_EQ(target->find("y"), "A");
    EXPECT_TRUE(*target->flag("flag"));
    EXPECT_FALSE(*target->flag("none"));
    EXPECT_FALSE(target->find("none"));
    EXPECT_EQ(percent_encode("a b/c"), "a%20b%2Fc");
}

TEST(RequestTarget, RefusesBrokenCodesAndNumbers) {
    for (const char* bad : {"/%", "/%4", "/%zz", "/%00", "/%0a"}) EXPECT_FALSE(RequestTarget::parse(bad, "")) << bad;
    const auto target = RequestTarget::parse("/", "a=-1&b=11&c=7x&d=");
    for (const char* key : {"a", "b", "c", "d"}) EXPECT_FALSE(target->number(key, 0, 10)) << key;
    EXPECT_EQ(*target->number("none", 5, 10), 5U);
    EXPECT_FALSE(target->flag("b"));
}

}  // namespace
}  // namespace tl::console
