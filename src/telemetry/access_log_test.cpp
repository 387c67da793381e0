#include "telemetry/access_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "telemetry/record_text.h"
#include "telemetry/test_support.h"

namespace tl::telemetry {

using namespace std::chrono_literals;

namespace {

class Folder {
  public:
    Folder() {
        std::string name = (std::filesystem::temp_directory_path() / "tl_access_XXXXXX").string();
        path_ = ::mkdtemp(name.data());
    }
    ~Folder() { std::filesystem::remove_all(path_); }
    Folder(const Folder&) = delete;
    [[nodiscard]] std::string file(const char* name) const { return (path_ / name).string(); }

  private:
    std::filesystem::path path_;
};

std::vector<std::string> lines_of(const std::string& path) {
    std::ifstream in(path);
    std::vector<std::string> lines;
    for (std::string line; std::getline(in, line);) lines.push_back(line);
    return lines;
}

Record full_record(NameTable& names) {
    Record record = test::hop(0xabc, 0xdef, 0, 12);
    record.status = 503;
    record.cause = 2;
    record.route = names.intern("orders-api");
    record.service = names.intern("orders");
    record.add_attempt(names.intern("orders-1"), 0ms, 1ms, 1);
    record.add_attempt(names.intern("orders-2"), 1ms, 11ms, 0);
    record.request_id.set("req-\"7\"");
    record.first_byte_ns = 11'500'000;
    record.bytes_in = 3;
    record.bytes_out = 4;
    record.set(Record::kPanic);
    return record;
}

// Makes a pipe standard output for as long as it lives.
class StdoutPipe {
  public:
    StdoutPipe() : saved_(::dup(STDOUT_FILENO)) {
        std::fflush(stdout);
        if (::pipe(ends_) != 0) std::abort();
        ::dup2(ends_[1], STDOUT_FILENO);
    }
    ~StdoutPipe() {
        ::dup2(saved_, STDOUT_FILENO);
        for (const int fd : {saved_, ends_[0], ends_[1]}) ::close(fd);
    }
    StdoutPipe(const StdoutPipe&) = delete;
    std::string read_all() {
        ::fcntl(ends_[0], F_SETFL, O_NONBLOCK);
        std::string out;
        char bytes[65536];
        for (ssize_t got = 0; (got = ::read(ends_[0], bytes, sizeof bytes)) > 0;) {
            out.append(bytes, static_cast<size_t>(got));
        }
        return out;
    }

