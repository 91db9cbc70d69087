#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "core/config.h"
#include "data/thresholds.h"
#include "pipelines/request.h"

// What can be asked for on the command line, as values. Both programs read the same ones.

namespace sumi {

/// How to compute and how much to say.
struct MachineOptions {
  std::string device = "cpu";
  int threads = 0;
  bool verbose = false;
  bool json = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("device", self.device, "where to compute: cpu, cuda or cuda:1");
    visit("threads", self.threads, "compute threads, e.g. 2; 0 uses every core this process has");
    visit("verbose", self.verbose, "say more about what is done, on stderr");
    visit("json", self.json, "one JSON object on stdout, for programs; nothing else is printed");
  }
};

/// Where pictures go.
struct OutputOptions {
  std::string output;
  int quality = 95;
  bool lossless = false;
  bool preview = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("output", self.output,
          "file to write, e.g. apple.png, apple.jpg or apple.webp (several pictures get their seed "
          "added), or a folder ending in /; default sumi-SEED.png");
    visit("quality", self.quality, "JPEG and WebP quality, 1 to 100, e.g. 90");
    visit("lossless", self.lossless, "WebP without loss");
    visit("preview", self.preview,
          "watch the picture emerge in the terminal, where it can show pictures");
  }
};

struct GenerateCommand {
  static constexpr bool needs_engine = true;
  GenerateRequest request;
  std::string prompts;  ///< a file with one prompt a line; empty: request.prompt
  std::string memory;   ///< what the run may take, "2G"; empty: what is free
  OutputOptions output;
  MachineOptions machine;
};

struct ReplayCommand {
  static constexpr bool needs_engine = true;
  std::string file;
  OutputOptions output;
  MachineOptions machine;
};

struct ConvertCommand {
  static constexpr bool needs_engine = true;
  std::string source;
  std::string target;
  std::string to = "keep";
  std::string layout = "auto";
  MachineOptions machine;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit(
        "to", self.to,
        "numbers of the result: f32, f16, bf16, keep as they are, or int8: the U-Net's accurate "
        "layers as bytes with scales, the rest in f16 (a folder; loads faster, is half as large)");
    visit(
        "layout", self.layout,
        "diffusers (a folder) or single (one file); auto: single when TARGET ends in .safetensors");
  }
};

struct TrainCommand {
  static constexpr bool needs_engine = true;
  std::string recipe;
  std::string output;
  int processes = 1;
  int nodes = 1;
  int node_rank = 0;
  std::string master;
  int max_restarts = 3;
  int rank_timeout = 600;
  MachineOptions machine;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("output", self.output,
          "folder of the run, e.g. out/apple; a run found there goes on; default out/RECIPE");
    visit("processes", self.processes,
          "processes on this machine that share the training, e.g. 2; the recipe's "
          "trainer.accumulation is a multiple of their number");
    visit("nodes", self.nodes,
          "machines that share the training; the same command is given on each, with its own "
          "--node-rank");
    visit("node_rank", self.node_rank, "which of them this is, from 0; the first one writes");
    visit("master", self.master,
          "with several machines: the first one's address and a free port of it, e.g. "
          "10.0.0.1:29500");
    visit("max_restarts", self.max_restarts,
          "how often all processes are started again, from the last snapshot, when one was lost");
    visit("rank_timeout", self.rank_timeout,
          "seconds after which a silent process counts as lost; validation and saving have to be "
          "faster");
  }
};

struct BenchCommand {
  static constexpr bool needs_engine = true;
  std::string suite = "base";
  std::vector<std::string> only;
  int repeats = 3;
  bool profile = false;
  std::string model = "default";
  std::string vae;
  MachineOptions machine;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("suite", self.suite, "which measurements: base, cpu, savings, data or train");
    visit("only", self.only, "one measurement by its key, e.g. load_2gb; may be given again");
    visit("repeats", self.repeats, "runs of which the median is taken, e.g. 5");
    visit("profile", self.profile,
          "instead of a suite: where the time goes, layer by layer, in Stable Diffusion 1.5's "
          "networks");
    visit("model", self.model, "of the pictures of suite savings: model folder or file");
    visit("vae", self.vae, "suite savings: another autoencoder to measure, e.g. taesd");
  }
};

