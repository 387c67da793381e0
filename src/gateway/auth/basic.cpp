#include "gateway/auth/basic.h"

#include <fmt/format.h>

#include <cstring>

#include "base/hash.h"
#include "base/random.h"
#include "codec/base64url.h"
#include "gateway/auth/failure_counts.h"
#include "proxy/engine.h"

namespace tl::gateway {

using namespace std::chrono_literals;

namespace {

constexpr base::Duration kRemembered = 1min;
constexpr size_t kMostRemembered = 4096;
constexpr base::Duration kPatience = 10s;  // for the worker, whose line has 64 places

struct Names {
    base::HashKey first;
    base::HashKey second;
    auto operator()(std::string_view credentials) const {
        return std::pair{base::hash(credentials, first), base::hash(credentials, second)};
    }
};

struct BasicState final : proxy::CoreState {
    BasicState() {
        const std::string bytes = base::random_bytes(sizeof names);
        std::memcpy(&names, bytes.data(), sizeof names);
    }
    struct Right {
        base::TimePoint until;
        proxy::IdentityPtr identity;
    };
    View<PasswordTable> table;
    // By two hashes with keys of this core: 128 bits that name a pair of user and password and do not tell it.
    Names names;
    std::map<std::pair<uint64_t, uint64_t>, Right> right;
    FailureCounts failures;
};

class BasicMethod final : public Method {
  public:
    BasicMethod(BasicOptions options, std::shared_ptr<PasswordFile> file, std::shared_ptr<PasswordWorker> worker,
                proxy::StateSlot slot)
        : options_(std::move(options)), file_(std::move(file)), worker_(std::move(worker)), slot_(slot) {}

    std::string_view name() const override { return "basic"; }
    std::string challenge() const override {
        return fmt::format("Basic realm={}, charset=\"UTF-8\"", quote(options_.realm));
    }
    bool uses_authorization() const override { return true; }
    bool is_used(const proxy::RequestContext& context) const override {
        return authorization(context.head().headers, "Basic").has_value();
    }
    void strip(proxy::RequestContext& context) const override {
        if (!options_.keep) context.head().headers.remove(codec::Field::authorization);
    }

    std::optional<Finding> check(proxy::RequestContext& context) const override {
        BasicState& state = state_of(context);
        const auto credentials = credentials_of(context);
        if (!credentials) return refuse();
        const base::TimePoint now = rt::this_loop().now();
        const auto known = state.right.find(state.names(*credentials));
        if (known != state.right.end() && now < known->second.until) return Finding{known->second.identity};
        const base::Duration blocked = state.failures.blocked_for(context.client_address(), now);
        if (blocked > base::Duration{0}) return too_often(blocked);
        return std::nullopt;
    }
    rt::Task<Finding> check_later(proxy::RequestContext& context) const override {
        const std::string credentials = *credentials_of(context);
        const size_t colon = credentials.find(':');
        const uint64_t version = state_of(context).table.version();
        const PasswordTable* const table = state_of(context).table.get();
        const auto user = table->find(std::string_view{credentials}.substr(0, colon));
        if (table->empty()) co_return refuse();
        // A user that there is not takes as long as one that there is: names are not told.
        const bool exists = user != table->end();
        PasswordEntry entry = exists ? user->second : table->begin()->second;
        const rt::Wait wait = rt::this_loop().within(kPatience, &context.exchange->cancel());
        const auto answer = co_await worker_->compare(credentials.substr(colon + 1), entry.hash, wait);
        if (answer == PasswordWorker::Answer::busy) {
            co_return cannot_decide("too many passwords are being checked at the moment");
        }
        BasicState& state = state_of(context);
        const base::TimePoint now = rt::this_loop().now();
        if (!exists || answer == PasswordWorker::Answer::wrong) {
            state.failures.count(context.client_address(), now);
            co_return refuse();
        }
        auto identity = std::make_shared<proxy::Identity>();
        identity->method = "basic";
        identity->subject = credentials.substr(0, colon);
        identity->roles = std::move(entry.roles);
        if (state.right.size() >= kMostRemembered) state.right.clear();
        // Not by a table of before: the password may have been changed meanwhile.
        if (state.table.version() == version) state.right[state.names(credentials)] = {now + kRemembered, identity};
        co_return Finding{std::move(identity)};
    }

  private:
    BasicState& state_of(proxy::RequestContext& context) const {
        auto& state = context.engine->states().get<BasicState>(slot_);
        if (state.table.refresh(file_->table())) state.right.clear();  // a password was changed, a user removed
        return state;
    }
    // "user:password", or nothing where it is not well formed (RFC 7617 2: no control bytes).
    static std::optional<std::string> credentials_of(const proxy::RequestContext& context) {
        auto decoded = codec::decode_base64(*authorization(context.head().headers, "Basic"));
        if (!decoded || decoded->find(':') == std::string::npos) return std::nullopt;
        for (const char c : *decoded) {
            if (static_cast<uint8_t>(c) < ' ' || c == '\x7f') return std::nullopt;
        }
        return decoded;
    }
    Finding refuse() const { return refuse_credential("the name or the password is wrong", challenge()); }
    static Finding too_often(base::Duration wait) {
        Finding finding;
        finding.refusal = {.cause = proxy::Cause::rate_limited,
                           .detail = "too many wrong passwords from this address",
                           .retry_after = static_cast<uint32_t>(wait / 1s) + 1};
        return finding;
    }

    BasicOptions options_;
    std::shared_ptr<PasswordFile> file_;
    std::shared_ptr<PasswordWorker> worker_;
    proxy::StateSlot slot_;
};

}  // namespace

MethodPtr make_basic_method(BasicOptions options, std::shared_ptr<PasswordFile> file,
                            std::shared_ptr<PasswordWorker> worker, proxy::StateSlot slot) {
    return std::make_shared<BasicMethod>(std::move(options), std::move(file), std::move(worker), slot);
}

}  // namespace tl::gateway
