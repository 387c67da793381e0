#include "proxy/filtered_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

namespace tl::proxy {

using http::BodyLength;
using http::Piece;
using Verdict = Filter::Verdict;

namespace {

// Behind a body, for parsers that read beyond it (simdjson) and would copy it otherwise.
constexpr size_t kRoom = 64;

// What may hang on the bytes of a body that a transform changes.
void remove_validators(codec::HeaderTable& headers) {
    for (const std::string_view name : {"Content-MD5", "Content-Digest", "Accept-Ranges"}) headers.remove(name);
}

bool has_body(uint16_t status, codec::Method method) {
    return status >= 200 && status != 204 && status != 304 && method != codec::Method::head;
}

}  // namespace

FilteredExchange::FilteredExchange(RequestContext& context)
    : context_(&context), client_(std::exchange(context.exchange, this)) {}

// Bodies that are gathered are the largest thing that a request holds, and a client may take its time with them.
bool FilteredExchange::refuse_for_memory(uint64_t budget) {
    if (!base::short_of_memory(budget)) return false;
    context_->refusal = {.cause = Cause::out_of_memory, .detail = "three quarters of gateway.limits.memory are used"};
    return true;
}

rt::Task<Verdict> FilteredExchange::gather(size_t most, uint64_t budget) {
    const BodyLength length = client_->request_length();
    if (length.kind == BodyLength::Kind::none) co_return Verdict::proceed;
    if (length.bytes > most) {
        context_->refusal = {Cause::body_too_large, fmt::format("this route takes bodies of {} bytes", most)};
        co_return Verdict::refuse;
    }
    if (refuse_for_memory(budget)) co_return Verdict::refuse;
    codec::RequestHead& head = context_->head();
    if (head.expect_continue) {
        [[maybe_unused]] const auto told = co_await client_->send_informational({.status = 100});
        head.expect_continue = false;
        head.headers.remove(codec::Field::expect);
    }
    body_.reserve(length.bytes + kRoom);
    for (bool end = false; !end;) {
        // How long a client may be silent is the session's limit; the cancel is its too.
        const auto piece = co_await client_->read({base::kNever, &client_->cancel()});
        if (!piece || body_.size() + piece->data.size() > most) {
            const Cause cause = piece ? Cause::body_too_large : cause_of(piece.error());
            context_->refusal = {
                cause, piece ? fmt::format("this route takes bodies of {} bytes", most) : piece.error().message()};
            co_return Verdict::refuse;
        }
        body_ += piece->data;
        end = piece->end;
        // What has come, not what was announced: announcing costs a client nothing.
        held_body_.set(body_.size());
        if (!end && refuse_for_memory(budget)) co_return Verdict::refuse;
    }
    gathered_ = true;
    for (const auto& filter : context_->route->filters) {
        const Verdict verdict = filter->on_body(*context_, body_);
        if (verdict != Verdict::proceed) co_return verdict;
    }
    co_return Verdict::proceed;
}

BodyLength FilteredExchange::request_length() const {
    if (!gathered_) return client_->request_length();
    return {BodyLength::Kind::known, body_.size()};
}

// A chunked body does not say beforehand how long it will be.
base::Result<Piece> FilteredExchange::counted(base::Result<Piece> piece) {
    if (!piece) return piece;
    streamed_ += piece->data.size();
    const uint64_t most = context_->route->most_streamed;
    if (streamed_ <= most) return piece;
    base::Error error{.code = base::Code::too_large,
                      .context = fmt::format("this route takes bodies of {} bytes", most)};
    return base::fail(std::move(error).at(base::Side::downstream));
}

std::optional<base::Result<Piece>> FilteredExchange::try_read() {
    if (!gathered_) {
        auto piece = client_->try_read();
        if (piece) piece = counted(std::move(*piece));
        return piece;
    }
    return Piece{body_, true};
}

rt::Task<base::Result<Piece>> FilteredExchange::read(rt::Wait wait) {
    if (gathered_) co_return Piece{body_, true};
    auto piece = co_await client_->read(wait);
    co_return counted(std::move(piece));
}

rt::Task<base::Result<void>> FilteredExchange::send_informational(const http::OutgoingResponse& response) {
    return client_->send_informational(response);
}

// In reverse order: the filter that saw the request last sees its answer first.
void FilteredExchange::choose_transforms(const http::OutgoingResponse& response) {
    headers_ = *response.headers;
    status_ = response.status;
    reason_ = response.reason;
    context_->answer_length.reset();
    if (response.length.kind == BodyLength::Kind::known) context_->answer_length = response.length.bytes;
    for (const auto& filter : std::views::reverse(context_->route->filters)) {
        if (!filter->transforms()) continue;
        if (auto transform = filter->body_transform(*context_, status_, headers_)) {
            chain_.push_back(std::move(transform));
        }
    }
    if (!chain_.empty()) remove_validators(headers_);
}

// What one says last, although it fails, the others are told to be the end.
base::Result<void> FilteredExchange::run_transforms(std::string_view data, bool end) {
    std::string in;
    base::Result<void> all;
    for (const auto& transform : chain_) {
        out_.clear();
        auto fed = transform->feed(data, end, out_);
        if (!fed && all) {
            why_failed_ = transform->cause_of_failure();
            all = std::move(fed);
        }
        if (!all && out_.empty()) return all;
        end = end || !all;
        in.swap(out_);
        data = in;
        if (data.empty() && !end) break;  // nothing to tell the others
    }
    out_.swap(in);
    held_ = std::ranges::any_of(chain_, [](const auto& one) { return one->holds_head(); });
    return all;
}

// Whether they have become a part of the body.
bool FilteredExchange::take_trailers(const codec::HeaderTable* trailers) {
    if (trailers == nullptr) return false;
    return std::ranges::any_of(chain_, [&](const auto& one) { return one->take_trailers(*trailers); });
}

rt::Task<base::Result<void>> FilteredExchange::send(const http::OutgoingResponse& response, Piece first) {
    forget_answer();
    const bool changeable = has_body(response.status, context_->head().method) && response.headers != nullptr;
    if (changeable) choose_transforms(response);
    if (chain_.empty()) {
        http::OutgoingResponse plain = response;
        if (changeable) plain.headers = &headers_;  // a filter may have changed these alone
        auto sent = co_await client_->send(plain, first);
        co_return sent;
    }
    auto changed = run_transforms(first.data, first.end);
    if (changed && held_ && !first.end) co_return changed;
    if (changed) {
        auto sent = co_await send_on(first.end, nullptr);
        co_return sent;
    }
    co_await end_failed(changed.error());
    co_return changed;
}

rt::Task<base::Result<void>> FilteredExchange::send_body(Piece piece, const codec::HeaderTable* trailers) {
    if (chain_.empty()) {
        auto sent = co_await client_->send_body(piece, trailers);
        co_return sent;
    }
    if (piece.end && take_trailers(trailers)) trailers = nullptr;
    auto changed = run_transforms(piece.data, piece.end);
    if (!changed) {
        co_await end_failed(changed.error());
        co_return changed;
    }
    if (held_ && !piece.end) co_return changed;
    // An empty piece that does not end the body says nothing.
    if (out_.empty() && !piece.end && !held_ && response_started()) co_return changed;
    auto sent = co_await send_on(piece.end, trailers);
    co_return sent;
}

// The answer cannot go on: the client gets the last words of who says so, if there are any.
rt::Task<void> FilteredExchange::end_failed(const base::Error& why) {
    failure_ = {why_failed_, why.message()};
    base::Result<void> told = base::fail(base::Code::closed, "nothing to tell");
    if (!out_.empty() && !held_) told = co_await send_on(true, nullptr);
    if (!told && response_started()) client_->abort();
}

// What has come out of the transforms, behind the head if that is not out yet.
rt::Task<base::Result<void>> FilteredExchange::send_on(bool end, const codec::HeaderTable* trailers) {
    if (response_started()) {
        auto sent = co_await client_->send_body({out_, end}, trailers);
        co_return sent;
    }
    const uint16_t before = status_;
    for (const auto& transform : chain_) transform->finish_head(status_, headers_);
    if (status_ != before) reason_ = {};
    held_ = false;
    context_->record.status = status_;
    const bool with_trailers = end && trailers != nullptr && !trailers->empty();
    const BodyLength length = end && !with_trailers ? BodyLength{BodyLength::Kind::known, out_.size()}
                                                    : BodyLength{BodyLength::Kind::unknown};
    const http::OutgoingResponse response{.status = status_, .reason = reason_, .headers = &headers_, .length = length};
    auto sent = co_await client_->send(response, {out_, end && !with_trailers});
    if (sent && with_trailers) sent = co_await client_->send_body({{}, true}, trailers);
    co_return sent;
}

// An answer that was held and broke off was never sent: another may take its place.
void FilteredExchange::abort() {
    if (response_started()) return client_->abort();
    forget_answer();
}

void FilteredExchange::forget_answer() {
    chain_.clear();
    held_ = false;
    out_.clear();
    failure_.reset();
}

}  // namespace tl::proxy