struct TuneCommand {
  static constexpr bool needs_engine = true;
  std::string model = "default";
  int width = 0;
  int height = 0;
  double seconds = 110;
  int repeats = 2;
  bool forget = false;
  MachineOptions machine;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("model", self.model,
          "model folder or checkpoint file, or one that comes with Sumi: default, editing or live");
    visit("width", self.width, "picture width in pixels, e.g. 512; 0 the model's own");
    visit("height", self.height, "picture height in pixels, e.g. 512; 0 the model's own");
    visit("seconds", self.seconds, "how long to measure at most, e.g. 60");
    visit("repeats", self.repeats,
          "timed runs of each choice, of which the fastest counts, e.g. 3");
    visit("forget", self.forget, "forget what was remembered for this model");
  }
};

struct EvalCommand {
  static constexpr bool needs_engine = true;
  std::string model = "default";
  std::string scorer;
  std::string features;
  std::string world;
  std::string split = "held_out";
  std::vector<std::string> measures;
  int count = 512;
  int reference = 2048;
  int group = 64;
  std::int64_t seed = 0;
  int steps = 0;
  std::string sampler;
  double guidance_scale = -1;
  std::string precision = "auto";
  bool resize = false;
  std::string output;
  MachineOptions machine;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("model", self.model, "the model to judge: a folder, a file or one of Sumi's own by name");
    visit("scorer", self.scorer, "output folder of a scorer's training, e.g. out/scorer");
    visit("features", self.features,
          "what distances are measured in: Inception v3 weights, e.g. "
          "pt_inception-2015-12-05-6726825d.pth for the published FID, or another scorer's folder; "
          "empty: --scorer");
    visit("world", self.world, "the world whose captions are drawn, e.g. recipes/worlds/NAME.json");
    visit(
        "split", self.split,
        "which samples of it: validation, validation_concepts, held_out, held_out_pairs or train");
    visit("measures", self.measures,
          "which of fid, kid, cmmd, precision, density, clip_score, identification, "
          "reconstruction, memorisation; empty: all that the count is enough for");
    visit("count", self.count, "how many pictures, e.g. 512");
    visit("reference", self.reference,
          "real pictures to compare with, and as many of training, e.g. 2048");
    visit("group", self.group, "prompts among which a picture's own has to be picked, e.g. 64");
    visit("seed", self.seed, "seed of the first picture, e.g. 0");
    visit("steps", self.steps, "sampling steps, e.g. 20; 0 the model's own");
    visit("sampler", self.sampler, "solver by name, e.g. \"DPM++ 2M\"; empty the model's own");
    visit("guidance_scale", self.guidance_scale,
          "how strictly to follow the prompt, e.g. 3; -1 the model's own");
    visit("precision", self.precision, "what the U-Net multiplies in: fp32, int8 or auto");
    visit("resize", self.resize,
          "bring the model's pictures to the world's size where it draws another; without it that "
          "is an error, as distances would measure the size");
    visit("output", self.output,
          "contact sheet of the first 64 pictures, e.g. sheet.png; beside it sheet-nearest.png, "
          "the pictures nearest to training");
  }
};

struct InfoCommand {
  static constexpr bool needs_engine = false;
  std::string file;
  bool json = false;
};

struct DoctorCommand {
  static constexpr bool needs_engine = false;
  bool json = false;
};

struct InspectCommand {
  static constexpr bool needs_engine = false;
  std::string path;
  bool tensors = false;
  bool json = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("tensors", self.tensors, "list every tensor with dtype and shape");
  }
};

struct DataListCommand {
  static constexpr bool needs_engine = false;
  std::vector<std::string> sources;  ///< empty: all, or with `names` the fetched ones
  bool names = false;
  bool json = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("names", self.names,
          "what fetched sources show instead: the names that a world's \"concepts\" takes, each "
          "with the number of sources that have it");
  }
};

struct DataFetchCommand {
  static constexpr bool needs_engine = false;
  std::vector<std::string> names;
  bool json = false;
};

struct DataSheetCommand {
  static constexpr bool needs_engine = false;
  std::string world;
  std::string output = "sheet.png";
  int count = 64;
  std::int64_t seed = 0;
  bool json = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("output", self.output, "file to write, e.g. sheet.png");
    visit("count", self.count, "how many samples, e.g. 64");
    visit("seed", self.seed, "which samples, e.g. 0");
  }
};

struct DataInspectCommand {
  static constexpr bool needs_engine = false;
  std::vector<std::string> paths;
  std::string output;
  int threads = 0;
  int near_distance = 4;
  std::string scorer;
  double near_cosine = 0.99;
  int bucket_size = 512;
  int bucket_step = 64;
  bool json = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("output", self.output,
          "page to write, default report.html; with --json only when it is given");
    visit("threads", self.threads, "pictures measured at a time, e.g. 2; 0 uses every core");
    visit("near_distance", self.near_distance,
          "bits of 64 in which hashes of near-duplicates differ, at most; default 4");
    visit("scorer", self.scorer,
          "output folder of a scorer's training, e.g. out/scorer: how well captions fit, and "
          "near-duplicates that it sees");
    visit("near_cosine", self.near_cosine,
          "with --scorer: likeness from which pictures are near-duplicates, up to 1; default "
          "0.99");
    visit("bucket_size", self.bucket_size,
          "count how pictures fall into aspect buckets of a world with this size_px; default 512");
    visit("bucket_step", self.bucket_step, "and this step_px of its buckets; default 64");
  }
};

