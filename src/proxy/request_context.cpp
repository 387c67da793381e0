#include "proxy/request_context.h"

namespace tl::proxy {

std::string_view RequestContext::make_target() {
    const codec::RequestHead& request = head();
    if (request.form == codec::TargetForm::asterisk) return "*";
    const std::string_view to = route->rewrite ? route->rewrite->expand(match, arena) : path;
    // The common case: nothing was changed, so the target goes on as it came.
    const bool as_it_came = request.form == codec::TargetForm::origin && to.data() == request.path.data();
    if (as_it_came) return request.target;
    return request.query.empty() ? to : arena.concat(to, "?", request.query);
}

}  // namespace tl::proxy
