#include "codec/grpc_web.h"

#include "base/text.h"
#include "codec/grpc.h"

namespace tl::codec {

std::string grpc_web_trailer_frame(const HeaderTable& trailers) {
    std::string lines;
    for (const Header& trailer : trailers) {
        lines += base::lower(trailer.name);
        lines += ": ";
        lines += trailer.value;
        lines += "\r\n";
    }
    return grpc_frame_head(kGrpcWebTrailerFlag, static_cast<uint32_t>(lines.size())) + lines;
}

}  // namespace tl::codec
