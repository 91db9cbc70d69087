#include <c10/core/GradMode.h>
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "cli/engine_commands.h"
#include "cli/eval_report.h"
#include "cli/interrupt.h"
#include "cli/output_path.h"
#include "cli/plain_commands.h"
#include "core/error.h"
#include "core/files.h"
#include "core/paths.h"
#include "core/tensor.h"
#include "data/dataset.h"
#include "media/contact_sheet.h"
#include "media/resize.h"
#include "pipelines/generate.h"
#include "pipelines/model_set.h"
#include "training/evaluation.h"
#include "training/identification.h"
#include "training/picture_tensor.h"
#include "training/samples.h"
#include "training/snapshots.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr int kRepeats = 200;
constexpr std::size_t kShown = 64;
constexpr std::size_t kClosest = 16;
constexpr int kCoded = 32;

/// Pictures of one kind and what the scorer sees in them.
struct Seen {
  PictureSet set;
  PictureFeatures features;
};

/// One evaluation on its way: what it was asked and what its parts share.
class Evaluation {
 public:
  Evaluation(const EvalCommand& command, const Runtime& runtime)
      : command_(command),
        runtime_(runtime),
        scorer_(open_scorer(command.scorer)),
        other_(fs::is_directory(command.features) ? std::optional(open_scorer(command.features))
                                                  : std::nullopt),
        inception_(fs::is_regular_file(command.features)
                       ? std::optional(open_inception(command.features))
                       : std::nullopt),
        measures_(choose_measures(command.measures, command.count, command.reference, width())) {}

  EvalReport run();

 private:
  const OpenedScorer& network() const { return other_ ? *other_ : scorer_; }
  int width() const {
    return static_cast<int>(inception_ ? Inception::kFeatures
                                       : network().scorer.image_config().channels.back());
  }
  ProgressSink progress(const char* unit) const {
    return command_.machine.json ? ProgressSink{} : terminal_progress(unit);
  }
  PictureFeatures features(std::span<const Image> pictures, const ProgressSink& told) const {
    return inception_ ? features_of(*inception_, scorer_, pictures, told, runtime_.cancel)
                      : features_of(network(), pictures, told, runtime_.cancel);
  }
  Seen look_at(PictureSet set) const {
    auto seen = features(set.pictures, progress("picture"));
    return {std::move(set), std::move(seen)};
  }
  PictureSet world_pictures(const std::string& split, int count);
  GenerateRequest first_request() const;
  void check_sizes(const ModelSet& models) const;
  PictureSet draw(ModelSet& models, const std::vector<std::string>& captions);
  std::vector<Image> through_autoencoder(const ModelSet& models,
                                         std::span<const Image> pictures) const;
  ReconstructionFigures reconstruct(const ModelSet& models, const Seen& real,
                                    const Seen& reference) const;
  SetFigures judge(const Seen& seen, const Seen& reference) const;
  void find_copies(EvalReport& report, const Seen& drawn, const Seen& real, const Seen& held_out);
  void save_sheet(EvalReport& report, const PictureSet& drawn) const;
  void save_nearest(EvalReport& report, const PictureSet& drawn, const PictureSet& training) const;
  Json settings() const;

  const EvalCommand& command_;
  const Runtime& runtime_;
  OpenedScorer scorer_;
  std::optional<OpenedScorer> other_;
  std::optional<Inception> inception_;
  ChosenMeasures measures_;
  int size_px_ = 0;
  std::uint64_t damaged_ = 0;
  GenerateRequest used_;  ///< the first picture's request, resolved
};

PictureSet Evaluation::world_pictures(const std::string& split, int count) {
  const auto world = open_world(command_.world, split, progress("file"));
  size_px_ = world->config().size_px;
  auto set = first_samples(*world, count, progress("picture"), runtime_.cancel);
  damaged_ += set.damage.count;
  return set;
}

GenerateRequest Evaluation::first_request() const {
  GenerateRequest request;
  request.model = command_.model;
  request.seed = command_.seed;
  request.steps = command_.steps;
  request.sampler = command_.sampler;
  request.guidance_scale = command_.guidance_scale;
  request.precision = command_.precision;
  return request;
}

/// Distances between pictures of different sizes would measure the size.
void Evaluation::check_sizes(const ModelSet& models) const {
  const auto drawn = resolve(first_request(), models);
  if (!command_.resize && (drawn.width != size_px_ || drawn.height != size_px_))
    throw Error(fmt::format("{} draws {} x {} pixels, {} shows {} x {}", command_.model,
                            drawn.width, drawn.height, command_.world, size_px_, size_px_),
                "give a world whose size_px is that of the model, or --resize");
  const auto check_size = [&](const OpenedScorer& scorer, const std::string& folder) {
    if (scorer.size_px != 0 && scorer.size_px != size_px_)
      throw Error(
          fmt::format("{} learned from pictures of {} x {} pixels, {} shows {} x {}", folder,
                      scorer.size_px, scorer.size_px, command_.world, size_px_, size_px_),
          "train a scorer on a world of that size");
  };
  check_size(scorer_, command_.scorer);
  if (other_) check_size(*other_, command_.features);
}

