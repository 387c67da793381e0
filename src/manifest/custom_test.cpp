#include <gtest/gtest.h>

#include "manifest/document.h"
#include "manifest/schema.h"

namespace tl::manifest {

TEST(Schema, a_custom_type_is_read_and_written_by_its_own_functions) {
    struct Address {
        std::string host;
        uint16_t port = 0;
    };
    struct Config {
        std::optional<Located<Address>> listen;
    };
    const auto parse = [](std::string_view text) -> std::expected<Address, std::string> {
        const size_t colon = text.find(':');
        if (colon == std::string_view::npos) return std::unexpected("");
        if (colon == 0) return std::unexpected("must name a host");
        return Address{std::string{text.substr(0, colon)}, 80};
    };
    const auto format = [](const Address& address) { return address.host + ":80"; };
    const auto schema =
        Object<Config>("a config")
            .field("listen", &Config::listen, custom<Address>("an address such as h:80", parse, format));
    const auto run = [&](std::string_view yaml) {
        Document document = parse_document(yaml, "t");
        const Config config = schema.parse(document.root, document.diagnostics);
        return document.diagnostics.to_text() + schema.dump(config);
    };
    EXPECT_EQ(run("listen: a:80"), "listen: a:80\n");
    EXPECT_EQ(run("listen: a"), "t:1:9: error: listen must be an address such as h:80, not \"a\"\n# listen: not set\n");
    EXPECT_EQ(run("listen: ':80'"), "t:1:9: error: listen \":80\" must name a host\n# listen: not set\n");
}

}  // namespace tl::manifest
