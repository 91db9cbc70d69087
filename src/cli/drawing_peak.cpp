#include "cli/drawing_peak.h"

#include "cli/child_process.h"
#include "cli/measurement.h"
#include "cli/random_model.h"
#include "core/files.h"
#include "pipelines/generate.h"

namespace sumi {
namespace {

/// Loads the checkpoint and draws one picture of 512 x 512 in two steps.
Json draw_once(const std::filesystem::path& file, const Runtime& runtime,
               const std::string& precision) {
  GenerateRequest request;
  request.model = file.string();
  request.prompt = "a red apple on a blue table";
  request.seed = 1;
  request.steps = 2;
  request.precision = precision;
  const auto models = load_models(request, runtime);
  const auto pictures =
      generate(*models, std::span(&request, 1), runtime, {}, MemoryOptions{0, true});
  return {{"value", peak_memory_bytes()},
          {"width", pictures.front().image.width},
          {"height", pictures.front().image.height}};
}

}  // namespace

std::filesystem::path write_random_sd15(const std::filesystem::path& folder) {
  constexpr double kNeeded = 3e9;
  if (std::filesystem::space(folder).available < kNeeded)
    throw Error(fmt::format("{} has no room for a checkpoint of 2 GB", folder.string()),
                "set TMPDIR to a folder with 3 GB");
  const auto file = folder / "sd15.safetensors";
  save_single_file(file, random_sd15_checkpoint(), DType::f16);
  return file;
}

Json drawing_peak(const BenchCommand& command, const std::string& precision) {
  const TemporaryDirectory folder;
  measure_in_child([&] {
    start_torch(runtime_of(command));
    return Json{{"file", write_random_sd15(folder.path()).string()}};
  });
  return draw_once(folder.path() / "sd15.safetensors", runtime_of(command), precision);
}

}  // namespace sumi
