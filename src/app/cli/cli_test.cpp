// The command line as a user types it, against an admin server of this process with a fake system behind it.
#include "app/cli/cli.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "console/admin_server.h"
#include "console/system_testing.h"
#include "rt/core.h"

namespace tl::app {
namespace {

using namespace std::chrono_literals;

UpOptions g_up;
CheckOptions g_check;
int g_schemas = 0;

LocalCommands recording() {
    return {.up =
                [](const UpOptions& options) {
                    g_up = options;
                    return 7;
                },
            .check =
                [](const CheckOptions& options) {
                    g_check = options;
                    return kBadInput;
                },
            .schema =
                [](const SchemaOptions&) {
                    ++g_schemas;
                    return kOk;
                }};
}

struct CloseFile {
    void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

File temporary_file() {
    File file{std::tmpfile()};
    if (file == nullptr) throw std::runtime_error("no temporary file can be made");
    return file;
}

std::string content(std::FILE* file) {
    std::string text;
    EXPECT_EQ(std::fseek(file, 0, SEEK_SET), 0);
    char piece[4096];
    while (const size_t count = std::fread(piece, 1, sizeof piece, file)) text.append(piece, count);
    return text;
}

class CliTest : public testing::Test {
  public:
    CliTest() {
        char name[] = "/tmp/tl-cli-XXXXXX";
        folder = ::mkdtemp(name);
        manifest = folder + "/trunkline.yaml";
        std::ofstream{manifest} << "good";
    }
    ~CliTest() override {
        if (core) {
            in_core([this] { return stop_server(); });
        }
        std::filesystem::remove_all(folder);
    }

    // Runs a command to its end; `out` and `err` are what it printed.
    int run(std::vector<std::string> words, bool colour = false) {
        words.insert(words.begin(), "trunkline");
        std::vector<const char*> argv;
        for (const std::string& word : words) argv.push_back(word.c_str());
        const File printed = temporary_file();
        const File complained = temporary_file();
        const Terminal terminal{.out = printed.get(), .err = complained.get(), .colour = colour};
        const int code = app::run(static_cast<int>(argv.size()), argv.data(), recording(), terminal);
        out = content(printed.get());
        err = content(complained.get());
        return code;
    }
    int run_here(std::vector<std::string> words, bool colour = false) {
        words.insert(words.begin() + 1, {"--manifest", manifest});
        return run(std::move(words), colour);
    }

    // Calls `work` on the server's core and waits for its task.
    template <class Work>
    void in_core(Work work) {
        std::atomic<bool> done = false;
        core->loop().post([&] {
            gate->spawn("test", work(), [&] {
                done = true;
                done.notify_one();
            });
        });
        done.wait(false);
    }
    void start_server() {
        core = std::make_unique<rt::Core>("server");
        gate = std::make_unique<rt::Gate>();
        in_core([this] { return open_server(); });
    }
    rt::Task<void> open_server() {
        server = std::make_unique<console::AdminServer>(system);
        EXPECT_TRUE(server->start({.state_dir = folder + "/.trunkline"}));
        co_return;
    }
    rt::Task<void> stop_server() {
        co_await server->stop(rt::this_loop().now() + 1s);
        server.reset();
    }

