#include <fmt/format.h>

#include <filesystem>

#include "cli/engine_process.h"
#include "cli/machine.h"
#include "cli/plain_commands.h"
#include "cli/version.h"
#include "core/paths.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kGB = 1'000'000'000;
constexpr double kSd15Fp32_GB = 5.5;  // text to image at 512 x 512

/// Something that hinders or slows, and what to do about it.
struct Finding {
  std::string what, advice;
};

Json as_json(const std::vector<Finding>& findings) {
  Json list = Json::array();
  for (const auto& f : findings) list.push_back({{"what", f.what}, {"advice", f.advice}});
  return list;
}

/// What the checks have gathered.
struct Report {
  Json versions, places, disk;
  Machine machine;
  std::vector<Finding> broken;  ///< Sumi cannot work
  std::vector<Finding> slow;    ///< it works, but slowly or not with every model
};

void look_for_engine(Report& report) {
  report.versions = own_versions();
  try {
    report.versions.update(engine_versions());
  } catch (const Error& error) {
    report.broken.push_back({error.what(), error.hint()});
  }
}

void look_for(Report& report, const char* name, const std::string& place, bool needed) {
  try {
    report.places[name] = resource(place).string();
  } catch (const Error& error) {
    report.places[name] = nullptr;
    (needed ? report.broken : report.slow).push_back({error.what(), error.hint()});
  }
}

void look_at_disk(Report& report) {
  const auto note = [&](const char* name, const fs::path& folder) {
    const auto room = free_disk_bytes(folder);
    report.disk[name] = {{"folder", folder.string()}, {"free_bytes", room ? Json(*room) : Json()}};
    if (room && *room < kGB)
      report.slow.push_back(
          {fmt::format("only {} are free in {}", format_bytes(*room), folder.string()),
           "make room: a picture takes up to 5 MB, a model 2 to 5 GB"});
  };
  note("here", fs::current_path());
  try {
    note("cache", cache_directory());
  } catch (const std::exception& error) {
    report.slow.push_back({fmt::format("the cache folder cannot be used: {}", error.what()),
                           "set SUMI_CACHE to a folder that can be written"});
  }
}

void judge_processor(Report& report) {
  const auto& machine = report.machine;
  if (!machine.has("avx2"))
    report.slow.push_back({"the processor has no AVX2: everything takes several times longer",
                           "use a machine from 2014 or later"});
  else if (!machine.has("avx512"))
    report.slow.push_back({"the processor has no AVX-512: about half the speed of one that has",
                           "nothing is wrong; fewer --steps help"});
  if (machine.cores_usable == 1)
    report.slow.push_back(
        {fmt::format("one of {} cores may be used", machine.cores_online),
         "give this container or shell more cores; with one, allow twice the time of two"});
  else if (machine.cores_usable < machine.cores_online)
    report.slow.push_back({fmt::format("{} of {} cores may be used (affinity or quota)",
                                       machine.cores_usable, machine.cores_online),
                           "raise the container's CPU limit to use them all"});
  if (report.versions["build"] != "Release")
    report.slow.push_back({fmt::format("this is a {} build", report.versions["build"].dump()),
                           "scripts/build makes the optimised one"});
}

void judge_memory(Report& report) {
  const auto available = static_cast<double>(report.machine.memory_available_bytes) / kGB;
  if (available < 1)
    report.broken.push_back({fmt::format("only {:.1f} GB of memory are available", available),
                             "close other programs; the model that comes with Sumi needs 1 GB"});
  else if (available < kSd15Fp32_GB)
    report.slow.push_back(
        {fmt::format("{:.1f} GB of memory are available: too little for Stable Diffusion 1.5 in "
                     "32-bit numbers at 512 x 512 ({} GB)",
                     available, kSd15Fp32_GB),
         "use smaller pictures and --vae-tiling on; the model that comes with Sumi fits"});
}

