// One connection to a Redis: commands in a batch, their replies in order. Control core; owned by whoever talks through
// it, one exchange at a time. An error closes it: what was asked may or may not have been done.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/error.h"
#include "codec/resp.h"
#include "gateway/policies/redis_config.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "rt/task.h"

namespace tl::gateway {

class RedisClient {
  public:
    // `folder` is the manifest's. stop() must have ended before it dies.
    RedisClient(RedisConfig config, std::string folder) : config_(std::move(config)), folder_(std::move(folder)) {}

    // Connects, says who we are, chooses the database. Reads the password anew each time. Errors never name it.
    [[nodiscard]] rt::Task<base::Result<void>> open(rt::Wait wait);
    [[nodiscard]] bool is_open() const { return stream_ != nullptr; }
    void close();
    [[nodiscard]] rt::Task<void> stop();

    // `commands` are `count` whole ones (codec::append_command). Replies that are errors are replies.
    [[nodiscard]] rt::Task<base::Result<std::vector<codec::RespReply>>> exchange(std::string commands, size_t count,
                                                                                 rt::Wait wait);
    // One command; a reply that is an error is an error.
    [[nodiscard]] rt::Task<base::Result<codec::RespReply>> ask(std::vector<std::string> words, rt::Wait wait);

    [[nodiscard]] const RedisConfig& config() const { return config_; }

  private:
    [[nodiscard]] base::Result<std::string> read_password() const;
    [[nodiscard]] rt::Task<base::Result<std::unique_ptr<net::Stream>>> connect(const RedisPlace& place, rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<void>> greet(rt::Wait wait);
    [[nodiscard]] rt::Task<base::Result<codec::RespReply>> read_reply(rt::Wait wait);

    RedisConfig config_;
    std::string folder_;
    net::Resolver resolver_;
    std::unique_ptr<net::Stream> stream_;
    std::string unread_;  // at most one read and one reply
};

}  // namespace tl::gateway
