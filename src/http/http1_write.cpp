#include "http/http1_write.h"

namespace tl::http {

namespace {

// Up to here, copying costs less than telling the kernel of a second piece of memory.
constexpr size_t kCopied = 2048;

}  // namespace

Http1Parts::Http1Parts(base::Buffer& out, bool chunked, const Piece& piece, const codec::HeaderTable* trailers) {
    const bool chunk = chunked && !piece.data.empty();
    const bool copied = piece.data.size() <= kCopied;
    if (chunk) codec::write_chunk_head(out, piece.data.size());
    if (copied) out.append(piece.data);
    const size_t before = out.size();
    if (chunk) out.append(codec::kChunkEnd);
    if (chunked && piece.end) {
        out.append(codec::kLastChunk);
        if (trailers != nullptr) codec::write_headers(out, *trailers);
        codec::write_end_of_head(out);
    }
    if (copied) {
        add(out.view());
        return;
    }
    add(out.view().substr(0, before));
    add(piece.data);
    add(out.view().substr(before));
}

void Http1Parts::add(std::string_view bytes) {
    if (!bytes.empty()) parts_[count_++] = {const_cast<char*>(bytes.data()), bytes.size()};
}

}  // namespace tl::http