PictureSet Evaluation::draw(ModelSet& models, const std::vector<std::string>& captions) {
  std::vector<GenerateRequest> requests(captions.size(), first_request());
  for (std::size_t i = 0; i < captions.size(); ++i) {
    requests[i].prompt = captions[i];
    requests[i].seed = command_.seed + static_cast<std::int64_t>(i);
  }
  PictureSet drawn;
  drawn.captions = captions;
  GenerateHooks hooks;
  hooks.progress = progress("step");
  auto pictures = generate(models, requests, runtime_, hooks);
  used_ = pictures.front().request;
  for (auto& picture : pictures) {
    auto& image = picture.image;
    const bool fits = image.width == size_px_ && image.height == size_px_;
    drawn.pictures.push_back(fits ? std::move(image) : resize(image, size_px_, size_px_));
  }
  return drawn;
}

std::vector<Image> Evaluation::through_autoencoder(const ModelSet& models,
                                                   std::span<const Image> pictures) const {
  const c10::NoGradGuard no_grad;
  std::vector<Image> again;
  Progress told("reconstructing", static_cast<std::int64_t>(pictures.size()), progress("picture"));
  for (std::size_t first = 0; first < pictures.size(); first += kCoded) {
    runtime_.cancel.check();
    const auto some =
        pictures.subspan(first, std::min<std::size_t>(kCoded, pictures.size() - first));
    const Tensor pixels = tensor_of(some).to(models.device);
    for (auto& picture : pictures_of(models.coder.decode(models.coder.encode(pixels))))
      again.push_back(std::move(picture));
    told.advance(static_cast<std::int64_t>(some.size()));
  }
  return again;
}

ReconstructionFigures Evaluation::reconstruct(const ModelSet& models, const Seen& real,
                                              const Seen& reference) const {
  const auto again = through_autoencoder(models, real.set.pictures);
  return {
      reconstruction(real.set.pictures, again, kRepeats, command_.seed),
      compare(features(again, {}), reference.features, measures_, kRepeats, command_.seed).figures};
}

SetFigures Evaluation::judge(const Seen& seen, const Seen& reference) const {
  runtime_.cancel.check();
  SetFigures figures;
  figures.comparison =
      compare(seen.features, reference.features, measures_, kRepeats, command_.seed);
  if (measures_.has("clip_score")) {
    const auto own = other_ ? features_of(scorer_, seen.set.pictures, {}, runtime_.cancel).unit
                            : seen.features.unit;
    figures.clip_score = prompt_cosine(scorer_, own, seen.set.captions, kRepeats, command_.seed);
  }
  if (measures_.has("identification"))
    figures.identification =
        identify(scorer_, seen.set.pictures, seen.set.captions, command_.group);
  return figures;
}

/// The indices of the smallest values, smallest first.
std::vector<std::size_t> smallest(const std::vector<double>& values, std::size_t count) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return values[a] < values[b]; });
  order.resize(std::min(count, order.size()));
  return order;
}

void Evaluation::find_copies(EvalReport& report, const Seen& drawn, const Seen& real,
                             const Seen& held_out) {
  const auto training = look_at(world_pictures("train", command_.reference));
  const Tensor learned = pixel_features(training.set.pictures);
  const Tensor unseen = pixel_features(held_out.set.pictures);
  const auto judge_set = [&](const Seen& seen, SetFigures& into) {
    runtime_.cancel.check();
    into.by_features =
        memorisation(seen.features.pooled, training.features.pooled, held_out.features.pooled);
    into.by_pixels = memorisation(pixel_features(seen.set.pictures), learned, unseen);
  };
  judge_set(drawn, report.generated);
  judge_set(real, report.real);
  const auto &by_features = *report.generated.by_features, &by_pixels = *report.generated.by_pixels;
  for (const auto i : smallest(by_features.ratio, kClosest))
    report.closest.push_back({{"prompt", drawn.set.captions[i]},
                              {"seed", command_.seed + static_cast<std::int64_t>(i)},
                              {"nearest_by_features", by_features.training.index[i]},
                              {"ratio_by_features", by_features.ratio[i]},
                              {"nearest_by_pixels", by_pixels.training.index[i]},
                              {"ratio_by_pixels", by_pixels.ratio[i]}});
  save_nearest(report, drawn.set, training.set);
}

