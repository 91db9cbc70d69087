#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>

#include "cli/command.h"
#include "cli/output_path.h"
#include "core/paths.h"
#include "pipelines/memory_options.h"
#include "training/measures.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr int kMostThreads = 1024;

void check_file(const char* option, const std::string& file) {
  if (file.empty() || fs::is_regular_file(file)) return;
  throw Error(fmt::format("{}: there is no file {}", option, file), "check the name");
}

void check_machine(const MachineOptions& machine) {
  if (machine.threads < 0 || machine.threads > kMostThreads)
    throw Error(fmt::format("--threads is {}", machine.threads),
                fmt::format("give a number from 0 to {}; 0 uses every core", kMostThreads));
  const auto& device = machine.device;
  const bool numbered = device.starts_with("cuda:") && device.size() > 5 &&
                        std::all_of(device.begin() + 5, device.end(),
                                    [](unsigned char c) { return std::isdigit(c) != 0; });
  if (device != "cpu" && device != "cuda" && !numbered)
    throw Error(fmt::format("--device is \"{}\"", device), "give cpu, cuda or cuda:N");
}

void check_quality(const OutputOptions& output) {
  if (output.quality < 1 || output.quality > 100)
    throw Error(fmt::format("--quality is {}", output.quality), "give a number from 1 to 100");
}

template <std::size_t N>
void check_word(const char* option, const std::string& value, const char* const (&words)[N]) {
  if (std::find(std::begin(words), std::end(words), value) != std::end(words)) return;
  throw Error(fmt::format("{} is \"{}\"", option, value),
              fmt::format("choose one of: {}", fmt::join(words, ", ")));
}

void check_range(const char* option, int value, int least, int most) {
  if (value >= least && value <= most) return;
  throw Error(fmt::format("{} is {}", option, value),
              fmt::format("give a number from {} to {}", least, most));
}

/// HOST:PORT.
void check_address(const std::string& address) {
  const auto colon = address.rfind(':');
  int port = 0;
  if (colon != std::string::npos && colon > 0)
    std::from_chars(address.data() + colon + 1, address.data() + address.size(), port);
  if (port < 1 || port > 65535 || address.substr(colon + 1) != std::to_string(port))
    throw Error(fmt::format("--master is \"{}\"", address),
                "give the first machine's address and a free port of it, e.g. 10.0.0.1:29500");
}

}  // namespace

fs::path find_model(const std::string& name) {
  const auto path = model_path(name);
  if (fs::exists(path)) return path;
  throw Error(
      fmt::format("there is no model {}", name),
      "give a checkpoint file or a diffusers folder, or one of Sumi's own: default, editing "
      "or live");
}

void check(const GenerateCommand& command) {
  check(command.request);
  check_machine(command.machine);
  check_quality(command.output);
  if (!command.memory.empty()) parse_memory(command.memory);
  check_file("--prompts", command.prompts);
  check_file("--image", command.request.image);
  check_file("--mask", command.request.mask);
  find_model(command.request.model);
  if (!command.request.vae.empty()) find_model(command.request.vae);
  check_output(command.output.output);
}

void check(const ReplayCommand& command) {
  check_machine(command.machine);
  check_quality(command.output);
  check_file("replay", command.file);
  check_output(command.output.output);
}

void check(const ConvertCommand& command) {
  static constexpr const char* kTypes[] = {"keep", "f32", "f16", "bf16", "int8"};
  static constexpr const char* kLayouts[] = {"auto", "diffusers", "single"};
  check_machine(command.machine);
  check_word("--to", command.to, kTypes);
  check_word("--layout", command.layout, kLayouts);
  find_model(command.source);
  if (fs::exists(command.target))
    throw Error(fmt::format("{} is already there", command.target),
                "choose another name, or remove it first");
  auto target = command.target;
  while (target.size() > 1 && target.ends_with('/')) target.pop_back();
  check_writable(target);
}

void check(const TrainCommand& command) {
  check_machine(command.machine);
  check_file("train", command.recipe);
  check_range("--processes", command.processes, 1, 1024);
  check_range("--nodes", command.nodes, 1, 1024);
  check_range("--node-rank", command.node_rank, 0, command.nodes - 1);
  check_range("--max-restarts", command.max_restarts, 0, 1'000'000);
  check_range("--rank-timeout", command.rank_timeout, 1, 86400);
  if (command.nodes > 1 || !command.master.empty()) check_address(command.master);
}

void check(const EvalCommand& command) {
  check_machine(command.machine);
  find_model(command.model);
  if (command.scorer.empty() || !fs::is_directory(command.scorer))
    throw Error(fmt::format("--scorer: there is no folder \"{}\"", command.scorer),
                "train one: sumi train recipes/…/scorer.json --output out/scorer");
  if (command.world.empty()) throw Error("--world is missing", "give recipes/worlds/NAME.json");
  check_file("--world", command.world);
  for (const auto& measure : command.measures) check_word("--measures", measure, kMeasures);
  if (!command.features.empty() && !fs::is_directory(command.features) &&
      !fs::is_regular_file(command.features))
    throw Error(fmt::format("--features: there is no file or folder \"{}\"", command.features),
                "give Inception v3 weights or the output folder of a scorer's training");
  if (command.group < 2 || command.count < command.group || command.count > 100'000)
    throw Error(fmt::format("--count is {} and --group is {}", command.count, command.group),
                "give a group of 2 or more and a count from one group to 100000");
  if (command.reference < 2 || command.reference > 10'000)
    throw Error(fmt::format("--reference is {}", command.reference),
                "give a number from 2 to 10000");
  GenerateRequest drawn;
  drawn.prompt = "a picture";
  drawn.steps = command.steps;
  drawn.sampler = command.sampler;
  drawn.guidance_scale = command.guidance_scale;
  drawn.precision = command.precision;
  check(drawn);
  if (!command.output.empty()) check_output(command.output);
}

void check(const BenchCommand& command) {
  static constexpr const char* kSuites[] = {"base", "cpu", "savings", "data", "train"};
  check_machine(command.machine);
  check_word("--suite", command.suite, kSuites);
  if (command.repeats < 1 || command.repeats > 1000)
    throw Error(fmt::format("--repeats is {}", command.repeats), "give a number from 1 to 1000");
}

void check(const TuneCommand& command) {
  check_machine(command.machine);
  find_model(command.model);
  for (const int edge : {command.width, command.height})
    if (edge < 0 || edge > 8192 || edge % 8 != 0)
      throw Error(fmt::format("a picture edge of {} pixels", edge),
                  "give a multiple of 8 from 8 to 8192, or 0 for the model's own");
  if ((command.width == 0) != (command.height == 0))
    throw Error("only one of --width and --height is given", "give both or none");
  if (command.repeats < 1 || command.repeats > 1000)
    throw Error(fmt::format("--repeats is {}", command.repeats), "give a number from 1 to 1000");
  if (!(command.seconds >= 1 && command.seconds <= 86400))
    throw Error(fmt::format("--seconds is {}", command.seconds), "give a number from 1 to 86400");
}

}  // namespace sumi
