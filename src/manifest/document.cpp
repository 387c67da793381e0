// Around the YAML parser: what goes in is checked, what it complains about is said in other words, and
// nothing that it throws gets out.
#include "manifest/document.h"

#include <fmt/format.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <array>
#include <sstream>

#include "manifest/source_text.h"
#include "manifest/tree_builder.h"

namespace tl::manifest {

namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

struct Explanation {
    std::string_view parser_says;
    std::string_view message;
    std::string_view hint;
};

// The YAML parser's words, said so that somebody who never read the YAML specification knows what to do.
constexpr std::array kExplanations{
    Explanation{"end of map not found", "this does not fit into the map around it",
                "check the indentation; text behind a closing quote ends the value too"},
    Explanation{"end of sequence not found", "this does not fit into the list around it",
                "check the indentation: all dashes of one list stand in the same column"},
    Explanation{"illegal flow end", "this bracket closes nothing", "remove it, or open it first"},
    Explanation{"illegal block entry", "a dash cannot begin a list item here",
                "put each item on a line of its own, or use [ ]"},
    Explanation{"illegal map key", "a key cannot begin here", "check the indentation"},
    Explanation{"illegal map value", "a colon with a space behind it cannot stand here",
                "put the value in quotes if the colon belongs to it, or check the indentation"},
    Explanation{"illegal tab", "a tab is used for indentation", "indent with spaces"},
    Explanation{"illegal document indicator in scalar", "a quote is not closed before this", "close it"},
    Explanation{"the referenced anchor is not defined", "no anchor of this name stands above",
                "define it with & before, or put the value in quotes if the * belongs to it"},
    Explanation{"unknown escape character", "this escape is not known inside double quotes",
                "use single quotes, or write the backslash twice"},
    Explanation{"alias not found after *", "a * begins an alias, which needs a name",
                "put the value in quotes if the * belongs to it"},
    Explanation{"unknown token", "a value cannot begin with this character", "put the value in quotes"},
};

// The line around a byte of the text.
std::string_view line_at(std::string_view text, size_t offset) {
    const size_t feed = offset == 0 ? std::string_view::npos : text.rfind('\n', offset - 1);
    const size_t start = feed == std::string_view::npos ? 0 : feed + 1;
    return text.substr(start, text.find('\n', start) - start);
}

// The YAML parser notices a tab as indentation late or not at all, and then complains about something else.
bool indented_by_tab(std::string_view line) {
    const size_t first = line.find_first_not_of(" \t");
    return line.substr(0, first).find('\t') != std::string_view::npos;
}

Diagnostic explain(std::string_view text, const std::string& parser_says, Position at, size_t offset) {
    Diagnostic out{
        .at = at, .message = "this is not YAML: " + parser_says, .hint = "check this line and the one before"};
    for (const Explanation& known : kExplanations) {
        if (parser_says.find(known.parser_says) == std::string::npos) continue;
        out.message = known.message;
        out.hint = known.hint;
        break;
    }
    if (indented_by_tab(line_at(text, std::min(offset, text.size())))) {
        out.message = "a tab is used for indentation";
        out.hint = "indent with spaces";
    }
    return out;
}

// The parser complains where it gave up waiting for a bracket, which may be far from the one that was opened.
Diagnostic explain_bracket(Position opened, Position at, bool at_end) {
    const std::string hint =
        "close it, or add the missing comma; in brackets a value with any of { } [ ] , needs quotes";
    if (at_end) return {.at = opened, .message = "this bracket is never closed", .hint = hint};
    return {.at = at,
            .message =
                fmt::format("the bracket of line {}, column {} is not closed before this", opened.line, opened.column),
            .hint = hint};
}

// Reads the one document; every way in which that can fail becomes one Diagnostic.
std::optional<Diagnostic> read_yaml(const std::string& text, TreeBuilder& builder) {
    try {
        std::istringstream stream{text};
        YAML::Parser parser(stream);
        while (parser.HandleNextDocument(builder)) {
            // A second turn is refused by the builder, if there is anything to read.
        }
        return std::nullopt;
    } catch (const Refused& refused) {
        return refused.reason;
    } catch (const YAML::Exception& error) {
        if (error.mark.is_null()) return explain(text, error.msg, {}, 0);
        const auto offset = static_cast<size_t>(error.mark.pos);
        const Position opened = builder.open_bracket();
        if (opened.known() && error.msg.find("flow not found") != std::string::npos) {
            return explain_bracket(opened, builder.position(error.mark), offset >= text.size());
        }
        return explain(text, error.msg, builder.position(error.mark), offset);
    } catch (const std::exception& error) {
        return Diagnostic{.message = fmt::format("the YAML parser gave up: {}", error.what())};
    }
}

}  // namespace

Document parse_document(std::string_view text, std::string file_name, const DocumentLimits& limits) {
    if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    std::optional<Diagnostic> refusal = refuse_text(text, limits.bytes);
    // Text that is refused for its bytes is not fit to be shown on a terminal either.
    Document document{.diagnostics = Diagnostics(std::move(file_name), std::string{refusal ? "" : text})};
    std::string source{text};
    if (!source.ends_with('\n')) source += '\n';  // the parser's places go wrong at an end without one
    TreeBuilder builder(source, limits, document.diagnostics);
    if (!refusal) refusal = read_yaml(source, builder);
    if (refusal) {
        document.diagnostics.add(std::move(*refusal));
        return document;
    }
    document.root = builder.take_root();
    document.readable = true;
    return document;
}

}  // namespace tl::manifest
