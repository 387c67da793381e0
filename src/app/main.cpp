#include "app/cli/cli.h"
#include "app/up.h"

int main(int argc, char** argv) {
    using namespace tl::app;
    return run(argc, argv,
               {.up = run_up,
                .check = run_check,
                .schema = run_schema,
                .effective = run_effective,
                .import = run_import,
                .quotas = run_quotas,
                .take_over = run_take_over},
               Terminal::of_process());
}
