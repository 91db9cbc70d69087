#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "cli/command.h"
#include "cli/config_options.h"
#include "cli/help.h"
#include "core/nearest.h"

namespace sumi {
namespace {

/// Every command's values while the arguments are read.
struct Draft {
  bool version = false;
  VersionCommand versions;
  GenerateCommand generate;
  std::vector<std::string> words;
  std::string size;
  ReplayCommand replay;
  ConvertCommand convert;
  TrainCommand train;
  EvalCommand eval;
  BenchCommand bench;
  TuneCommand tune;
  InfoCommand info;
  DoctorCommand doctor;
  InspectCommand inspect;
  DataListCommand list;
  DataFetchCommand fetch;
  DataSheetCommand sheet;
  DataInspectCommand survey;
  DataCurateCommand curate;
  DataCaptionCommand caption;
  DataCacheCommand cache;
};

void add_json(CLI::App& app, bool& json) {
  app.add_flag("--json", json, "one JSON object on stdout, for programs")->group("Options");
}

/// A positional argument. `required` is told in the usage line and enforced.
template <class T>
CLI::Option* add_argument(CLI::App& app, const char* name, T& value, const char* description) {
  return app.add_option(name, value, description)->required();
}

CLI::App& add_command(CLI::App& parent, const char* name, const char* description) {
  auto& app = *parent.add_subcommand(name, description);
  app.set_help_flag("-h,--help", "show this help")->group("Machine");
  return app;
}

void describe_generate(CLI::App& program, Draft& draft) {
  auto& app = add_command(program, "generate", "Make pictures from words.");
  auto& command = draft.generate;
  app.add_option("PROMPT", draft.words, "what to draw; words without quotes are joined");
  add_fields(app, command.request);
  app.add_option("--size", draft.size, "width and height in one, e.g. 512x768")
      ->type_name("WxH")
      ->group("Picture");
  app.add_option("--prompts", command.prompts, "a text file with one prompt a line, e.g. list.txt")
      ->type_name("FILE")
      ->group("Picture");
  app.add_option("--memory", command.memory,
                 "what the whole run may take, e.g. 2G or 1500M; precision, tiles and batches are "
                 "chosen to fit")
      ->type_name("BYTES")
      ->group("Machine");
  add_fields(app, command.output);
  add_fields(app, command.machine);
  app.footer(kGenerateExamples);
}

void describe_replay(CLI::App& program, Draft& draft) {
  auto& app =
      add_command(program, "replay", "Make a picture again from what it says about itself.");
  add_argument(app, "FILE", draft.replay.file, "a picture that Sumi (or A1111) made");
  add_fields(app, draft.replay.output);
  add_fields(app, draft.replay.machine);
  app.footer("Example:\n  sumi replay sumi-1.png -o again.png\n");
}

void describe_model(CLI::App& program, Draft& draft) {
  auto& app = add_command(program, "model", "Look into model files and convert them.");
  auto& inspect = add_command(app, "inspect", "What a checkpoint, folder or tensor file holds.");
  add_argument(inspect, "PATH", draft.inspect.path, "a weight file or a diffusers folder");
  add_fields(inspect, draft.inspect);
  add_json(inspect, draft.inspect.json);
  inspect.footer(
      "Examples:\n  sumi model inspect v1-5.ckpt\n  sumi model inspect sd21/ --tensors\n");
  auto& convert = add_command(app, "convert", "Write a model in another layout or precision.");
  add_argument(convert, "SOURCE", draft.convert.source, "a checkpoint file or a diffusers folder");
  add_argument(convert, "TARGET", draft.convert.target, "a new .safetensors file or a new folder");
  add_fields(convert, draft.convert);
  add_fields(convert, draft.convert.machine);
  convert.footer(
      "Examples:\n  sumi model convert v1-5.ckpt v1-5.safetensors --to f16\n"
      "  sumi model convert v1-5.safetensors sd15/ --layout diffusers\n"
      "  sumi model convert v1-5.safetensors sd15-int8/ --to int8\n");
}

constexpr const char* kPathsHelp =
    "folders, .tar shards, metadata.jsonl or .csv files, pictures, lists that curate wrote, names "
    "of fetched sources";

void describe_own_data(CLI::App& app, Draft& draft) {
  auto& survey = add_command(app, "inspect", "What is in a data set and what is wrong with it.");
  add_argument(survey, "PATH", draft.survey.paths, kPathsHelp);
  add_fields(survey, draft.survey);
  add_json(survey, draft.survey.json);
  survey.footer(
      "Examples:\n  sumi data inspect photos/ shards/ -o report.html\n"
      "  sumi data inspect noto -o noto.html    a source that sumi data fetch brought\n"
      "  sumi data inspect photos/ --scorer out/scorer\n");
  auto& curate = add_command(app, "curate",
                             "Choose what to train on; a table says why, and nothing is deleted.");
  add_argument(curate, "PATH", draft.curate.paths, kPathsHelp);
  add_fields(curate, draft.curate);
  add_fields(curate, draft.curate.thresholds);
  add_json(curate, draft.curate.json);
  curate.footer(
      "Examples:\n  sumi data curate photos/ -o out/mine --licences CC0-1.0,MIT\n"
      "  sumi data curate photos/ -o out/mine --min-side 512 --exclude names.txt --shards 256M\n");
  auto& caption = add_command(app, "caption", "Compose captions from fields, and repair them.");
  add_argument(caption, "PATH", draft.caption.paths, kPathsHelp);
  add_fields(caption, draft.caption);
  add_json(caption, draft.caption.json);
  caption.footer(
      "Fields: {name} {a name} {caption} {style} {group} {subgroup} {tags} {author}; what stands\n"
      "in [ … ] falls away when a field in it is empty. Several templates are drawn by file name.\n"
      "Examples:\n  sumi data caption photos/ --template \"a photo of {a name}[, {tags}]\"\n"
      "  sumi data caption photos/ --translate tags.csv\n");
}

void describe_data(CLI::App& program, Draft& draft) {
  auto& app = add_command(program, "data", "Fetch, inspect, curate and caption training pictures.");
  auto& list = add_command(app, "list", "The sources that can be fetched, with their licences.");
  list.add_option("SOURCE", draft.list.sources, "names of sources; default all, --names: fetched");
  add_fields(list, draft.list);
  add_json(list, draft.list.json);
  list.footer("Examples:\n  sumi data list\n  sumi data list --names noto twemoji\n");
  auto& fetch = add_command(app, "fetch", "Download sources by name; does nothing twice.");
  add_argument(fetch, "NAME", draft.fetch.names, "names from sumi data list");
  add_json(fetch, draft.fetch.json);
  fetch.footer("Example:\n  sumi data fetch noto twemoji\n");
  auto& sheet = add_command(app, "sheet", "A contact sheet of training samples with captions.");
  add_argument(sheet, "WORLD", draft.sheet.world, "a world, e.g. recipes/worlds/NAME.json");
  add_fields(sheet, draft.sheet);
  add_json(sheet, draft.sheet.json);
  describe_own_data(app, draft);
  auto& cache = add_command(app, "cache", "What training keeps on disk to compute only once.");
  add_fields(cache, draft.cache);
  add_json(cache, draft.cache.json);
  cache.footer("Example:\n  sumi data cache --clear\n");
}

void describe_training(CLI::App& program, Draft& draft) {
  auto& train = add_command(program, "train", "Train as a recipe says; goes on where it stopped.");
  add_argument(train, "RECIPE", draft.train.recipe, "a recipe, e.g. recipes/NAME.json");
  add_fields(train, draft.train);
  add_fields(train, draft.train.machine);
  train.footer("Example:\n  sumi train recipes/NAME.json --output out/mine\n");
  auto& eval = add_command(program, "eval",
                           "Judge a model against real pictures and by what it was asked for.");
  add_fields(eval, draft.eval);
  add_fields(eval, draft.eval.machine);
  eval.footer(
      "Examples:\n  sumi eval --scorer out/scorer --world recipes/worlds/NAME.json -o sheet.png\n"
      "  sumi eval --scorer out/scorer --world recipes/worlds/NAME.json --measures fid kid\n");
  auto& bench = add_command(program, "bench", "Measure speed and memory on this machine.");
  add_fields(bench, draft.bench);
  add_fields(bench, draft.bench.machine);
  bench.footer("Example:\n  sumi bench --suite base --json\n");
  auto& tune = add_command(
      program, "tune", "Find the fastest settings of a model on this machine, and remember them.");
  add_fields(tune, draft.tune);
  add_fields(tune, draft.tune.machine);
  tune.footer("Example:\n  sumi tune --model sd15.safetensors --width 512 --height 512\n");
}

void describe_looks(CLI::App& program, Draft& draft) {
  auto& info = add_command(program, "info", "What a picture or a weight file says about itself.");
  add_argument(info, "FILE", draft.info.file, "a PNG, JPEG or WebP, or a weight file");
  add_json(info, draft.info.json);
  info.footer("Example:\n  sumi info sumi-1.png\n");
  add_json(add_command(program, "doctor",
                       "What is installed, what the processor can do, what would be slow and why."),
           draft.doctor.json);
}

/// The command that was named, innermost last.
const CLI::App* named_command(const CLI::App& program) {
  const CLI::App* app = &program;
  while (!app->get_subcommands().empty()) app = app->get_subcommands().front();
  return app;
}

std::string full_name(const CLI::App& app) {
  return app.get_parent() ? full_name(*app.get_parent()) + " " + app.get_name() : app.get_name();
}

[[noreturn]] void refuse(const CLI::App& app, const std::string& word) {
  std::vector<std::string> known;
  const bool option = word.starts_with("-");
  if (option) {
    for (const auto* known_option : app.get_options())
      for (const auto& name : known_option->get_lnames()) known.push_back("--" + name);
  } else {
    for (const auto* sub : app.get_subcommands([](const CLI::App*) { return true; }))
      known.push_back(sub->get_name());
  }
  const auto near = nearest(word.substr(0, word.find('=')), known);
  const auto help = full_name(app) + " --help";
  throw Error(
      option ? fmt::format("{} is not an option of {}", word, full_name(app))
             : fmt::format("{} does not know \"{}\"", full_name(app), word),
      near.empty() ? help + " lists what there is" : fmt::format("{}; {} lists all", near, help));
}

void parse_size(const std::string& text, GenerateRequest& request) {
  const auto x = text.find_first_of("xX");
  if (x == std::string::npos)
    throw Error(fmt::format("--size: \"{}\" has no x between two numbers", text),
                "write it like --size 512x768");
  parse_value("--size", text.substr(0, x), request.width);
  parse_value("--size", text.substr(x + 1), request.height);
}

GenerateCommand finish_generate(Draft& draft, const CLI::App& app) {
  auto& command = draft.generate;
  if (!draft.words.empty()) {
    if (app.count("--prompt") > 0)
      throw Error(fmt::format("the prompt is given twice: \"{}\" and \"{}\"",
                              command.request.prompt, fmt::join(draft.words, " ")),
                  "use one of them; put it in quotes");
    command.request.prompt = fmt::format("{}", fmt::join(draft.words, " "));
  }
  const bool any = !draft.words.empty() || app.count("--prompt") > 0;
  if (any && !command.prompts.empty())
    throw Error("--prompts and a prompt are both given", "use one of them");
  if (!any && command.prompts.empty())
    throw Error("no prompt", "say what to draw: sumi generate \"a red apple\"");
  if (!draft.size.empty()) parse_size(draft.size, command.request);
  return command;
}

Command finish(Draft& draft, const CLI::App& app) {
  const auto name = full_name(app);
  if (name == "sumi generate") return finish_generate(draft, app);
  if (name == "sumi replay") return draft.replay;
  if (name == "sumi model inspect") return draft.inspect;
  if (name == "sumi model convert") return draft.convert;
  if (name == "sumi data list") return draft.list;
  if (name == "sumi data fetch") return draft.fetch;
  if (name == "sumi data sheet") return draft.sheet;
  if (name == "sumi data inspect") return draft.survey;
  if (name == "sumi data curate") return draft.curate;
  if (name == "sumi data caption") return draft.caption;
  if (name == "sumi data cache") return draft.cache;
  if (name == "sumi train") return draft.train;
  if (name == "sumi eval") return draft.eval;
  if (name == "sumi bench") return draft.bench;
  if (name == "sumi tune") return draft.tune;
  if (name == "sumi info") return draft.info;
  return draft.doctor;
}

void describe_all(CLI::App& program, Draft& draft) {
  program.name("sumi");
  program.set_help_flag("-h,--help", "show this help")->group("Options");
  program.add_flag("--version", draft.version, "the versions of Sumi and its engine")
      ->group("Options");
  add_json(program, draft.versions.json);
  program.footer(kProgramExamples);
  describe_generate(program, draft);
  describe_replay(program, draft);
  describe_looks(program, draft);
  describe_model(program, draft);
  describe_data(program, draft);
  describe_training(program, draft);
}

}  // namespace

Command parse_command_line(const std::vector<std::string>& arguments) {
  CLI::App program("Sumi draws pictures from words, on your own machine.");
  Draft draft;
  describe_all(program, draft);
  const auto help = [&] {
    const auto* app = named_command(program);
    return ShowCommand{help_text(*app, full_name(*app))};
  };
  try {
    program.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return help();
  } catch (const CLI::ExtrasError&) {
    refuse(*named_command(program), program.remaining(true).front());
  } catch (const CLI::ParseError& fault) {
    const auto* app = named_command(program);
    throw Error(fmt::format("{}: {}", full_name(*app), fault.what()),
                full_name(*app) + " --help shows how to call it");
  }
  if (draft.version) return draft.versions;
  const auto* app = named_command(program);
  if (app == &program || app->get_name() == "model" || app->get_name() == "data") return help();
  return finish(draft, *app);
}

}  // namespace sumi