void Evaluation::save_sheet(EvalReport& report, const PictureSet& drawn) const {
  if (command_.output.empty()) return;
  const auto shown = std::min(drawn.pictures.size(), kShown);
  save_image(command_.output, contact_sheet(std::span(drawn.pictures).first(shown),
                                            std::span(drawn.captions).first(shown)));
  report.sheets.push_back(command_.output);
}

/// Three in a row: a generated picture, the nearest of training by features, and by pixels.
void Evaluation::save_nearest(EvalReport& report, const PictureSet& drawn,
                              const PictureSet& training) const {
  if (command_.output.empty()) return;
  const auto &by_features = *report.generated.by_features, &by_pixels = *report.generated.by_pixels;
  std::vector<Image> pictures;
  std::vector<std::string> labels;
  const auto show = [&](const Image& picture, std::string label) {
    pictures.push_back(picture);
    labels.push_back(std::move(label));
  };
  for (const auto i : smallest(by_features.ratio, kClosest)) {
    show(drawn.pictures[i], drawn.captions[i]);
    show(training.pictures[static_cast<std::size_t>(by_features.training.index[i])],
         fmt::format("features, {:.2f}", by_features.ratio[i]));
    show(training.pictures[static_cast<std::size_t>(by_pixels.training.index[i])],
         fmt::format("pixels, {:.2f}", by_pixels.ratio[i]));
  }
  fs::path file = command_.output;
  file.replace_filename(file.stem().string() + "-nearest" + file.extension().string());
  save_image(file, contact_sheet(pictures, labels, {.columns = 3}));
  report.sheets.push_back(file.string());
}

/// Which network saw the pictures, so that figures are only compared with their like.
Json described(const OpenedScorer& network, const std::string& folder) {
  const fs::path inner = fs::path(folder) / "model";
  const fs::path model = fs::exists(inner) ? inner : fs::path(folder);
  return {{"name", "image-text scorer"},
          {"folder", folder},
          {"width", network.scorer.image_config().channels.back()},
          {"xxh64", file_checksum(model / "model.safetensors")}};
}

Json described(const Inception& network, const std::string& file) {
  const bool of_2015 = network.kind() == InceptionKind::tensorflow_2015;
  return {
      {"name", of_2015 ? "Inception v3 of TensorFlow, 2015-12-05" : "Inception v3 of torchvision"},
      {"file", file},
      {"width", Inception::kFeatures},
      {"xxh64", file_checksum(file)}};
}

Json Evaluation::settings() const {
  const AgreementOptions neighbours;
  return {
      {"model", command_.model},
      {"world", command_.world},
      {"split", command_.split},
      {"pictures", command_.count},
      {"reference", command_.reference},
      {"damaged", damaged_},
      {"size_px", size_px_},
      {"drawn_px", {used_.width, used_.height}},
      {"steps", used_.steps},
      {"sampler", used_.sampler},
      {"spacing", used_.spacing},
      {"guidance_scale", used_.guidance_scale},
      {"seed", command_.seed},
      {"precision", used_.precision},
      {"group", command_.group},
      {"features", inception_ ? described(*inception_, command_.features)
                              : described(network(), other_ ? command_.features : command_.scorer)},
      {"cmmd_vectors", inception_ ? "scorer" : "features"},
      {"scorer", described(scorer_, command_.scorer)},
      {"resampled", kRepeats},
      {"precision_neighbours", neighbours.precision_neighbours},
      {"density_neighbours", neighbours.density_neighbours}};
}

EvalReport Evaluation::run() {
  auto set = world_pictures(command_.split, command_.count + command_.reference);
  const auto models = load_models(first_request(), runtime_);
  check_sizes(*models);
  const Seen reference = look_at(split_off(set, command_.reference));
  const Seen real = look_at(std::move(set));
  EvalReport report;
  const Seen drawn = look_at(draw(*models, real.set.captions));
  save_sheet(report, drawn.set);
  report.generated = judge(drawn, reference);
  report.real = judge(real, reference);
  if (measures_.has("reconstruction"))
    report.reconstruction = reconstruct(*models, real, reference);
  if (measures_.has("memorisation")) find_copies(report, drawn, real, reference);
  report.left_out = measures_.left_out;
  report.settings = settings();
  return report;
}

}  // namespace

int run(const EvalCommand& command) {
  Runtime runtime{command.machine.device, command.machine.threads, {}};
  const InterruptGuard guard(runtime.cancel);
  start_torch(runtime);
  const auto report = Evaluation(command, runtime).run();
  if (command.machine.json)
    print_json(to_json(report));
  else
    print(report);
  return 0;
}

}  // namespace sumi
