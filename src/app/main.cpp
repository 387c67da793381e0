#include "app/cli/cli.h"

int main(int argc, char** argv) { return tl::app::run(argc, argv, {}, tl::app::Terminal::of_process()); }
