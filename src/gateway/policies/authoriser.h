// What the policies share that ask a service about each request: the keys about whom to ask and what to do without an
// answer, and the filter that asks (proxy/subrequest.h), remembers decisions and carries them out. How a question is
// put and an answer read is the policy's: an Authoriser. All immutable, shared by cores.
#pragma once

#include <expected>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/policies/context.h"
#include "gateway/policies/decision.h"
#include "manifest/schema.h"
#include "proxy/filter.h"

namespace tl::gateway {

struct PolicyCheck;

enum class OnFailure : uint8_t { refuse, allow };

struct AuthoriserRules {
    manifest::Located<std::string> service;
    std::vector<std::string> send;  // headers of the request that it is told
    std::vector<std::string> take;  // headers of its answer that the service gets
    std::vector<std::string> answer{"WWW-Authenticate", "Location", "Set-Cookie"};  // that a refused client gets
    base::Duration timeout = std::chrono::seconds{1};
    OnFailure on_failure = OnFailure::refuse;
    uint64_t most = 64 << 10;  // bytes of its answer's body
    bool audit = false;
};

// How long decisions are used again, and how many a core keeps.
struct DecisionRules {
    base::Duration lasts{};
    uint32_t most = 1000;
};

[[nodiscard]] const manifest::Object<AuthoriserRules>& authoriser_schema();
[[nodiscard]] const manifest::Object<DecisionRules>& decision_schema();
// That the service exists. `policy` is "an ask policy".
void check_authoriser(const AuthoriserRules& rules, std::string_view policy, const PolicyCheck& check);

class Authoriser {
  public:
    struct Question {
        proxy::Subrequest request;
        std::optional<net::Sha256> key;  // of all that the decision depends on; nothing: it is not kept
    };

    virtual ~Authoriser() = default;
    // Refuses what cannot be asked without a doubt about who is meant.
    [[nodiscard]] virtual std::expected<Question, proxy::Denial> question(proxy::RequestContext& context) const = 0;
    // Of an answer that came. The error says why it decides nothing: then nobody passes, whatever on_failure says, for
    // who asks could have brought it about.
    [[nodiscard]] virtual std::expected<Decision, std::string> read(const proxy::SubResponse& answer) const = 0;
    // By this status it says that it cannot answer, so that on_failure holds.
    [[nodiscard]] virtual bool is_failure(uint16_t status) const = 0;
};

// `policy` is the key in the manifest, `config` all that it says as text: whoever changes it begins without memories.
struct AuthoriserOptions {
    std::string policy;
    std::string config;
    std::optional<DecisionRules> cache;
};
[[nodiscard]] FilterPtr make_authoriser_filter(AuthoriserOptions options, AuthoriserRules rules,
                                               std::unique_ptr<const Authoriser> authoriser,
                                               const PolicyContext& context);

// Texts as one, so that no two lists of texts make the same.
void append_framed(std::string& out, std::string_view text);
// All values of a header that `names` has, whatever the case: name and value in the answer's order.
[[nodiscard]] std::vector<std::pair<std::string, std::string>> pick_headers(
    const std::vector<std::pair<std::string, std::string>>& headers, const std::vector<std::string>& names);
// A client that is refused with this status by somebody else's word: 400 to 499, or a redirect that says where to;
// 0: no such status.
[[nodiscard]] uint16_t refusal_status(uint16_t status, const std::vector<std::pair<std::string, std::string>>& headers);

}  // namespace tl::gateway
