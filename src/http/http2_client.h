// A connection to an upstream that speaks HTTP/2, shared by many requests at a time. It runs as a task of its own in a
// gate, reads all the time, so it knows at once when the peer drains (GOAWAY) or goes, and ends when its owner lets it
// go, when it has been idle, or with the peer; but never before the last exchange on it. One core.
#pragma once

#include "http/client.h"
#include "http/http2_connection.h"
#include "http/http2_tunnel.h"

namespace tl::http {

class Http2Client final : public Http2Connection {
  public:
    // Who lends its streams out. Called on this core, never from inside of its own calls.
    class Owner {
      public:
        virtual ~Owner() = default;
        // It may have room again, or will never have any.
        virtual void on_room(Http2Client& client) = 0;
        // It takes no more requests, and is not to be named any more.
        virtual void on_gone(Http2Client& client) = 0;
    };

    struct Options {
        ClientLimits limits;
        base::Duration idle_for = 60s;  // without a request; zero: it ends with its first
        std::string_view scheme = "http";
    };
    // Runs in `gate`. `owner` lives until it has called let_go() or was told on_gone(); nullptr when nobody needs to
    // know.
    static Http2Client& start(rt::Gate& gate, std::unique_ptr<net::Stream> stream, const Options& options,
                              Owner* owner);

    // One more request fits, by the peer's word and ours.
    [[nodiscard]] bool has_room() const;
    [[nodiscard]] size_t active() const { return alive_; }
    // A place for one request; has_room() must hold. It may outlive the owner, not the gate.
    [[nodiscard]] std::unique_ptr<ClientConnection> lend();
    // The owner names it no more: it ends when its last exchange has ended.
    void let_go();

  private:
    friend class Http2ClientExchange;
    enum class Ping : uint8_t { none, sent, answered };

    Http2Client(std::unique_ptr<net::Stream> stream, const Options& options, Owner* owner);
    [[nodiscard]] static rt::Task<void> run_to_end(std::unique_ptr<Http2Client> client);
    [[nodiscard]] rt::Task<void> run();
    void submit_settings();
    void take_no_more();

    Http2Stream* on_section_begin(const nghttp2_frame& /*frame*/) override { return nullptr; }
    void on_goaway(const nghttp2_goaway& frame) override;
    void on_settings() override;
    void on_ping_ack() override { acknowledged_ = true; }
    void on_parsed() override;
    bool understands(std::string_view bytes) override;
    bool look_up() override;
    base::TimePoint next_look() const override;
    void on_left() override;

    ClientLimits client_limits_;
    base::Duration idle_for_;
    std::string_view scheme_;
    Owner* owner_;
    rt::Gate gate_;
    rt::Signal changed_;  // settings came; the last stream went
    bool settings_seen_ = false;
    bool closing_ = false;       // no more requests
    bool acknowledged_ = false;  // a ping, just now
    Ping ping_ = Ping::none;
    base::TimePoint idle_since_;
    base::TimePoint ping_by_{};
};

}  // namespace tl::http
