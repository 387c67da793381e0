#include "http/http2_callbacks.h"

#include <cstdlib>

#include "base/text.h"
#include "http/http2_connection.h"

namespace tl::http {

namespace {

std::string_view text(const uint8_t* bytes, size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }

std::string_view text(nghttp2_rcbuf* buffer) {
    const nghttp2_vec vec = nghttp2_rcbuf_get_buf(buffer);
    return text(vec.base, vec.len);
}

Http2Stream* stream_of(nghttp2_session* session, int32_t id) {
    return static_cast<Http2Stream*>(nghttp2_session_get_stream_user_data(session, id));
}

}  // namespace

// A friend of the connection, so that nghttp2's plain functions reach it.
struct Http2Callbacks {
    static Http2Connection& of(void* user) { return *static_cast<Http2Connection*>(user); }

    static int on_begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
        Http2Connection& connection = of(user);
        connection.in_section_ = true;
        if (stream_of(session, frame->hd.stream_id) != nullptr) return 0;
        Http2Stream* const stream = connection.on_section_begin(*frame);
        if (stream == nullptr) return 0;  // its fields are decoded and dropped
        nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream);
        return 0;
    }

    static int on_header(nghttp2_session* session, const nghttp2_frame* frame, nghttp2_rcbuf* name,
                         nghttp2_rcbuf* value, uint8_t /*flags*/, void* /*user*/) {
        Http2Stream* const stream = stream_of(session, frame->hd.stream_id);
        if (stream != nullptr) stream->on_field(text(name), text(value));
        return 0;
    }

    // nghttp2 would drop the field and go on. Nothing malformed is passed on in part.
    static int on_invalid_header(nghttp2_session* session, const nghttp2_frame* frame, const uint8_t* name,
                                 size_t name_size, const uint8_t* /*value*/, size_t /*value_size*/, uint8_t /*flags*/,
                                 void* user) {
        Http2Stream* const stream = stream_of(session, frame->hd.stream_id);
        if (stream != nullptr) stream->malformed_ = true;
        of(user).complaint_ = "the field " + base::printable(text(name, name_size), 64) + " is not valid";
        return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    }

    static int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
        Http2Connection& connection = of(user);
        switch (frame->hd.type) {
            case NGHTTP2_HEADERS: return on_section(session, *frame, connection);
            case NGHTTP2_DATA:
                if ((frame->hd.flags & NGHTTP2_FLAG_END_STREAM) == 0) return 0;
                if (Http2Stream* const stream = stream_of(session, frame->hd.stream_id)) stream->on_end();
                return 0;
            case NGHTTP2_SETTINGS:
                if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0) connection.on_settings();
                return 0;
            case NGHTTP2_PING:
                if ((frame->hd.flags & NGHTTP2_FLAG_ACK) != 0) connection.on_ping_ack();
                return 0;
            case NGHTTP2_GOAWAY: connection.on_goaway(frame->goaway); return 0;
            default: return 0;
        }
    }

    static int on_section(nghttp2_session* session, const nghttp2_frame& frame, Http2Connection& connection) {
        connection.in_section_ = false;
        Http2Stream* const stream = stream_of(session, frame.hd.stream_id);
        if (stream == nullptr) return 0;
        const bool ended = (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
        if (!stream->on_section_end(ended)) {
            stream->malformed_ = true;
            nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame.hd.stream_id, NGHTTP2_PROTOCOL_ERROR);
            return 0;
        }
        if (ended) stream->on_end();
        return 0;
    }

    static int on_data(nghttp2_session* session, uint8_t /*flags*/, int32_t id, const uint8_t* data, size_t size,
                       void* user) {
        Http2Stream* const stream = stream_of(session, id);
        if (stream != nullptr) {
            stream->on_data(text(data, size));
        } else {
            of(user).consume(id, size);
        }
        return 0;
    }

    static int on_stream_close(nghttp2_session* session, int32_t id, uint32_t code, void* user) {
        Http2Connection& connection = of(user);
        Http2Stream* const stream = stream_of(session, id);
        // A reset costs us a request that was begun, whether the peer sent it or made us send it by a fault (as in
        // CVE-2025-8671). One that ends a whole answer costs nothing.
        const bool ours = stream != nullptr && stream->reset_sent_;
        if (code != NGHTTP2_NO_ERROR && !ours && nghttp2_session_check_server_session(session) != 0) {
            [[maybe_unused]] const bool fine = connection.spend(Http2Abuse::rapid_reset);
        }
        if (stream != nullptr) stream->on_close(code, nullptr);
        return 0;
    }

    // Frames for this stream may be on their way still: they are no fault of the peer.
    static int on_sent(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user) {
        if (frame->hd.type == NGHTTP2_RST_STREAM) of(user).remember_reset(frame->hd.stream_id);
        return 0;
    }

    static int on_invalid_frame(nghttp2_session* session, const nghttp2_frame* frame, int code, void* user) {
        Http2Connection& connection = of(user);
        connection.in_section_ = false;
        if (Http2Stream* const stream = stream_of(session, frame->hd.stream_id)) stream->malformed_ = true;
        if (connection.complaint_.empty()) connection.complaint_ = nghttp2_strerror(code);
        return 0;
    }

    static int on_error(nghttp2_session* /*session*/, int /*code*/, const char* message, size_t size, void* user) {
        of(user).complaint_ = base::printable({message, size});
        return 0;
    }

    // The frame's head, then the body from where it is.
    static int send_data(nghttp2_session* session, nghttp2_frame* frame, const uint8_t* head, size_t size,
                         nghttp2_data_source* /*source*/, void* user) {
        Http2Connection& connection = of(user);
        if (connection.out_.full()) return NGHTTP2_ERR_WOULDBLOCK;
        Http2Stream* const stream = stream_of(session, frame->hd.stream_id);
        if (stream == nullptr) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        const auto data = stream->take(size);
        if (!data) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        connection.out_.append(text(head, 9));
        connection.out_.append_in_place(*data);
        connection.spending_.earn(Http2Abuse::window_updates, 4);
        return 0;
    }
};

