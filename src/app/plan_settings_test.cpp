#include "app/plan_settings.h"

#include <gtest/gtest.h>

namespace tl::app {

namespace {

console::PlanView plan(const std::string& now, const std::string& next) {
    const std::string head = "system: shop\ncontexts:\n  a:\n    orders:\n      address: 127.0.0.1:9000\n";
    const LoadedManifest before = read_manifest(head + now, "trunkline.yaml");
    const LoadedManifest after = read_manifest(head + next, "trunkline.yaml");
    EXPECT_TRUE(before.good() && after.good()) << before.diagnostics.to_text() << after.diagnostics.to_text();
    console::PlanView view;
    compare_settings(before.manifest, after.manifest, view);
    return view;
}

}  // namespace

TEST(PlanSettings, the_same_manifest_changes_nothing) {
    const console::PlanView view = plan("mode: production\n", "mode: production\n");
    EXPECT_TRUE(view.changes.empty() && view.warnings.empty());
}

TEST(PlanSettings, a_key_of_the_gateway_is_told_with_both_values) {
    const console::PlanView view = plan("", "gateway: { limits: { body: 1MB } }\n");
    ASSERT_EQ(view.changes.size(), 1U);
    EXPECT_EQ(view.changes[0].kind, "gateway");
    EXPECT_EQ(view.changes[0].name, "limits.body");
    EXPECT_EQ(view.changes[0].why, "16MB -> 1MB");
}

TEST(PlanSettings, a_rule_beside_a_service_changes_without_a_restart) {
    const console::PlanView view = plan("      timeout: 2s\n", "      timeout: 3s\n");
    ASSERT_EQ(view.changes.size(), 1U);
    EXPECT_EQ(view.changes[0].name, "orders");
    EXPECT_EQ(view.changes[0].why, "timeout: 2s -> 3s, without a restart");
}

TEST(PlanSettings, what_only_the_next_start_looks_at_is_a_warning_too) {
    const console::PlanView view = plan("", "telemetry: { records: 512 }\n");
    ASSERT_EQ(view.warnings.size(), 1U);
    EXPECT_EQ(view.warnings[0], "telemetry.records takes effect with the next `trunkline up` only");
}

}  // namespace tl::app
