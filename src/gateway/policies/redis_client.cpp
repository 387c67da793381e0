#include "gateway/policies/redis_client.h"

#include <fmt/format.h>

#include <array>
#include <filesystem>
#include <fstream>

#include "base/text.h"
#include "net/tls.h"
#include "storage/whole_file.h"

namespace tl::gateway {

namespace {

constexpr size_t kMostPassword = 4096;
constexpr size_t kMostCa = 512 << 10;
constexpr size_t kMostUnread = 256 * 1024;

}  // namespace

void RedisClient::close() {
    stream_.reset();
    unread_.clear();
}

rt::Task<void> RedisClient::stop() {
    close();
    co_await resolver_.stop();
}

base::Result<std::string> RedisClient::read_password() const {
    const auto path = std::filesystem::path{folder_} / config_.password_file;
    std::ifstream file{path};
    std::string password;
    if (!std::getline(file, password) || password.empty() || password.size() > kMostPassword) {
        return base::fail(base::Code::not_found, fmt::format("no password is in {}", path.string()));
    }
    if (password.ends_with('\r')) password.pop_back();
    return password;
}

rt::Task<base::Result<void>> RedisClient::open(rt::Wait wait) {
    close();
    const auto place = parse_redis_address(config_.address);
    if (!place) co_return base::fail(base::Code::invalid, config_.address + " " + place.error());
    auto stream = co_await connect(*place, wait);
    if (!stream) co_return base::fail(std::move(stream.error()));
    stream_ = std::move(*stream);
    auto greeted = co_await greet(wait);
    if (!greeted) close();
    co_return greeted;
}

rt::Task<base::Result<std::unique_ptr<net::Stream>>> RedisClient::connect(const RedisPlace& place, rt::Wait wait) {
    const auto found = co_await resolver_.resolve(place.host, place.port, wait);
    if (!found) co_return base::fail(found.error());
    auto stream = co_await net::connect(found->front(), wait);
    if (!stream || !place.tls) co_return stream;
    net::TlsClientOptions options{.ca = {}, .name = place.host, .credential = nullptr, .alpn = {}};
    if (!config_.ca.empty()) {
        auto ca = storage::read_file((std::filesystem::path{folder_} / config_.ca).string(), kMostCa);
        if (!ca) co_return base::fail(std::move(ca.error()));
        options.ca = std::move(*ca);
    }
    auto client = net::TlsClient::make(std::move(options));
    if (!client) co_return base::fail(std::move(client.error()));
    co_return co_await net::tls_connect(std::move(*stream), std::move(*client), place.host, nullptr, wait);
}

rt::Task<base::Result<void>> RedisClient::greet(rt::Wait wait) {
    if (!config_.password_file.empty()) {
        auto password = read_password();
        if (!password) co_return base::fail(std::move(password.error()));
        std::vector<std::string> words{"AUTH"};
        if (!config_.user.empty()) words.push_back(config_.user);
        words.push_back(std::move(*password));
        const auto reply = co_await ask(std::move(words), wait);
        if (!reply) co_return base::fail(reply.error());
    }
    if (config_.database != 0) {
        const auto reply = co_await ask({"SELECT", fmt::to_string(config_.database)}, wait);
        if (!reply) co_return base::fail(reply.error());
    }
    co_return base::Result<void>{};
}

rt::Task<base::Result<codec::RespReply>> RedisClient::read_reply(rt::Wait wait) {
    for (;;) {
        auto parsed = codec::parse_resp(unread_);
        if (parsed.state == codec::RespState::complete) {
            unread_.erase(0, parsed.consumed);
            co_return std::move(parsed.reply);
        }
        if (parsed.state == codec::RespState::bad || unread_.size() > kMostUnread) {
            co_return base::fail(base::Code::invalid, "what Redis says is no RESP2");
        }
        std::array<char, 16384> bytes;
        const auto got = co_await stream_->read_some(bytes, wait);
        if (!got) co_return base::fail(got.error());
        if (*got == 0) co_return base::fail(base::Code::closed, "Redis has closed the connection");
        unread_.append(bytes.data(), *got);
    }
}

rt::Task<base::Result<std::vector<codec::RespReply>>> RedisClient::exchange(std::string commands, size_t count,
                                                                            rt::Wait wait) {
    if (stream_ == nullptr) co_return base::fail(base::Code::closed, "there is no connection to Redis");
    const auto sent = co_await stream_->write_all(commands, wait);
    if (!sent) {
        close();
        co_return base::fail(sent.error());
    }
    std::vector<codec::RespReply> replies;
    while (replies.size() < count) {
        auto reply = co_await read_reply(wait);
        if (!reply) {
            close();
            co_return base::fail(std::move(reply.error()));
        }
        replies.push_back(std::move(*reply));
    }
    co_return replies;
}

rt::Task<base::Result<codec::RespReply>> RedisClient::ask(std::vector<std::string> words, rt::Wait wait) {
    const std::vector<std::string_view> views{words.begin(), words.end()};
    std::string command;
    codec::append_command(command, views);
    auto replies = co_await exchange(std::move(command), 1, wait);
    if (!replies) co_return base::fail(std::move(replies.error()));
    codec::RespReply& reply = replies->front();
    if (reply.kind != codec::RespReply::Kind::error) co_return std::move(reply);
    // The words may hold a password; Redis' answer does not repeat it.
    co_return base::fail(base::Code::refused,
                         fmt::format("Redis answers {}: {}", words.front(), base::printable(reply.text)));
}

}  // namespace tl::gateway