namespace {

nghttp2_session_callbacks* make_callbacks() {
    nghttp2_session_callbacks* all = nullptr;
    if (nghttp2_session_callbacks_new(&all) != 0) std::abort();
    nghttp2_session_callbacks_set_on_begin_headers_callback(all, Http2Callbacks::on_begin_headers);
    nghttp2_session_callbacks_set_on_header_callback2(all, Http2Callbacks::on_header);
    nghttp2_session_callbacks_set_on_invalid_header_callback(all, Http2Callbacks::on_invalid_header);
    nghttp2_session_callbacks_set_on_frame_recv_callback(all, Http2Callbacks::on_frame);
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(all, Http2Callbacks::on_data);
    nghttp2_session_callbacks_set_on_stream_close_callback(all, Http2Callbacks::on_stream_close);
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(all, Http2Callbacks::on_invalid_frame);
    nghttp2_session_callbacks_set_on_frame_send_callback(all, Http2Callbacks::on_sent);
    nghttp2_session_callbacks_set_error_callback2(all, Http2Callbacks::on_error);
    nghttp2_session_callbacks_set_send_data_callback(all, Http2Callbacks::send_data);
    return all;
}

nghttp2_option* make_options(const Http2Limits& limits) {
    nghttp2_option* all = nullptr;
    if (nghttp2_option_new(&all) != 0) std::abort();
    nghttp2_option_set_no_auto_window_update(all, 1);
    nghttp2_option_set_max_outbound_ack(all, limits.unread_answers);
    // Ours are counted first; nghttp2's own are the net below.
    nghttp2_option_set_max_continuations(all, limits.continuations + 1);
    nghttp2_option_set_stream_reset_rate_limit(all, 10'000, 1000);
    return all;
}

}  // namespace

nghttp2_session* make_http2_session(bool server, Http2Connection* user, const Http2Limits& limits) {
    static nghttp2_session_callbacks* const callbacks = make_callbacks();  // constant once made, shared by all cores
    nghttp2_option* const options = make_options(limits);
    nghttp2_session* session = nullptr;
    const int made = server ? nghttp2_session_server_new2(&session, callbacks, user, options)
                            : nghttp2_session_client_new2(&session, callbacks, user, options);
    nghttp2_option_del(options);
    if (made != 0) std::abort();
    return session;
}

}  // namespace tl::http
