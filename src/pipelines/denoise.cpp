#include "pipelines/denoise.h"

#include <map>
#include <utility>

#include "diffusion/guidance.h"

namespace sumi {
namespace {

/// Width of the sinusoids that tell a distilled network its guidance scale (Luo et al. 2023).
constexpr std::int64_t kScaleEmbedding = 256;

/// One evaluation of the network: for which picture, under which context, with or without its start
/// image.
struct Row {
  std::int64_t picture = 0;
  Tensor context;
  bool sees_image = true;
};

class Guided {
 public:
  Guided(UNet unet, std::vector<Listening> pictures, GuidanceSettings guidance,
         std::shared_ptr<const StepPosition> position, Tensor extra, bool embed_scale)
      : unet_(std::move(unet)),
        pictures_(std::move(pictures)),
        guidance_(guidance),
        position_(std::move(position)),
        extra_(std::move(extra)),
        embed_scale_(embed_scale) {}

  Tensor operator()(const Tensor& input, const Tensor& timestep) const {
    std::vector<Row> rows;
    std::vector<std::size_t> first_row;
    for (std::size_t i = 0; i < pictures_.size(); ++i) {
      first_row.push_back(rows.size());
      add_rows(static_cast<std::int64_t>(i), rows);
    }
    const auto outputs = evaluate(input, timestep, rows);
    std::vector<Tensor> results;
    for (std::size_t i = 0; i < pictures_.size(); ++i)
      results.push_back(join(i, outputs.data() + first_row[i]));
    return torch::cat(results);
  }

 private:
  bool guides() const {
    if (embed_scale_) return false;
    const double done = static_cast<double>(position_->step - 1) / position_->steps;
    return guidance_.scale != 1 && done >= guidance_.start &&
           (done < guidance_.end || guidance_.end >= 1);
  }

  void add_rows(std::int64_t picture, std::vector<Row>& rows) const {
    const auto& heard = pictures_[static_cast<std::size_t>(picture)];
    const int step = position_->step;
    if (guides() || guidance_.image_scale > 0) {
      const Tensor negative = heard.negative.branches.front().at(step);
      rows.push_back({picture, negative, guidance_.image_scale == 0});
      if (guidance_.image_scale > 0) rows.push_back({picture, negative, true});
    }
    for (const auto& branch : heard.positive.branches)
      rows.push_back({picture, branch.at(step), true});
  }

  /// [1, C, h, w] for each row. Contexts of one length go through the network together.
  std::vector<Tensor> evaluate(const Tensor& input, const Tensor& timestep,
                               const std::vector<Row>& rows) const {
    std::map<std::int64_t, std::vector<std::size_t>> by_length;
    for (std::size_t i = 0; i < rows.size(); ++i) by_length[rows[i].context.size(1)].push_back(i);
    std::vector<Tensor> outputs(rows.size());
    for (const auto& [length, members] : by_length) {
      std::vector<Tensor> samples, times, contexts;
      for (const auto i : members) {
        samples.push_back(network_input(input, rows[i]));
        times.push_back(timestep.narrow(0, rows[i].picture, 1));
        contexts.push_back(rows[i].context);
      }
      const Tensor context = torch::cat(contexts);
      const Tensor output =
          unet_.forward(torch::cat(samples), torch::cat(times), context, scale_embedding(context));
      for (std::size_t k = 0; k < members.size(); ++k)
        outputs[members[k]] = output.narrow(0, static_cast<std::int64_t>(k), 1);
    }
    return outputs;
  }

  Tensor network_input(const Tensor& input, const Row& row) const {
    const Tensor x = input.narrow(0, row.picture, 1);
    if (!extra_.defined()) return x;
    const Tensor image = extra_.narrow(0, row.picture, 1);
    return torch::cat({x, row.sees_image ? image : torch::zeros_like(image)}, 1);
  }

  Tensor scale_embedding(const Tensor& context) const {
    if (!embed_scale_) return {};
    const Tensor scale =
        torch::full({context.size(0)}, (guidance_.scale - 1) * 1000, context.options());
    return timestep_embedding(scale, kScaleEmbedding, false, 1);
  }

  Tensor join(std::size_t picture, const Tensor* rows) const {
    const auto& branches = pictures_[picture].positive.branches;
    if (guidance_.image_scale > 0) {
      const Tensor guided = combine_edit(rows[2], rows[1], rows[0], guides() ? guidance_.scale : 1,
                                         guidance_.image_scale);
      return rescale_contrast(guided, rows[2], guidance_.rescale);
    }
    const bool with_negative = guides();
    std::vector<Tensor> positives(rows + (with_negative ? 1 : 0),
                                  rows + (with_negative ? 1 : 0) + branches.size());
    if (!with_negative) return weighted_mean(positives, branches);
    std::vector<double> weights;
    for (const auto& branch : branches) weights.push_back(branch.weight);
    const Tensor guided = combine(positives, weights, rows[0], guidance_.scale);
    return guidance_.rescale > 0
               ? rescale_contrast(guided, weighted_mean(positives, branches), guidance_.rescale)
               : guided;
  }

  static Tensor weighted_mean(const std::vector<Tensor>& outputs,
                              const std::vector<ConditioningBranch>& branches) {
    if (outputs.size() == 1) return outputs.front();
    Tensor sum = torch::zeros_like(outputs.front());
    double total = 0;
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      sum += branches[i].weight * outputs[i];
      total += branches[i].weight;
    }
    return total != 0 ? sum / total : outputs.front();
  }

  UNet unet_;
  std::vector<Listening> pictures_;
  GuidanceSettings guidance_;
  std::shared_ptr<const StepPosition> position_;
  Tensor extra_;
  bool embed_scale_;
};

/// The last of the levels that is at least as noisy as `level`, counted from 0.
int step_of(const std::vector<NoiseLevel>& levels, NoiseLevel level) {
  constexpr double kRounding = 1 + 1e-6;
  int step = 0;
  for (std::size_t i = 0; i + 1 < levels.size(); ++i)
    if (levels[i].ratio() * kRounding >= level.ratio()) step = static_cast<int>(i);
  return step;
}

}  // namespace

Network guided_network(UNet unet, std::vector<Listening> pictures, GuidanceSettings guidance,
                       std::shared_ptr<const StepPosition> position, Tensor extra,
                       bool embed_scale) {
  return Guided(std::move(unet), std::move(pictures), guidance, std::move(position),
                std::move(extra), embed_scale);
}

Denoiser track_steps(Denoiser denoise, std::vector<NoiseLevel> levels,
                     std::shared_ptr<StepPosition> position, StepHooks hooks, int first) {
  position->steps = first + static_cast<int>(levels.size()) - 1;
  return [denoise = std::move(denoise), levels = std::move(levels), position,
          hooks = std::move(hooks), first](const Tensor& x, NoiseLevel level) {
    position->step = first + step_of(levels, level) + 1;
    if (hooks.begin) hooks.begin(position->step, position->steps);
    Tensor clean = denoise(x, level);
    if (hooks.end) hooks.end(position->step, clean);
    return clean;
  };
}

}  // namespace sumi
