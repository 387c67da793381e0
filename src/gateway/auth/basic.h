// HTTP Basic (RFC 7617) by a file of users. A password is compared by the one worker thread; who was right is
// remembered for a minute on each core, by a keyed hash, so that a page with fifty requests costs one comparison. Who
// is wrong too often waits: a client address has kMostFailures a minute and core.
#pragma once

#include "gateway/auth/method.h"
#include "gateway/auth/password_file.h"
#include "gateway/auth/password_worker.h"

namespace tl::gateway {

struct BasicOptions {
    std::string realm;
    bool keep = false;  // the service gets name and password, too
};
[[nodiscard]] MethodPtr make_basic_method(BasicOptions options, std::shared_ptr<PasswordFile> file,
                                          std::shared_ptr<PasswordWorker> worker, proxy::StateSlot slot);

}  // namespace tl::gateway
