// The name of identity.h, for headers that only pass one on: it brings a JSON library.
#pragma once

#include <memory>

namespace tl::proxy {

struct Identity;
using IdentityPtr = std::shared_ptr<const Identity>;

}  // namespace tl::proxy
