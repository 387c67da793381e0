#include "app/next_program.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>

#include "base/text.h"
#include "base/units.h"
#include "rt/process.h"

extern char** environ;

namespace tl::app {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kPatience = 10s;
constexpr size_t kMostSaid = 64 * 1024;  // what a pipe holds: one that says more is stuck, and that is an answer too

struct Said {
    std::string out;
    std::string err;
    rt::ExitStatus exit;
};

std::string read_all_of(int fd) {
    std::string text;
    std::array<char, 4096> bytes{};
    for (ssize_t got = 0; text.size() < kMostSaid && (got = ::read(fd, bytes.data(), bytes.size())) > 0;) {
        text.append(bytes.data(), static_cast<size_t>(got));
    }
    if (fd >= 0) ::close(fd);
    return text;
}

std::string first_lines(std::string text) {
    while (text.ends_with('\n')) text.pop_back();
    if (text.size() > 400) text.resize(400);
    return text;
}

rt::Task<base::Result<Said>> run(std::vector<std::string> argv) {
    rt::ProcessSpec spec{.argv = std::move(argv), .capture_stdout = true, .capture_stderr = true};
    for (char** entry = environ; *entry != nullptr; ++entry) spec.env.emplace_back(*entry);
    const std::string command = fmt::format("{} {}", spec.argv[0], spec.argv[1]);
    auto process = rt::Process::spawn(spec);
    if (!process) co_return base::fail(std::move(process.error()));
    const int out = process->take_stdout();
    const int err = process->take_stderr();
    const auto exit = co_await process->wait(rt::this_loop().within(kPatience));
    if (!exit) {
        process->signal(SIGKILL);
        [[maybe_unused]] const auto reaped = co_await process->wait(rt::this_loop().within(kPatience));
    }
    Said said{read_all_of(out), read_all_of(err), exit.value_or(rt::ExitStatus{})};
    if (exit) co_return said;
    co_return base::fail(base::Code::timeout,
                         fmt::format("'{}' did not end within {}", command, base::format_duration(kPatience)));
}

std::string complaint(const std::string& command, const Said& said) {
    const std::string words = first_lines(said.err.empty() ? said.out : said.err);
    return fmt::format("'{}' {}{}{}", command, said.exit.in_words(), words.empty() ? "" : ": ",
                       base::printable(words, 400));
}

}  // namespace

rt::Task<base::Result<std::string>> ask_version(std::string binary) {
    struct stat info{};
    if (::stat(binary.c_str(), &info) != 0) {
        co_return base::fail(base::from_errno(errno, fmt::format("look at {}", binary)));
    }
    if (!S_ISREG(info.st_mode) || ::access(binary.c_str(), X_OK) != 0) {
        co_return base::fail(base::Code::invalid, fmt::format("{} is no program that can be run", binary));
    }
    auto said = co_await run({binary, "--version"});
    if (!said) co_return base::fail(std::move(said.error()));
    if (!said->exit.ok()) co_return base::fail(base::Code::invalid, complaint(binary + " --version", *said));
    constexpr std::string_view kName = "trunkline ";
    if (said->out.starts_with(kName)) co_return first_lines(said->out.substr(kName.size()));
    co_return base::fail(base::Code::invalid, fmt::format("{} is no Trunkline: asked for its version it said \"{}\"",
                                                          binary, base::printable(first_lines(said->out), 100)));
}

rt::Task<base::Result<void>> rehearse(std::string binary, std::string file) {
    auto said = co_await run({binary, "take-over", file});
    if (!said) co_return base::fail(std::move(said.error()));
    if (said->exit.ok() && said->out.starts_with("ready")) co_return base::Result<void>{};
    co_return base::fail(base::Code::invalid, complaint(binary + " take-over", *said));
}

}  // namespace tl::app