    std::string folder, manifest, out, err;
    console::FakeSystem system;  // used on the core; looked at only between commands
    std::unique_ptr<rt::Gate> gate;
    std::unique_ptr<rt::Core> core;
    std::unique_ptr<console::AdminServer> server;
};

TEST_F(CliTest, MistypedNamesGetTheNearest) {
    EXPECT_EQ(run({"statsu"}), kBadInput);
    EXPECT_EQ(err, "trunkline: there is no command \"statsu\"; did you mean \"status\"?\n");
    EXPECT_EQ(run({"status", "--jsn"}), kBadInput);
    EXPECT_NE(err.find("did you mean --json?"), std::string::npos);
    EXPECT_EQ(run({}), kBadInput);
    EXPECT_NE(err.find("a command is missing"), std::string::npos);
    EXPECT_EQ(run({"restart"}), kBadInput);
    EXPECT_EQ(run({"restart", "a", "b"}), kBadInput);
    EXPECT_EQ(run({"logs", "--tail", "many"}), kBadInput);
    EXPECT_EQ(run({"status", "--color", "pink"}), kBadInput);
    EXPECT_EQ(run_here({"status", "--every", "1ms"}), kBadInput);
    EXPECT_EQ(out, "");
}

TEST_F(CliTest, HelpOfEveryCommandEndsWithAnExample) {
    ASSERT_EQ(run({"--help"}), kOk);
    for (const char* name : {"up", "status", "services", "routes", "logs", "why", "restart", "check", "schema", "plan",
                             "apply", "stop", "version"}) {
        EXPECT_NE(out.find(name), std::string::npos) << name;
    }
    for (const char* name : {"up", "status", "services", "routes", "logs", "why", "restart", "check", "schema", "plan",
                             "apply", "stop", "version"}) {
        EXPECT_EQ(run({name, "--help"}), kOk);
        const size_t example = out.find("\nExample:\n");
        ASSERT_NE(example, std::string::npos) << name;
        EXPECT_NE(out.find(std::string{"trunkline "} + name, example), std::string::npos) << name;
        EXPECT_NE(out.find("--json"), std::string::npos) << name;
    }
}

TEST_F(CliTest, LocalCommandsGetTheirOptions) {
    EXPECT_EQ(run_here({"up", "--json", "--color", "always"}), 7);
    EXPECT_EQ(g_up.project.manifest, manifest);
    EXPECT_EQ(g_up.project.state_dir, folder + "/.trunkline");
    EXPECT_TRUE(g_up.json);
    EXPECT_TRUE(g_up.colour);
    EXPECT_EQ(run_here({"check", "--defaults"}), kBadInput);
    EXPECT_TRUE(g_check.defaults);
    EXPECT_FALSE(g_check.colour);
    EXPECT_EQ(run({"schema"}), kOk);
    EXPECT_EQ(g_schemas, 1);
    EXPECT_EQ(run({"version"}), kOk);
    EXPECT_TRUE(out.starts_with("trunkline ") && out.find('.') != std::string::npos) << out;
}

TEST_F(CliTest, TheManifestIsFoundInTheNearestFolderAbove) {
    std::filesystem::create_directories(folder + "/a/b");
    const auto found = find_project("", folder + "/a/b");
    ASSERT_TRUE(found);
    EXPECT_EQ(found->manifest, manifest);
    EXPECT_FALSE(find_project("none.yaml", folder));
    EXPECT_FALSE(find_project(folder, "/"));
    EXPECT_EQ(find_project("../trunkline.yaml", folder + "/a")->manifest, manifest);
    EXPECT_EQ(run({"check", "--manifest", folder + "/none.yaml"}), kBadInput);
    EXPECT_NE(err.find("there is no manifest"), std::string::npos);
}

TEST_F(CliTest, WithoutATrunklineTheCodeIsThree) {
    for (const char* name : {"status", "services", "routes", "logs", "plan", "apply", "stop"}) {
        EXPECT_EQ(run_here({name}), kNotRunning) << name;
        EXPECT_EQ(err, "trunkline: no Trunkline runs for " + manifest + "; start it with 'trunkline up'\n");
    }
    EXPECT_EQ(run_here({"status", "--json"}), kNotRunning);
    EXPECT_EQ(console::Json::parse(out)["cause"], "not_running");
    std::filesystem::create_directories(folder + "/.trunkline");
    const auto fd = net::open_listener(*net::Address::unix_path(folder + "/.trunkline/admin.sock"), {});
    ::close(*fd);
    EXPECT_EQ(run_here({"why", "4bf9"}), kNotRunning) << "a socket that nobody listens on";
}

TEST_F(CliTest, PrintsTablesOrJson) {
    start_server();
    EXPECT_EQ(run_here({"status"}), kOk);
    EXPECT_NE(out.find("orders    healthy"), std::string::npos) << out;
    EXPECT_EQ(out.find('\x1b'), std::string::npos);
    EXPECT_EQ(run_here({"status", "--color", "always"}), kOk);
    EXPECT_NE(out.find("\x1b[32mhealthy"), std::string::npos);
    EXPECT_EQ(run_here({"status", "--json"}), kOk);
    EXPECT_EQ(console::Json::parse(out)["revision"], 3);
    EXPECT_EQ(run_here({"services", "payments"}), kOk);
    EXPECT_TRUE(out.starts_with("payments  context ordering")) << out;
    EXPECT_EQ(run_here({"services", "--json", "payments"}), kOk);
    EXPECT_EQ(console::Json::parse(out)["services"].size(), 1U);
    EXPECT_EQ(run_here({"services", "paymets"}), kFailed);
    EXPECT_EQ(err, "trunkline: there is no service \"paymets\"; did you mean \"payments\"?\n");
    EXPECT_EQ(run_here({"routes"}), kOk);
    EXPECT_NE(out.find("/api/orders/*"), std::string::npos);
    EXPECT_EQ(run_here({"why", "4bf92f35"}), kOk);
    EXPECT_EQ(out, "trace 4bf9\n");
    EXPECT_EQ(run_here({"why", "4bf92f35"}, true), kOk);
    EXPECT_EQ(out, "\x1b[1mtrace\x1b[0m 4bf9\n");
    EXPECT_EQ(run_here({"why", "--json", "4bf92f35"}), kOk);
    EXPECT_EQ(out, "{\"trace\":\"4bf9\"}\n");
    EXPECT_EQ(run_here({"why", "deaddead"}), kFailed);
    EXPECT_EQ(err, "trunkline: no record of the trace dead is left\n");
}

TEST_F(CliTest, PlansAppliesAndRestarts) {
    start_server();
    EXPECT_EQ(run_here({"plan"}), kOk);
    EXPECT_NE(out.find("~  scale   service  orders  replicas 1 -> 2"), std::string::npos) << out;
    EXPECT_EQ(run_here({"apply"}), kOk);
    EXPECT_NE(out.find("orders: 1 more instance\napplied\n"), std::string::npos) << out;
    EXPECT_EQ(system.asked.back(), "apply " + manifest);
    std::ofstream{manifest} << "bad";
    for (const char* name : {"plan", "apply"}) {
        EXPECT_EQ(run_here({name}), kBadInput) << name;
        EXPECT_EQ(err, "trunkline.yaml:1:1: error: no key \"bad\"\ntrunkline: the manifest has 1 mistake\n");
        EXPECT_EQ(run_here({name, "--json"}), kBadInput) << name;
        EXPECT_EQ(console::Json::parse(out)["diagnostics"]["errors"], 1);
    }
    std::ofstream{manifest} << "late failure";
    EXPECT_EQ(run_here({"apply"}), kFailed);
    EXPECT_EQ(err, "trunkline: orders never got healthy\n");
    EXPECT_EQ(run_here({"restart", "orders"}), kOk);
    EXPECT_EQ(out, "orders-1 is replaced by orders-2\norders is restarted\n");
    EXPECT_EQ(run_here({"restart", "ordres"}), kFailed);
    EXPECT_EQ(err, "trunkline: there is no service \"ordres\"; did you mean \"orders\"?\n");
    EXPECT_EQ(run_here({"restart", "payments"}), kFailed);
    EXPECT_EQ(err, "trunkline: payments is run by others\n");
}

TEST_F(CliTest, LogsEndWithoutFollow) {
    system.kept = {{.service = "orders", .instance = "orders-1", .stream = "stdout", .text = "one"},
                   {.service = "orders", .instance = "orders-1", .stream = "stderr", .text = "two"}};
    start_server();
    EXPECT_EQ(run_here({"logs", "orders"}), kOk);
    EXPECT_NE(out.find("orders-1 | one\n"), std::string::npos) << out;
    EXPECT_NE(out.find("orders-1 ! two\n"), std::string::npos) << out;
    EXPECT_EQ(run_here({"logs", "--tail", "1", "--json"}), kOk);
    EXPECT_EQ(console::Json::parse(out)["text"], "two");
    EXPECT_EQ(run_here({"logs", "ordesr"}), kFailed);
}

// In a child, so that the signal meets a process that has nothing but the command. Its first output comes after it has
// taken the signals over.
TEST_F(CliTest, CtrlCEndsFollowedLogsAndLiveStatusWithZero) {
    system.kept = {{.service = "orders", .text = "one"}};
    start_server();
    for (const char* name : {"logs", "status"}) {
        const File printed = temporary_file();
        const File complained = temporary_file();
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            const Terminal terminal{.out = printed.get(), .err = complained.get(), .interactive = true};
            const char* logs[] = {"trunkline", "logs", "-f", "--manifest", manifest.c_str()};
            const char* status[] = {"trunkline", "status", "--manifest", manifest.c_str()};
            const bool is_logs = std::string_view{name} == "logs";
            ::_exit(app::run(is_logs ? 5 : 4, is_logs ? logs : status, recording(), terminal));
        }
        struct stat info{};
        for (int i = 0; i < 1000 && info.st_size == 0; ++i) {
            std::this_thread::sleep_for(10ms);
            ::fstat(::fileno(printed.get()), &info);
        }
        EXPECT_GT(info.st_size, 0) << name;
        std::this_thread::sleep_for(100ms);
        ASSERT_EQ(::waitpid(child, nullptr, WNOHANG), 0) << name << " must go on until Ctrl-C";
        ::kill(child, SIGINT);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == kOk) << name << " " << status;
    }
}

TEST_F(CliTest, StopWaitsForTheProcessToEnd) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        for (;;) ::pause();
    }
    system.view.pid = child;
    start_server();
    EXPECT_EQ(run_here({"stop", "--timeout", "100ms"}), kFailed) << "it was told, but has not ended";
    EXPECT_EQ(system.stops, 1);
    std::thread end{[child] {
        std::this_thread::sleep_for(100ms);
        ::kill(child, SIGKILL);
    }};
    EXPECT_EQ(run_here({"stop"}), kOk);
    EXPECT_NE(out.find("stopped\n"), std::string::npos);
    end.join();
    ::waitpid(child, nullptr, 0);
}

}  // namespace
}  // namespace tl::app
