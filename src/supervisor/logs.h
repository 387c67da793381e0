// What the services wrote, line by line: the last lines of each service and of each instance, and subscriptions that
// get each new line. Everything is bounded: rings by lines and bytes, subscriptions by lines - one that is read too
// slowly loses lines and is told how many. Owned by the supervisor; control loop only.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "rt/event.h"
#include "rt/list.h"

namespace tl::supervisor {

enum class Stream : uint8_t { out, err, notice };  // notice: said by Trunkline about the instance
[[nodiscard]] std::string_view to_string(Stream stream);

struct LogLine {
    base::WallTime time;
    std::string service;
    std::string instance;
    Stream stream = Stream::out;
    std::string text;  // valid UTF-8 without control characters other than tab and escape sequences' ESC
};
using LogLinePtr = std::shared_ptr<const LogLine>;

class LogRing {
  public:
    static constexpr size_t kMostLines = 500;
    static constexpr size_t kMostBytes = 256 * 1024;

    void push(LogLinePtr line);
    // The newest `most`, oldest first.
    [[nodiscard]] std::vector<LogLinePtr> last(size_t most) const;

  private:
    std::deque<LogLinePtr> lines_;
    size_t bytes_ = 0;
};

class LogStore;

// Made by LogStore::subscribe; must not outlive the store. One reader.
class LogSubscription : public rt::ListNode<LogSubscription> {
  public:
    static constexpr size_t kMostWaiting = 2000;
    static constexpr size_t kMostBytes = size_t{1} << 20;

    // What came since, at least one line. Lines that were lost are told by a notice of an empty service. Errors: those
    // of the wait.
    [[nodiscard]] rt::Task<base::Result<std::vector<LogLinePtr>>> next(rt::Wait wait);

  private:
    friend class LogStore;
    explicit LogSubscription(std::string service) : service_(std::move(service)) {}
    void offer(const LogLinePtr& line);

    std::string service_;  // "": all
    std::vector<LogLinePtr> waiting_;
    size_t bytes_ = 0;
    size_t dropped_ = 0;
    rt::Signal came_;
};

class LogStore {
  public:
    void add(LogLine line);
    [[nodiscard]] std::vector<LogLinePtr> of_service(const std::string& service, size_t most) const;
    [[nodiscard]] std::vector<LogLinePtr> of_instance(const std::string& instance, size_t most) const;
    // New lines of `service`, or of all when it is empty.
    [[nodiscard]] std::unique_ptr<LogSubscription> subscribe(std::string service = {});
    // Everything that is kept, service by service, oldest first: what add() makes the same store of again.
    [[nodiscard]] std::vector<LogLinePtr> all() const;
    void forget_instance(const std::string& instance) { instances_.erase(instance); }
    void forget_service(const std::string& service) { services_.erase(service); }

  private:
    std::map<std::string, LogRing, std::less<>> services_;
    std::map<std::string, LogRing, std::less<>> instances_;
    rt::List<LogSubscription> subscriptions_;
};

// Bytes of a stream to lines. Lines over kMostLine are split; what is not UTF-8 or would disturb a terminal is escaped.
class LineSplitter {
  public:
    static constexpr size_t kMostLine = 16 * 1024;

    // Calls `line` for each complete line in `bytes`.
    template <class Sink>
    void feed(std::string_view bytes, Sink line) {
        while (!bytes.empty()) {
            const size_t end = bytes.find('\n');
            const size_t take = std::min({end, bytes.size(), kMostLine - partial_.size()});
            partial_.append(bytes.substr(0, take));
            bytes.remove_prefix(take);
            if (!bytes.empty() && bytes.front() == '\n') {
                bytes.remove_prefix(1);
                flush(line);
                was_split_ = false;
            } else if (partial_.size() == kMostLine) {
                flush(line);
                was_split_ = true;
            }
        }
    }
    // The end of the stream: a last line without its newline.
    template <class Sink>
    void finish(Sink line) {
        if (!partial_.empty()) flush(line);
    }

    // The part of a line that came so far; for another splitter, which goes on with it.
    [[nodiscard]] const std::string& partial() const { return partial_; }
    void begin_with(std::string partial) { partial_ = std::move(partial); }

  private:
    template <class Sink>
    void flush(Sink& line) {
        // The newline of a line that was cut exactly at its end is no line of its own.
        if (!(partial_.empty() && was_split_)) line(std::string_view{partial_});
        partial_.clear();
    }
    std::string partial_;
    bool was_split_ = false;
};

// Safe to print and to put into JSON: invalid UTF-8 and control bytes as \xNN, but tab and ESC stay.
[[nodiscard]] std::string clean_line(std::string_view bytes);

}  // namespace tl::supervisor