  private:
    int saved_;
    int ends_[2] = {-1, -1};
};

}  // namespace

TEST(AccessLine, json_holds_all_that_the_record_says) {
    NameTable names;
    std::string line;
    append_json_line(line, full_record(names), test::words(names));
    ASSERT_EQ(line.back(), '\n');
    EXPECT_EQ(line.find('\n'), line.size() - 1);
    const auto json = nlohmann::json::parse(line);
    EXPECT_EQ(json["time"], "2023-11-14T22:13:20.000Z");
    EXPECT_EQ(json["trace"], "4bf92f3577b34da6a3ce929d0e0e4736");
    EXPECT_EQ(json["span"], "0000000000000abc");
    EXPECT_EQ(json["parent"], "0000000000000def");
    EXPECT_EQ(json["status"], 503);
    EXPECT_EQ(json["duration_ms"], 12.0);
    EXPECT_EQ(json["first_byte_ms"], 11.5);
    EXPECT_EQ(json["instance"], "orders-2");
    EXPECT_EQ(json["request_id"], "req-\"7\"");
    EXPECT_EQ(json["cause"], "upstream_timeout");
    EXPECT_EQ(json["attempts"], 2);
    EXPECT_EQ(json["tried"][0]["instance"], "orders-1");
    EXPECT_EQ(json["tried"][0]["outcome"], "connect failed");
    EXPECT_EQ(json["tried"][1]["start_ms"], 1.0);
    EXPECT_EQ(json["flags"], nlohmann::json({"retried", "panic"}));
    EXPECT_FALSE(json.contains("caller"));
}

TEST(AccessLine, json_is_valid_whatever_the_path_holds) {
    NameTable names;
    Record record = test::hop(1, 0, 0, 1);
    std::string bytes;
    for (int i = 0; i < 256; ++i) bytes += static_cast<char>(i);
    for (const std::string& path : {bytes.substr(0, 96), bytes.substr(96, 96), bytes.substr(160), std::string{"/\xe4"},
                                    std::string{"/\xed\xa0\x80"}, std::string{"/\xf0\x9f\x98\x80"},
                                    std::string{"/\xc0\xaf"}, std::string{"/\xf4\x90\x80\x80"}}) {
        record.path.set(path);
        std::string line;
        append_json_line(line, record, test::words(names));
        EXPECT_EQ(line.find('\n'), line.size() - 1);
        EXPECT_NO_THROW((void)nlohmann::json::parse(line)) << line;
    }
    record.path.set("/\xf0\x9f\x98\x80");
    std::string line;
    append_json_line(line, record, test::words(names));
    EXPECT_EQ(nlohmann::json::parse(line)["path"], "/\xf0\x9f\x98\x80");
}

TEST(AccessLine, readable_says_the_essentials_in_one_line) {
    NameTable names;
    std::string line;
    append_readable_line(line, full_record(names), test::words(names), false);
    EXPECT_EQ(line,
              "22:13:20.000 503 GET    /x  orders-api -> orders-2  12.0ms  2 attempts  upstream_timeout  "
              "(sent although no instance was healthy)  4bf92f35\n");
}

TEST(AccessLine, readable_cannot_move_the_terminal) {
    NameTable names;
    Record record = test::hop(1, 0, 0, 1);
    record.status = 0;
    record.path.set("/\033[2J\xc2\x9b\n");
    std::string line;
    append_readable_line(line, record, test::words(names), false);
    EXPECT_EQ(line, "22:13:20.000 --- GET    /\\x1b[2J\\xc2\\x9b\\x0a  -  1.00ms  4bf92f35\n");
    line.clear();
    append_readable_line(line, record, test::words(names), true);
    EXPECT_TRUE(line.contains("\033[31m---\033[0m")) << line;
}

TEST(AccessLine, durations_keep_three_digits) {
    EXPECT_EQ(short_duration(420us), "0.42ms");
    EXPECT_EQ(short_duration(9999us), "10.0ms");
    EXPECT_EQ(short_duration(99'960us), "100ms");
    EXPECT_EQ(short_duration(999'600us), "1.00s");
    EXPECT_EQ(short_duration(75s), "75.0s");
    EXPECT_EQ(short_duration(1000s), "1000s");
}

TEST(AccessLog, writes_whole_lines_to_a_file_and_appends) {
    Folder folder;
    NameTable names;
    const std::vector<Record> records(1000, test::hop(1, 0, 0, 1));
    for (int round = 0; round < 2; ++round) {
        auto log = AccessLog::open({.path = folder.file("access.log")}, test::words(names));
        ASSERT_TRUE(log);
        (*log)->write(records);
        EXPECT_EQ((*log)->stats().lines, 1000U);
        EXPECT_EQ((*log)->waiting(), 0U);
    }
    EXPECT_EQ(lines_of(folder.file("access.log")).size(), 2000U);
}

TEST(AccessLog, keeps_one_old_file_and_cuts_no_line) {
    Folder folder;
    NameTable names;
    auto log = AccessLog::open({.path = folder.file("a"), .rotate_at = 10'000}, test::words(names));
    ASSERT_TRUE(log);
    for (int i = 0; i < 300; ++i) {
        const Record record = test::hop(static_cast<SpanId>(i) + 1, 0, 0, 1);
        (*log)->write({&record, 1});
    }
    EXPECT_GE((*log)->stats().rotations, 3U);
    EXPECT_LE(std::filesystem::file_size(folder.file("a.1")), 10'500U);
    const auto old = lines_of(folder.file("a.1"));
    const auto now = lines_of(folder.file("a"));
    EXPECT_FALSE(std::filesystem::exists(folder.file("a.2")));
    // The two files hold the last records, one after the other.
    uint64_t span = 300 - old.size() - now.size();
    for (const auto* lines : {&old, &now}) {
        for (const std::string& line : *lines) {
            ++span;
            EXPECT_EQ(std::stoull(nlohmann::json::parse(line)["span"].get<std::string>(), nullptr, 16), span);
        }
    }
}

TEST(AccessLog, a_target_that_cannot_be_opened_is_named) {
    NameTable names;
    const auto log = AccessLog::open({.path = "/nowhere/access.log"}, test::words(names));
    ASSERT_FALSE(log);
    EXPECT_TRUE(log.error().message().contains("/nowhere/access.log")) << log.error().message();
}

TEST(AccessLog, a_full_disk_is_counted_and_does_not_stop_anything) {
    NameTable names;
    auto log = AccessLog::open({.path = "/dev/full", .rotate_at = 0, .buffer = 2000}, test::words(names));
    ASSERT_TRUE(log);
    testing::internal::CaptureStderr();
    const std::vector<Record> records(600, test::hop(1, 0, 0, 1));
    (*log)->write(records);
    (*log)->write(records);
    const std::string said = testing::internal::GetCapturedStderr();
    EXPECT_GT((*log)->stats().errors, 1U);
    EXPECT_GT((*log)->stats().dropped, 1000U);
    EXPECT_LE((*log)->waiting(), 3000U);
    EXPECT_EQ(said.find("access log"), said.rfind("access log")) << "said more than once: " << said;
    EXPECT_TRUE(said.contains("/dev/full")) << said;
}

TEST(AccessLog, a_reader_that_stops_reading_does_not_block_and_gets_whole_lines_later) {
    NameTable names;
    const std::vector<Record> records(2000, test::hop(1, 0, 0, 1));
    StdoutPipe pipe;
    std::string got;
    AccessLogStats stats;
    {
        auto log = AccessLog::open({.buffer = 100'000}, test::words(names));
        ASSERT_TRUE(log);
        (*log)->write(records);  // some 500 KB into a pipe of 64 KB
        EXPECT_GT((*log)->waiting(), 0U);
        for (int i = 0; i < 10; ++i) {
            got += pipe.read_all();
            (*log)->flush();
        }
        stats = (*log)->stats();
        EXPECT_EQ((*log)->waiting(), 0U);
    }
    got += pipe.read_all();
    std::istringstream in(got);
    size_t lines = 0;
    for (std::string line; std::getline(in, line); ++lines) {
        EXPECT_NO_THROW((void)nlohmann::json::parse(line)) << line;
    }
    EXPECT_EQ(lines, stats.lines);
    EXPECT_GT(stats.dropped, 0U);
    EXPECT_EQ(stats.lines + stats.dropped, 2000U);
}

}  // namespace tl::telemetry
