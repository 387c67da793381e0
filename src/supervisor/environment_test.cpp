#include "supervisor/environment.h"

#include <sys/stat.h>

#include <algorithm>

#include "supervisor/supervisor_testing.h"

namespace tl::supervisor {

namespace {

bool has(const std::vector<std::string>& entries, const std::string& entry) {
    return std::ranges::find(entries, entry) != entries.end();
}

size_t count_of(const std::vector<std::string>& entries, const std::string& name) {
    return static_cast<size_t>(
        std::ranges::count_if(entries, [&](const std::string& entry) { return entry.starts_with(name + "="); }));
}

}  // namespace

TEST(EnvFile, comments_quotes_and_exports_are_understood) {
    const auto got = parse_env_file(
        "# a comment\n\nA=1\n export B = two words # not this\r\nC='# \"as it is\" \\n'\n"
        "D=\"tab\\tquote\\\" # in\" # out\nE=\nF=a#b\nG=\"a\\qb\"",
        "x.env");
    ASSERT_TRUE(got.has_value()) << got.error().message();
    EXPECT_EQ(*got, (Variables{{"A", "1"},
                               {"B", "two words"},
                               {"C", "# \"as it is\" \\n"},
                               {"D", "tab\tquote\" # in"},
                               {"E", ""},
                               {"F", "a#b"},
                               {"G", "a\\qb"}}));
}

TEST(EnvFile, a_mistake_is_told_with_its_line_and_without_its_value) {
    const auto message = [](std::string_view text) {
        const auto got = parse_env_file(text, "x.env");
        return got ? std::string{} : got.error().message();
    };
    EXPECT_EQ(message("A=1\nhunter2\n"), "x.env:2: expected NAME=value");
    EXPECT_EQ(message("\n\n2A=hunter2"),
              "x.env:3: the name before = may hold letters, digits and _ only, and no digit first");
    EXPECT_EQ(message("A=\"hunter2"), "x.env:1: the quotes of A are not closed at its end");
    EXPECT_EQ(message("A='x' hunter2"), "x.env:1: the quotes of A are not closed at its end");
}

TEST(Environment, later_words_win_and_ours_are_last) {
    const TestFolder folder;
    folder.write("one.env", "FROM_FILE=1\nLEVEL=file\nPORT=1\n");
    folder.write("key", "s3cret\n");
    ServiceSpec spec{.name = "orders", .calls = {"payment-gateway", "nowhere"}, .folder = folder.path()};
    spec.run.env_files = {"one.env"};
    spec.run.env.add({"LEVEL", {}}, "manifest");
    spec.run.secrets.add({"KEY", {}}, "key");
    spec.run.database = "data/deep/orders.db";
    spec.run.version = "7";
    ::chmod((folder.path() + "/key").c_str(), 0644);
    FakeAddresses addresses;
    const auto made = make_environment(spec, {.id = "orders-1", .port = 20001, .run_id = "abc"},
                                       {"PATH=/bin", "LEVEL=inherited", "TRUNKLINE_RUN=outer"}, addresses);
    ASSERT_TRUE(made.has_value()) << made.error().message();
    for (const std::string entry :
         {"PATH=/bin", "FROM_FILE=1", "LEVEL=manifest", "PORT=20001", "HOST=127.0.0.1", "SERVICE=orders",
          "INSTANCE=orders-1", "VERSION=7", "TRUNKLINE_RUN=abc", "KEY=s3cret",
          "PAYMENT_GATEWAY_URL=http://127.0.0.1:1/payment-gateway", "ORDER_DB_ADDRESS=127.0.0.1:5433",
          "ORDER_DB_HOST=127.0.0.1", "ORDER_DB_PORT=5433", "HTTP_PROXY=http://proxy/orders",
          "http_proxy=http://proxy/orders", "NO_PROXY=localhost,127.0.0.1,::1"}) {
        EXPECT_TRUE(has(made->entries, entry)) << entry;
    }
    EXPECT_TRUE(has(made->entries, "DATABASE=" + folder.path() + "/data/deep/orders.db"));
    EXPECT_TRUE(std::filesystem::is_directory(folder.path() + "/data/deep"));
    EXPECT_EQ(count_of(made->entries, "PORT"), 1U);
    EXPECT_EQ(count_of(made->entries, "LEVEL"), 1U);
    EXPECT_EQ(count_of(made->entries, "NOWHERE_URL"), 0U);
    ASSERT_EQ(made->warnings.size(), 1U);
    EXPECT_NE(made->warnings[0].find("chmod 600"), std::string::npos);
}

TEST(Environment, a_missing_file_is_named) {
    ServiceSpec spec{.name = "orders", .folder = "/no/such"};
    spec.run.secrets.add({"KEY", {}}, "key");
    FakeAddresses addresses;
    const auto made = make_environment(spec, {}, {}, addresses);
    ASSERT_FALSE(made.has_value());
    EXPECT_EQ(made.error().message(), "read the secret file /no/such/key: No such file or directory");
}

TEST(Environment, a_changed_secret_changes_the_fingerprint) {
    const TestFolder folder;
    folder.write("key", "one");
    ServiceSpec spec{.name = "orders", .folder = folder.path()};
    spec.run.secrets.add({"KEY", {}}, "key");
    const std::string before = fingerprint_files(spec);
    EXPECT_EQ(fingerprint_files(spec), before);
    folder.write("key", "two");
    EXPECT_NE(fingerprint_files(spec), before);
}

}  // namespace tl::supervisor
