#include "cli/engine_commands.h"
#include "cli/interrupt.h"
#include "cli/measurement.h"
#include "cli/own_data.h"
#include "training/scorer_survey.h"

namespace sumi {
namespace {

template <class DataCommand>
int run_scored(const DataCommand& command) {
  const CancelToken cancel;
  const InterruptGuard guard(cancel);
  start_torch(Runtime{"cpu", command.threads, cancel});
  const auto scorer = std::make_shared<const OpenedScorer>(open_scorer(command.scorer));
  const auto progress = command.json ? ProgressSink() : terminal_progress("picture");
  return run(command, judged_by(scorer, command.near_cosine, progress, cancel));
}

}  // namespace

int run_with_scorer(const DataInspectCommand& command) { return run_scored(command); }
int run_with_scorer(const DataCurateCommand& command) { return run_scored(command); }

}  // namespace sumi
