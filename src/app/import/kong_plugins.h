// Kong's plugins as policies. The plugins of a place that become one policy are taken together with those of further
// out, because in a manifest the nearest policy wins as a whole, in Kong each plugin by itself.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "app/import/kong_file.h"
#include "app/import/policy_draft.h"

namespace tl::app {

struct KongContext {
    Report* report = nullptr;
    std::set<std::string, std::less<>> refused;  // consumers that get no answer but a refusal, by name and id
};

// The plugins that hold at a place, outermost first, one of a name: the nearest.
using KongPluginSet = std::vector<const KongPlugin*>;
[[nodiscard]] KongPluginSet overlay(const KongPluginSet& outer, const std::vector<KongPlugin>& own);

// What stands at a place whose own plugins are `own`, of those that hold there.
[[nodiscard]] PolicyDraft translate_plugins(const KongPluginSet& holding, const std::vector<KongPlugin>& own,
                                            const KongContext& context);

// One plugin each; `out` collects what several of one place become.
using KongTranslate = void (*)(const KongPlugin&, PolicyDraft& out, const KongContext&);
void translate_key_auth(const KongPlugin&, PolicyDraft&, const KongContext&);
void translate_openid(const KongPlugin&, PolicyDraft&, const KongContext&);
void translate_acl(const KongPlugin&, PolicyDraft&, const KongContext&);
void translate_rates(const KongPlugin&, PolicyDraft&, const KongContext&);
void translate_windows(const KongPlugin&, PolicyDraft&, const KongContext&);
void translate_size(const KongPlugin&, PolicyDraft&, const KongContext&);
void translate_termination(const KongPlugin&, PolicyDraft&, const KongContext&);
void translate_cors(const KongPlugin&, PolicyDraft&, const KongContext&);
void translate_ip(const KongPlugin&, PolicyDraft&, const KongContext&);
void translate_bots(const KongPlugin&, PolicyDraft&, const KongContext&);
void translate_correlation(const KongPlugin&, PolicyDraft&, const KongContext&);
void translate_request_transformer(const KongPlugin&, PolicyDraft&, const KongContext&);
void translate_response_transformer(const KongPlugin&, PolicyDraft&, const KongContext&);

// What a consumer's own plugins and credentials mean, in words: keys are made anew, plans say what is its own.
void tell_consumer(const KongEntity& consumer, const KongContext& context);

}  // namespace tl::app
