#include "app/import/report.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace tl::app {

std::string_view to_string(RemarkKind kind) {
    switch (kind) {
        case RemarkKind::missing: return "not translated";
        case RemarkKind::differs: return "differs";
        case RemarkKind::closed: return "closed";
        case RemarkKind::to_do: return "to do";
    }
    return "";
}

void Report::missing(manifest::Position at, std::string what, std::string instead) {
    add({at, RemarkKind::missing, std::move(what), std::move(instead)});
}

void Report::differs(manifest::Position at, std::string what, std::string instead) {
    add({at, RemarkKind::differs, std::move(what), std::move(instead)});
}

void Report::closed(manifest::Position at, std::string what, std::string instead) {
    add({at, RemarkKind::closed, std::move(what), std::move(instead)});
}

void Report::to_do(manifest::Position at, std::string what, std::string instead) {
    add({at, RemarkKind::to_do, std::move(what), std::move(instead)});
}

void Report::add(Remark remark) {
    remark.what = base::printable(remark.what, 400);
    remark.instead = base::printable(remark.instead, 400);
    if (all_.size() >= kKept) {
        if (!all_.contains(remark)) ++lost_;
        return;
    }
    all_.insert(std::move(remark));
}

std::string Report::line_of(const Remark& remark) const {
    const std::string place = remark.at.known() ? fmt::format(":{}:{}", remark.at.line, remark.at.column) : "";
    return fmt::format("{}{}: {}: {}{}{}\n", base::printable(file_), place, to_string(remark.kind), remark.what,
                       remark.instead.empty() ? "" : "; ", remark.instead);
}

std::string Report::to_text() const {
    std::string out;
    for (const Remark& remark : all_) out += line_of(remark);
    if (lost_ != 0) out += fmt::format("and {} more\n", lost_);
    return out;
}

std::string Report::to_comments() const {
    std::string out;
    size_t shown = 0;
    for (const Remark& remark : all_) {
        if (shown++ == kComments) break;
        out += "# " + line_of(remark);
    }
    if (size() > kComments) out += fmt::format("# and {} more\n", size() - kComments);
    return out;
}

nlohmann::ordered_json Report::to_json() const {
    auto out = nlohmann::ordered_json::array();
    for (const Remark& remark : all_) {
        nlohmann::ordered_json one{{"kind", to_string(remark.kind)}};
        if (remark.at.known()) {
            one["line"] = remark.at.line;
            one["column"] = remark.at.column;
        }
        one["what"] = remark.what;
        if (!remark.instead.empty()) one["instead"] = remark.instead;
        out.push_back(std::move(one));
    }
    return out;
}

}  // namespace tl::app
