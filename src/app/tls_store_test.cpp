// Certificates of a system: what check says of them, what is made of them, and what happens when files change.
#include "app/tls_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "app/local_authority.h"
#include "app/target.h"
#include "app/tls_files.h"
#include "net/issuer.h"

namespace tl::app {

using namespace std::chrono_literals;

namespace {

constexpr auto kDay = 24h;

class TlsFiles : public testing::Test {
  protected:
    TlsFiles() {
        folder_ = std::filesystem::temp_directory_path() / fmt::format("tl_tls_test.{}", ::getpid());
        std::filesystem::create_directories(folder_);
        const base::WallTime now = base::wall_now();
        root_ = net::make_authority("root", {now - kDay, now + 30 * kDay}).value();
        put("ca.pem", root_.certificate);
        sign("good", {"good.example"}, 20);
    }
    ~TlsFiles() override { std::filesystem::remove_all(folder_); }

    void put(const std::string& name, std::string_view text) { ASSERT_TRUE(write_file(folder_ / name, text, 0600)); }
    void sign(const std::string& name, const std::vector<std::string>& names, int days) {
        const base::WallTime now = base::wall_now();
        const auto issued = net::issue_certificate(root_, names, {now - 5 * kDay, now + days * kDay}).value();
        put(name + ".pem", issued.certificate);
        put(name + ".key", issued.key);
    }
    [[nodiscard]] LoadedManifest manifest(std::string_view gateway, std::string_view service = "") const {
        return read_manifest(fmt::format("system: test\ngateway:\n{}contexts:\n  all:\n    there:\n{}", gateway,
                                         service.empty() ? "      address: \"127.0.0.1:9000\"\n" : service),
                             folder_ / "trunkline.yaml");
    }