struct DataCurateCommand {
  static constexpr bool needs_engine = false;
  std::vector<std::string> paths;
  std::string output;
  std::string licences;
  std::string exclude;
  std::string shards;
  int validation = 3;
  int held_out = 3;
  int threads = 0;
  int near_distance = 4;
  std::string scorer;
  double near_cosine = 0.99;
  Thresholds thresholds;
  bool json = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("output", self.output, "folder for the tables, e.g. out/mine; made when it is not there");
    visit("licences", self.licences, "SPDX names that are allowed, e.g. CC0-1.0,MIT; default any");
    visit("exclude", self.exclude,
          "text file with names, paths or authors to leave out, one a line");
    visit("shards", self.shards, "also write WebDataset shards of at most this size, e.g. 256M");
    visit(
        "validation", self.validation,
        "share of the families kept for validation; default 3; pictures of sources stand where the "
        "fixed split puts their names");
    visit("held_out", self.held_out, "share that no training may see, likewise; default 3");
    visit("threads", self.threads, "pictures measured at a time, e.g. 2; 0 uses every core");
    visit("near_distance", self.near_distance,
          "bits of 64 in which hashes of near-duplicates differ, at most; default 4");
    visit("scorer", self.scorer,
          "output folder of a scorer's training, e.g. out/scorer: how well captions fit, and "
          "near-duplicates that it sees");
    visit("near_cosine", self.near_cosine,
          "with --scorer: likeness from which pictures are near-duplicates, up to 1; default "
          "0.99");
  }
};

struct DataCaptionCommand {
  static constexpr bool needs_engine = false;
  std::vector<std::string> paths;
  std::string output = "captions.jsonl";
  std::vector<std::string> templates;
  bool replace = false;
  std::string translate;
  bool json = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("output", self.output, "list to write, default captions.jsonl");
    visit("templates", self.templates,
          "how to compose, e.g. \"[{style} of ]{a name}[, {tags}]\"; may be given again");
    visit("replace", self.replace, "compose even where there is a caption");
    visit("translate", self.translate,
          "table of two columns, from and to, e.g. tags.csv; replaces tags, groups, styles, names "
          "and the parts of captions between commas");
  }
};

struct DataCacheCommand {
  static constexpr bool needs_engine = false;
  bool clear = false;
  bool json = false;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("clear", self.clear, "remove all of it; training makes again what it needs");
  }
};

/// True when the command needs the engine because of an option.
template <class C>
bool asks_for_engine(const C& command) {
  if constexpr (requires { command.scorer; } && !C::needs_engine) return !command.scorer.empty();
  return false;
}

/// Text asked for by --help or --version.
struct ShowCommand {
  static constexpr bool needs_engine = false;
  std::string text;
};

/// Versions of the engine's libraries, as `sumi-engine --version` tells them.
struct VersionCommand {
  static constexpr bool needs_engine = false;
  bool json = false;
};

using Command =
    std::variant<ShowCommand, VersionCommand, GenerateCommand, ReplayCommand, ConvertCommand,
                 TrainCommand, EvalCommand, BenchCommand, TuneCommand, InfoCommand, DoctorCommand,
                 InspectCommand, DataListCommand, DataFetchCommand, DataSheetCommand,
                 DataInspectCommand, DataCurateCommand, DataCaptionCommand, DataCacheCommand>;

/// Reads the arguments after the program's name. Throws Error for what cannot be understood:
/// unknown options (with the nearest known one), values that are no numbers, missing arguments.
Command parse_command_line(const std::vector<std::string>& arguments);

/// What can be checked without a model: ranges, files that must exist, outputs that can be written.
/// Throws Error.
void check(const GenerateCommand& command);
void check(const ReplayCommand& command);
void check(const ConvertCommand& command);
void check(const TrainCommand& command);
void check(const EvalCommand& command);
void check(const BenchCommand& command);
void check(const TuneCommand& command);

/// Where a file, a folder or a model that comes with Sumi lies. Throws Error when there is none.
std::filesystem::path find_model(const std::string& name);

}  // namespace sumi
