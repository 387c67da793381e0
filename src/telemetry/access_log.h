// Access records as lines: JSON for machines, or one readable line for people. AccessLog collects lines and
// writes them to standard output or to a file that is rotated by size. It belongs to the control core and
// never waits: what its target does not take at once stays in a bounded buffer until the next flush(), and
// lines beyond that are dropped and counted. Not for Trunkline's own log (base/log.h) nor for services'
// output (supervisor/).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/error.h"
#include "telemetry/record.h"

namespace tl::telemetry {

// Both append one line with its end.
void append_json_line(std::string& out, const Record& record, const RecordWords& words);
void append_readable_line(std::string& out, const Record& record, const RecordWords& words, bool colour);

enum class AccessFormat : uint8_t { readable, coloured, json };

struct AccessLogConfig {
    std::string path;  // "": standard output
    AccessFormat format = AccessFormat::json;
    uint64_t rotate_at = 64ULL << 20;  // bytes of the file; one older file is kept beside it, as PATH.1
    size_t buffer = 1U << 20;          // bytes that may wait
};

struct AccessLogStats {
    uint64_t lines = 0;    // accepted
    uint64_t dropped = 0;  // the buffer was full, or the target is broken
    uint64_t errors = 0;   // failed system calls; the first one is also logged
    uint64_t rotations = 0;
};

class AccessLog {
  public:
    // Opens the target; the error says which file and why.
    [[nodiscard]] static base::Result<std::unique_ptr<AccessLog>> open(AccessLogConfig config, RecordWords words);
    ~AccessLog();  // tries once more to write what waits
    AccessLog(const AccessLog&) = delete;
    AccessLog& operator=(const AccessLog&) = delete;

    // Formats, then flushes.
    void write(std::span<const Record> records);
    // Writes what can be written without waiting.
    void flush();

    [[nodiscard]] const AccessLogStats& stats() const { return stats_; }
    [[nodiscard]] size_t waiting() const { return pending_.size() - written_; }

  private:
    AccessLog(AccessLogConfig config, RecordWords words, int fd, bool owned);

    void append(const Record& record);
    [[nodiscard]] std::string_view next_piece() const;
    void rotate_if_large();
    void failed(std::string_view what, int number);

    AccessLogConfig config_;
    RecordWords words_;
    int fd_;
    bool owned_;           // closed at the end
    bool regular_;         // fd_ is a file: takes any size at once
    bool ask_first_;       // fd_ may block: poll it and write small pieces
    uint64_t size_ = 0;    // of the file
    std::string pending_;  // whole lines; the first written_ bytes are out already
    size_t written_ = 0;
    AccessLogStats stats_;
};

}  // namespace tl::telemetry