    std::filesystem::path folder_;
    net::IssuedCertificate root_;
};

}  // namespace

TEST_F(TlsFiles, check_names_each_mistake_at_its_place) {
    sign("other", {"other.example"}, 20);
    sign("late", {"late.example"}, -1);
    sign("soon", {"soon.example"}, 3);
    put("empty.pem", "");
    struct Case {
        const char* gateway;
        const char* said;
        bool good = false;
    };
    const Case cases[] = {
        {"  tls: { cert: good.pem, key: good.key }\n", "", true},
        {"  tls: local\n", "", true},
        {"  tls: { cert: good.pem, key: other.key }\n",
         ":3:31: error: other.key: the key does not belong to the certificate (CN=good.example)"},
        {"  tls: { cert: good.pem }\n", ":3:16: error: good.pem: there is no private key in PEM form; put its key"},
        {"  tls: { cert: none.pem, key: good.key }\n", ":3:16: error: there is no file none.pem; paths are relative"},
        {"  tls: { cert: empty.pem, key: good.key }\n", ":3:16: error: empty.pem: there is no certificate in PEM form"},
        {"  tls: { cert: late.pem, key: late.key }\n",
         ":3:16: warning: late.pem: the certificate (CN=late.example) expired on 20", true},
        {"  tls: { cert: soon.pem, key: soon.key }\n",
         ":3:16: warning: soon.pem: the certificate (CN=soon.example) expires in ", true},
        {"  tls: { key: good.key }\n", "error: a key without a certificate"},
        {"  tls: {}\n", "error: TLS needs a certificate"},
        {"  tls: { cert: good.pem, key: good.key, client_auth: { ca: good.key } }\n",
         "error: good.key: there is no certificate in PEM form"},
        {"  listen: \"https://8443\"\n", "error: https://127.0.0.1:8443 needs a certificate; add \"tls: local\""},
        {"  listen: \"http://8443\"\n  tls: local\n", "error: no listener speaks TLS"},
        {"  tls: { issuer: local, redirect: true }\n", "error: \"redirect\" has no effect"},
        {"  listen: [8443, \"http://8080\"]\n  tls: { issuer: local, redirect: true }\n", "", true},
    };
    for (const Case& one : cases) {
        const LoadedManifest loaded = manifest(one.gateway);
        const std::string text = loaded.diagnostics.to_text();
        EXPECT_EQ(loaded.good(), one.good) << one.gateway << text;
        EXPECT_NE(text.find(one.said), std::string::npos) << one.gateway << text;
        if (one.good && std::string_view{one.said}.empty()) EXPECT_EQ(text, "") << one.gateway;
    }
}

TEST_F(TlsFiles, check_holds_a_services_words_against_each_other) {
    struct Case {
        const char* service;
        const char* said;
    };
    const Case cases[] = {
        {"      address: \"https://a.example\"\n", ""},
        {"      address: [\"https://a.example\", \"https://b.example:8443\"]\n      tls: { ca: ca.pem }\n", ""},
        {"      address: \"127.0.0.1:1\"\n      tls: { ca: ca.pem, name: a.example, cert: good.pem, key: good.key }\n",
         ""},
        {"      address: \"127.0.0.1:1\"\n      tls: { ca: none.pem }\n", "there is no file none.pem"},
        {"      address: [\"https://a.example\", \"127.0.0.1:1\"]\n",
         "127.0.0.1:1 does not speak TLS, but the service does"},
        {"      address: \"http://127.0.0.1:1\"\n      tls: {}\n", "http://127.0.0.1:1 does not speak TLS"},
        {"      run: x\n      tls: {}\n", "is run here, so \"tls\" has no effect"},
        {"      address: \"https://a.example:99999\"\n", "must be HOST:PORT"},
        {"      address: \"ftp://a.example\"\n", "must be HOST:PORT"},
        {"      address: a.example\n", "must be HOST:PORT"},
    };
    for (const Case& one : cases) {
        const LoadedManifest loaded = manifest("  listen: 8080\n", one.service);
        const std::string text = loaded.diagnostics.to_text();
        EXPECT_EQ(loaded.good(), std::string_view{one.said}.empty()) << one.service << text;
        EXPECT_NE(text.find(one.said), std::string::npos) << one.service << text;
    }
}

TEST(Target, a_target_is_a_host_and_a_port) {
    const auto shown = [](std::string_view text) {
        const auto target = parse_target(text);
        return target ? fmt::format("{} {} {}", target->host, target->port, target->https ? "https" : "plain") : "bad";
    };
    EXPECT_EQ(shown("10.0.0.1:80"), "10.0.0.1 80 plain");
    EXPECT_EQ(shown("http://a.example:80"), "a.example 80 plain");
    EXPECT_EQ(shown("https://a.example"), "a.example 443 https");
    EXPECT_EQ(shown("https://[::1]:8443"), "::1 8443 https");
    EXPECT_EQ(shown("https://[::1]"), "::1 443 https");
    for (const char* bad : {"", "a", ":80", "a:0", "a:x", "https://", "https://a/b", "a b:80", "http://a"})
        EXPECT_EQ(shown(bad), "bad") << bad;
}

TEST_F(TlsFiles, what_has_not_changed_is_kept_and_a_changed_file_is_taken_over) {
    TlsStore store{folder_};
    const LoadedManifest loaded = manifest("  tls: { cert: good.pem, key: good.key }\n");
    ASSERT_TRUE(loaded.good()) << loaded.diagnostics.to_text();
    const auto first = store.load(loaded);
    ASSERT_TRUE(first && first->server != nullptr);
    EXPECT_EQ(store.load(loaded)->server, first->server);
    EXPECT_FALSE(store.refresh(base::wall_now()));

    // The key comes later than its certificate: until then nothing changes, and it is told.
    const std::string old_key = read_pem(folder_ / "good.key").value();
    sign("good", {"good.example", "more.example"}, 10);
    const std::string new_key = read_pem(folder_ / "good.key").value();
    put("good.key", old_key);
    EXPECT_FALSE(store.refresh(base::wall_now()));
    EXPECT_EQ(store.current().server, first->server);
    EXPECT_NE(store.certificates().at(0).problem.find("good.key: the key does not belong"), std::string::npos);
    put("good.key", new_key);
    EXPECT_TRUE(store.refresh(base::wall_now()));
    EXPECT_NE(store.current().server, first->server);
    EXPECT_EQ(store.certificates().at(0).problem, "");
    EXPECT_EQ(store.certificates().at(0).facts.names.size(), 2U);
    EXPECT_FALSE(store.refresh(base::wall_now()));

    EXPECT_EQ(store.load(manifest("  listen: 8080\n"))->server, nullptr);
    EXPECT_TRUE(store.certificates().empty());
}

TEST_F(TlsFiles, a_manifest_whose_files_cannot_be_used_leaves_what_runs) {
    TlsStore store{folder_};
    const LoadedManifest good = manifest("  tls: { cert: good.pem, key: good.key }\n");
    const auto first = store.load(good);
    ASSERT_TRUE(first.has_value());
    const LoadedManifest gone = manifest("  tls: { cert: none.pem, key: good.key }\n");
    const auto refused = store.load(gone);
    ASSERT_FALSE(refused.has_value());
    EXPECT_NE(refused.error().message().find("there is no file"), std::string::npos);
    EXPECT_EQ(store.current().server, first->server);
}

TEST_F(TlsFiles, the_local_authority_stays_and_its_certificate_is_renewed) {
    const LocalFiles files = local_files(folder_);
    const base::WallTime now = base::wall_now();
    const std::vector<std::string> names{"localhost", "127.0.0.1"};
    ASSERT_TRUE(prepare_local(files, names, now));
    const auto text = [](const std::string& path) { return read_pem(path).value_or(""); };
    const std::string authority = text(files.authority());
    const std::string leaf = text(files.leaf());
    EXPECT_FALSE(authority.empty());
    ASSERT_TRUE(prepare_local(files, names, now + 59 * kDay));
    EXPECT_EQ(text(files.leaf()), leaf);
    ASSERT_TRUE(prepare_local(files, names, now + 61 * kDay));
    const std::string renewed = text(files.leaf());
    EXPECT_NE(renewed, leaf);
    ASSERT_TRUE(prepare_local(files, {"localhost", "other.example"}, now + 61 * kDay));
    EXPECT_NE(text(files.leaf()), renewed);
    EXPECT_EQ(text(files.authority()), authority);
    for (const std::string& key : {files.authority_key(), files.leaf_key()}) {
        EXPECT_EQ(std::filesystem::status(key).permissions(),
                  std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    }
    // A broken authority is not replaced behind the back of those who trust it.
    ASSERT_TRUE(write_file(files.authority_key(), "broken", 0600));
    const auto broken = prepare_local(files, names, now);
    ASSERT_FALSE(broken.has_value());
    EXPECT_NE(broken.error().context.find("remove "), std::string::npos) << broken.error().context;
}

}  // namespace tl::app
