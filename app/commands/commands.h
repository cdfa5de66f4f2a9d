// The subcommands. Each writes its answer to stdout, everything else to stderr, and returns the
// exit code; errors are thrown and told by main.
#pragma once

#include "app/commands/args.h"

namespace app {

int run_command(const Options& options);
int chat_command(const Options& options);
int score_command(const Options& options);
int trace_command(const Options& options);
int bench_command(const Options& options);
int info_command(const Options& options);
int models_command(const Options& options);
int devices_command(const Options& options);

}  // namespace app
