#include "gateway/join/reference.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace tl::gateway {

using Json = nlohmann::ordered_json;

AnswerReference AnswerReference::parse(std::string_view text) {
    AnswerReference reference;
    const std::vector<std::string_view> parts = base::split(text, '.');
    reference.call = std::string{parts.front()};
    for (size_t i = 1; i < parts.size(); ++i) reference.way.emplace_back(parts[i]);
    return reference;
}

const Json* AnswerReference::in(const Json& answer) const {
    const Json* at = &answer;
    for (const std::string& step : way) {
        if (at->is_object()) {
            const auto found = at->find(step);
            if (found == at->end()) return nullptr;
            at = &*found;
            continue;
        }
        size_t index = 0;
        const char* const end = step.data() + step.size();
        const bool number = std::from_chars(step.data(), end, index).ptr == end && !step.empty();
        if (!at->is_array() || !number || index >= at->size()) return nullptr;
        at = &(*at)[index];
    }
    return at;
}

std::expected<JoinTemplate, std::string> JoinTemplate::parse(std::string_view text,
                                                             const std::vector<std::string>& calls) {
    JoinTemplate made;
    std::string rest;  // of the request, for Template
    const auto flush = [&]() -> std::optional<std::string> {
        if (rest.empty()) return std::nullopt;
        auto parsed = Template::parse(rest);
        if (!parsed) return std::move(parsed.error());
        made.parts_.emplace_back(std::move(*parsed));
        rest.clear();
        return std::nullopt;
    };
    for (size_t at = 0; at < text.size();) {
        const bool doubled = text.substr(at, 2) == "{{";
        const size_t end = text[at] == '{' && !doubled ? text.find('}', at) : std::string_view::npos;
        if (end == std::string_view::npos) {
            const size_t size = doubled ? 2 : 1;
            rest += text.substr(at, size);
            at += size;
            continue;
        }
        const AnswerReference reference = AnswerReference::parse(text.substr(at + 1, end - at - 1));
        if (std::ranges::find(calls, reference.call) == calls.end()) {
            rest += text.substr(at, end + 1 - at);
        } else {
            if (auto wrong = flush()) return std::unexpected(std::move(*wrong));
            made.parts_.emplace_back(reference);
        }
        at = end + 1;
    }
    if (auto wrong = flush()) return std::unexpected(std::move(*wrong));
    return made;
}

namespace {

std::optional<std::string> text_of(const Json& value) {
    if (value.is_string()) return value.get<std::string>();
    if (value.is_number() || value.is_boolean()) return value.dump();
    return std::nullopt;
}

}  // namespace

std::expected<std::string, std::string> JoinTemplate::expand(proxy::RequestContext& context, const Answers& answers,
                                                             Template::Target target) const {
    std::string out;
    for (const auto& part : parts_) {
        if (const auto* of_request = std::get_if<Template>(&part)) {
            const std::string_view text = of_request->expand(context, target);
            if (text.empty())
                return std::unexpected(
                    fmt::format("the request has nothing for \"{}\"", Template::text_of(*of_request)));
            out += text;
            continue;
        }
        const auto* reference = std::get_if<AnswerReference>(&part);
        if (reference == nullptr) continue;
        const Json* const answer = answers.of(reference->call);
        const Json* const value = answer == nullptr ? nullptr : reference->in(*answer);
        const auto text = value == nullptr ? std::nullopt : text_of(*value);
        if (!text) {
            return std::unexpected(fmt::format("{{{}{}{}}} is no text, number or boolean in the answer",
                                               reference->call, reference->way.empty() ? "" : ".",
                                               base::join(reference->way, ".")));
        }
        Template::append_coded(out, *text, target);
    }
    return out;
}

std::vector<std::string> JoinTemplate::needs() const {
    std::vector<std::string> calls;
    for (const auto& part : parts_) {
        if (const auto* reference = std::get_if<AnswerReference>(&part)) calls.push_back(reference->call);
    }
    return calls;
}

}  // namespace tl::gateway
