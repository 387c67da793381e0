// Copies of requests for another service: gathered while the request goes its own way, sent beside it once its body is
// whole, and whatever is answered is thrown away. Nothing here can hold up or change the request: a copy that is too
// large, one too many or too slow is dropped and counted. One core; its engine owns Mirrors and ends them.
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "codec/http1.h"
#include "http/message.h"
#include "proxy/shaping.h"
#include "rt/gate.h"
#include "telemetry/record.h"

namespace tl::proxy {

class Engine;
class Upstream;
struct Instance;
struct RequestContext;

inline constexpr size_t kMostMirrors = 64;           // of a core at a time
inline constexpr size_t kMostMirrorBody = 64 << 10;  // of each; with the number that is 4 MiB a core
inline constexpr base::Duration kMirrorTime = std::chrono::seconds{5};

class Mirrors {
  public:
    // The copy of one request, until it is sent or dropped.
    class Copy {
      public:
        Copy(Mirrors& of, Engine& engine, const RequestContext& context, const MirrorRule& rule);
        ~Copy();
        Copy(const Copy&) = delete;
        Copy& operator=(const Copy&) = delete;

        std::string method;
        std::string target;
        std::vector<std::pair<std::string, std::string>> headers;
        std::string body;
        bool has_body = false;
        telemetry::NameId service = telemetry::kNoName;
        telemetry::NameId version = telemetry::kNoName;
        telemetry::NameId zone = telemetry::kNoName;
        telemetry::Record record;
        Engine* engine;

      private:
        Mirrors* of_;
    };
    using CopyPtr = std::unique_ptr<Copy>;

    // A copy of this request, whose head is as the service gets it; nullptr when the dice say no, when it is an
    // upgrade, or when there are too many already.
    [[nodiscard]] CopyPtr begin(Engine& engine, RequestContext& context, const MirrorRule& rule, bool upgrade);
    // The next stretch of the body; with the last one the copy is on its way, in the loop's next turn.
    void take(CopyPtr& copy, http::Piece piece);
    [[nodiscard]] rt::Task<void> stop();

  private:
    [[nodiscard]] rt::Task<void> send(CopyPtr copy);
    [[nodiscard]] static rt::Task<base::Result<void>> exchange(Copy& copy, Upstream& upstream, Instance& instance,
                                                               rt::Wait wait);

    size_t open_ = 0;
    rt::Cancel cancel_;
    rt::Gate gate_;
};

}  // namespace tl::proxy
