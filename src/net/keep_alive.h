// Probes of a silent peer (TCP keep-alive): one that is gone without a word is found out within two minutes. Plain
// function.
#pragma once

#include "net/stream.h"

namespace tl::net {

// No effect on what is no TCP.
void keep_alive(const Stream& stream);

}  // namespace tl::net
