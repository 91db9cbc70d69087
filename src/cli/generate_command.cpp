#include <fmt/format.h>

#include <chrono>
#include <sstream>

#include "cli/engine_commands.h"
#include "cli/forecast.h"
#include "cli/interrupt.h"
#include "cli/output_path.h"
#include "cli/plain_commands.h"
#include "cli/terminal_view.h"
#include "cli/tuned.h"
#include "core/files.h"
#include "pipelines/generate.h"
#include "pipelines/model_set.h"

namespace sumi {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

std::vector<std::string> read_prompts(const std::string& file) {
  std::istringstream text(read_text_file(file));
  std::vector<std::string> prompts;
  for (std::string line; std::getline(text, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) prompts.push_back(line);
  }
  if (prompts.empty()) throw Error(file + " holds no prompt", "write one prompt a line");
  return prompts;
}

/// One request for each prompt; their seeds follow each other.
std::vector<GenerateRequest> requests_of(const GenerateCommand& command) {
  if (command.prompts.empty()) return {command.request};
  std::vector<GenerateRequest> requests;
  for (auto& prompt : read_prompts(command.prompts)) {
    auto request = command.request;
    if (request.seed >= 0)
      request.seed += static_cast<std::int64_t>(requests.size()) * request.count;
    request.prompt = std::move(prompt);
    requests.push_back(std::move(request));
  }
  return requests;
}

/// What a run of pictures did, for people and programs.
struct Work {
  Json files = Json::array(), seeds = Json::array(), prompts = Json::array();
  Json settings;
  double loading_s = 0, seconds = 0;
  Json forecast;
  std::vector<Image> pictures;  ///< kept only when asked for
};

Json as_json(const Work& work) {
  return {{"files", work.files},
          {"seeds", work.seeds},
          {"prompts", work.prompts},
          {"seconds", work.seconds},
          {"seconds_loading", work.loading_s},
          {"peak_memory_bytes", peak_memory_bytes()},
          {"forecast", work.forecast},
          {"settings", work.settings}};
}

void note_picture(Work& work, const Picture& picture, const std::filesystem::path& file,
                  bool quiet) {
  work.files.push_back(file.string());
  work.seeds.push_back(picture.seed);
  work.prompts.push_back(picture.request.prompt);
  if (work.settings.is_null()) work.settings = to_json(picture.request);
  if (!quiet) fmt::print("{}  (seed {})\n", file.string(), picture.seed);
}

/// How a picture leaves the program.
std::function<void(const Picture&)> keeper(Work& work, const OutputOptions& output, bool several,
                                           bool quiet, TerminalView& view, bool keep_pictures) {
  return [=, &work, &view](const Picture& picture) {
    const auto file = output_path(output.output, picture.seed, several);
    save_image(
        file, picture.image,
        {.quality = output.quality, .lossless = output.lossless, .infotext = picture.infotext});
    if (output.preview) view.show(picture.image);
    view.keep();
    note_picture(work, picture, file, quiet);
    if (keep_pictures) work.pictures.push_back(picture.image);
  };
}

struct Extent {
  std::uint64_t memory_bytes = 0;  ///< 0: what is free
  bool keep_pictures = false;
};

Work make_pictures(const std::vector<GenerateRequest>& requests, const OutputOptions& output,
                   const MachineOptions& machine, const Extent& extent) {
  Runtime runtime{machine.device, machine.threads, {}};
  const InterruptGuard guard(runtime.cancel);
  Work work;
  const auto start = Clock::now();
  const auto models = load_models(requests.front(), runtime);
  work.loading_s = seconds_since(start);
  runtime.cancel.check();

  const bool several = requests.size() > 1 || requests.front().count > 1;
  TerminalView view;
  RunForecast forecast(requests.front(), machine);
  GenerateHooks hooks;
  hooks.planned = [&](const MemoryPlan& plan) {
    if (forecast.planned()) return;
    forecast.plan(plan, resolve(requests.front(), *models), work.loading_s);
    work.forecast = forecast.to_json();
    if (!machine.json) fmt::print(stderr, "{}\n", forecast.line());
  };
  if (!machine.json) hooks.progress = terminal_progress("step");
  if (output.preview) hooks.preview = [&](int, const Image& sketch) { view.show(sketch); };
  hooks.finished = keeper(work, output, several, machine.json, view, extent.keep_pictures);
  generate(*models, requests, runtime, hooks, {extent.memory_bytes, /*last_use=*/true});
  work.seconds = seconds_since(start);
  forecast.remember(peak_memory_bytes(), work.seconds);
  if (!machine.json)
    fmt::print(stderr, "{} of memory and {:.0f} s taken\n", format_bytes(peak_memory_bytes()),
               work.seconds);
  return work;
}

std::string replay_name(const std::string& file) {
  const std::filesystem::path path = file;
  return (path.parent_path() / (path.stem().string() + "-again.png")).string();
}

/// "pixel for pixel the same", or how it differs.
std::string compare(const Image& before, const Image& now) {
  if (before == now) return "pixel for pixel the same";
  if (before.width != now.width || before.height != now.height) return "of another size";
  return "not pixel for pixel the same (a lossy file, another model or another machine)";
}

}  // namespace

int run(const GenerateCommand& given) {
  GenerateCommand command = given;
  // Under a budget the plan chooses.
  if (command.memory.empty()) apply_tuning(command.request, command.machine);
  const Extent extent{command.memory.empty() ? 0 : parse_memory(command.memory), false};
  const auto work = make_pictures(requests_of(command), command.output, command.machine, extent);
  if (command.machine.json) print_json(as_json(work));
  return 0;
}

int run(const ReplayCommand& command) {
  const auto infotext = read_infotext(command.file);
  if (infotext.empty())
    throw Error(command.file + " does not say how it was made",
                "give a picture that Sumi made and that no other program has saved since");
  auto output = command.output;
  if (output.output.empty()) {
    output.output = replay_name(command.file);
    check_output(output.output);
  }
  const auto request = request_from_infotext(infotext);
  check(request);
  const auto work = make_pictures({request}, output, command.machine, {0, true});
  const auto verdict = compare(load_image(command.file), work.pictures.front());
  if (command.machine.json) {
    auto object = as_json(work);
    object["identical"] = verdict.starts_with("pixel");
    print_json(object);
  } else {
    fmt::print("It is {}.\n", verdict);
  }
  return 0;
}

}  // namespace sumi