void judge_gpu(Report& report) {
  const bool driver = !report.machine.gpu_driver.empty();
  const bool built = report.versions.value("cuda", false);
  if (driver && !built)
    report.slow.push_back({"there is an NVIDIA driver, but this LibTorch computes on the CPU only",
                           "build with a CUDA LibTorch: cmake --preset release "
                           "-DCMAKE_PREFIX_PATH=/path/to/libtorch"});
  if (driver && built && report.versions.value("gpus", 0) == 0)
    report.slow.push_back({"there is an NVIDIA driver, but LibTorch finds no GPU to compute on",
                           "check what nvidia-smi says, and that the driver is new enough for this "
                           "LibTorch's CUDA"});
  if (!driver)
    report.slow.push_back(
        {"no NVIDIA driver was found: everything runs on the processor; Stable "
         "Diffusion 1.5 at 512 x 512 takes minutes a picture",
         "nothing is wrong; the model that comes with Sumi takes seconds"});
}

Report examine() {
  Report report;
  report.machine = read_machine();
  report.places = Json::object();
  look_for_engine(report);
  look_for(report, "default_model", "models/default/model_index.json", true);
  look_for(report, "clip_vocabulary", "clip/bpe_simple_vocab_16e6.txt", false);
  look_at_disk(report);
  judge_processor(report);
  judge_memory(report);
  judge_gpu(report);
  return report;
}

Json as_json(const Report& report) {
  const auto& m = report.machine;
  return {{"usable", report.broken.empty()},
          {"versions", report.versions},
          {"machine",
           {{"processor", m.processor},
            {"features", m.features},
            {"cores_online", m.cores_online},
            {"cores_usable", m.cores_usable},
            {"memory_bytes", m.memory_bytes},
            {"memory_available_bytes", m.memory_available_bytes},
            {"gpu_driver", m.gpu_driver.empty() ? Json(nullptr) : Json(m.gpu_driver)}}},
          {"places", report.places},
          {"disk", report.disk},
          {"broken", as_json(report.broken)},
          {"slow", as_json(report.slow)}};
}

void print_findings(const char* heading, const std::vector<Finding>& findings) {
  if (findings.empty()) return;
  fmt::print("\n{}\n", heading);
  for (const auto& f : findings) fmt::print("  - {}\n      {}\n", f.what, f.advice);
}

std::string plain(const Json& value) {
  return value.is_null()     ? "not found"
         : value.is_string() ? value.get<std::string>()
                             : value.dump();
}

void print_report(const Report& report) {
  const auto line = [](std::string_view name, const std::string& value) {
    fmt::print("  {:<18}{}\n", name, value);
  };
  const auto& m = report.machine;
  fmt::print("INSTALLED\n");
  for (const auto& [name, value] : report.versions.items()) line(name, plain(value));
  fmt::print("\nMACHINE\n");
  line("processor", m.processor);
  line("features", fmt::format("{}", fmt::join(m.features, " ")));
  line("cores", fmt::format("{} usable of {}", m.cores_usable, m.cores_online));
  line("memory", fmt::format("{} available of {}", format_bytes(m.memory_available_bytes),
                             format_bytes(m.memory_bytes)));
  line("gpu driver", m.gpu_driver.empty() ? "none" : m.gpu_driver);
  for (const auto& [name, place] : report.disk.items())
    if (!place["free_bytes"].is_null())
      line("disk (" + name + ")",
           fmt::format("{} free in {}", format_bytes(place["free_bytes"].get<std::uint64_t>()),
                       place["folder"].get<std::string>()));
  fmt::print("\nFOUND\n");
  for (const auto& [name, place] : report.places.items()) line(name, plain(place));
  print_findings("NOT WORKING", report.broken);
  print_findings("WHAT WOULD BE SLOW, AND WHY", report.slow);
  fmt::print("\n{}\n", report.broken.empty() ? "Sumi is ready." : "Sumi cannot work yet.");
}

}  // namespace

int run(const DoctorCommand& command) {
  const auto report = examine();
  if (command.json)
    print_json(as_json(report));
  else
    print_report(report);
  return report.broken.empty() ? 0 : 2;
}

}  // namespace sumi
