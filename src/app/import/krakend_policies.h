// The namespaces of KrakenD's "extra_config" as policies.
#pragma once

#include "app/import/krakend_backend.h"
#include "app/import/policy_draft.h"

namespace tl::app {

// Everything of `extra`, of the file, an endpoint or a backend, that can be a policy; what cannot is reported. A
// namespace that protects and cannot be translated closes the draft.
void translate_extra(const manifest::Node* extra, PolicyDraft& out, const KrakendContext& context);

// One namespace each.
using KrakendTranslate = void (*)(const manifest::Node&, PolicyDraft&, const KrakendContext&);
void translate_validator(const manifest::Node&, PolicyDraft&, const KrakendContext&);
void translate_api_keys(const manifest::Node&, PolicyDraft&, const KrakendContext&);
void translate_martian(const manifest::Node&, PolicyDraft&, const KrakendContext&);

// Keys of the file, in words: they are made anew.
void tell_api_keys(const manifest::Node& settings, Report& report);

}  // namespace tl::app
