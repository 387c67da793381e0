// An endpoint as a route: to one service where that can say it, else an answer joined of calls.
#pragma once

#include "app/import/krakend_backend.h"

namespace tl::app {

void translate_endpoint(const manifest::Node& node, KrakendContext& context);

}  // namespace tl::app
