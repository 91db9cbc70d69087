#include "pipelines/denoise.h"

#include <algorithm>
#include <map>
#include <utility>

#include "diffusion/guidance.h"
#include "pipelines/reuse.h"

namespace sumi {
namespace {

/// A seed for one picture's step. Neighbouring seeds and steps must not meet.
std::uint64_t seed_of_step(std::uint64_t picture, int step) {
  return picture * 0x9e3779b97f4a7c15u + static_cast<std::uint64_t>(step);
}

bool same_text(const ConditioningStage& a, const ConditioningStage& b) {
  return at::equal(a.context, b.context) && a.pooled.defined() == b.pooled.defined() &&
         (!a.pooled.defined() || at::equal(a.pooled, b.pooled));
}

/// Makes contexts of equal numbers one tensor, so that what listens to the same is computed once.
void share_equal_contexts(std::vector<Listening>& pictures) {
  std::vector<ConditioningStage> distinct;
  const auto share = [&](Conditioning& heard) {
    for (auto& branch : heard.branches)
      for (auto& stage : branch.stages) {
        const auto equal = std::find_if(distinct.begin(), distinct.end(),
                                        [&](const auto& other) { return same_text(other, stage); });
        if (equal == distinct.end())
          distinct.push_back(stage);
        else
          stage.context = equal->context;
      }
  };
  for (auto& picture : pictures) {
    share(picture.positive);
    share(picture.negative);
  }
}

class Guided {
 public:
  Guided(DiffusionNetwork network, std::vector<Listening> pictures, GuidanceSettings guidance,
         std::shared_ptr<const StepPosition> position, Tensor extra, bool embed_scale,
         Savings savings)
      : network_(std::move(network)),
        pictures_(std::move(pictures)),
        guidance_(guidance),
        position_(std::move(position)),
        extra_(std::move(extra)),
        embed_scale_(embed_scale),
        savings_(std::move(savings)),
        step_cache_(savings_.step_cache) {
    share_equal_contexts(pictures_);
  }

  Tensor operator()(const Tensor& input, const Tensor& timestep) {
    NetworkRows rows;
    std::vector<std::vector<std::size_t>> of_picture;
    for (std::size_t i = 0; i < pictures_.size(); ++i)
      of_picture.push_back(add_rows(static_cast<std::int64_t>(i), rows));
    const auto outputs = evaluate(input, timestep, rows);
    std::vector<Tensor> results;
    for (std::size_t i = 0; i < pictures_.size(); ++i) {
      std::vector<Tensor> own;
      for (const auto row : of_picture[i]) own.push_back(outputs[row]);
      results.push_back(join(i, own.data()));
    }
    return torch::cat(results);
  }

 private:
  bool guides() const {
    if (embed_scale_) return false;
    const double done = static_cast<double>(position_->step - 1) / position_->steps;
    return guidance_.scale != 1 && done >= guidance_.start &&
           (done < guidance_.end || guidance_.end >= 1);
  }

  /// Adds what is still missing among the rows; returns which of them the picture needs, in the
  /// order that join() reads: negative ones first.
  std::vector<std::size_t> add_rows(std::int64_t picture, NetworkRows& rows) const {
    const auto& heard = pictures_[static_cast<std::size_t>(picture)];
    const int step = position_->step;
    std::vector<std::size_t> needed;
    const auto need = [&](const ConditioningStage& text, bool sees_image) {
      const NetworkRow row = {picture, text.context, sees_image, text.pooled};
      const auto found = std::find(rows.begin(), rows.end(), row);
      needed.push_back(static_cast<std::size_t>(found - rows.begin()));
      if (found == rows.end()) rows.push_back(row);
    };
    if (guides() || guidance_.image_scale > 0) {
      const auto& negative = heard.negative.branches.front().stage_at(step);
      need(negative, guidance_.image_scale == 0);
      if (guidance_.image_scale > 0) need(negative, true);
    }
    for (const auto& branch : heard.positive.branches) need(branch.stage_at(step), true);
    return needed;
  }

  /// [1, C, h, w] for each row. Contexts of one length go through the network together, apart from
  /// those that need less of it.
  std::vector<Tensor> evaluate(const Tensor& input, const Tensor& timestep,
                               const NetworkRows& rows) {
    std::map<std::pair<std::int64_t, bool>, std::vector<std::size_t>> passes;
    for (std::size_t i = 0; i < rows.size(); ++i)
      passes[{rows[i].context.size(1), step_cache_.serves(rows[i], position_->step)}].push_back(i);
    std::vector<Tensor> outputs(rows.size());
    for (const auto& [kind, members] : passes) {
      NetworkRows together;
      for (const auto i : members) together.push_back(rows[i]);
      const Tensor output = run_pass(input, timestep, together, kind.second);
      for (std::size_t k = 0; k < members.size(); ++k)
        outputs[members[k]] = output.narrow(0, static_cast<std::int64_t>(k), 1);
    }
    return outputs;
  }

  /// [rows, C, h, w]; `outermost`: by the layers that the step cache leaves to be computed.
  Tensor run_pass(const Tensor& input, const Tensor& timestep, const NetworkRows& rows,
                  bool outermost) {
    std::vector<Tensor> samples, times, pooled;
    UNetOptions options{.merging = {savings_.token_merging, {}}};
    for (const auto& row : rows) {
      samples.push_back(network_input(input, row));
      times.push_back(timestep.narrow(0, row.picture, 1));
      if (row.pooled.defined()) pooled.push_back(row.pooled);
      options.merging.seeds.push_back(seed_of_step(seed_of(row.picture), position_->step));
    }
    const auto context = joined_.of(rows);
    options.timestep_cond = scale_embedding(context.tokens());
    Tensor deep;
    if (outermost)
      options.deep = step_cache_.recall(rows, position_->step);
    else if (step_cache_.keeps())
      options.keep_deep = &deep;
    const TextInputs text{context, pooled.empty() ? Tensor() : torch::cat(pooled)};
    const Tensor output = network_.forward(torch::cat(samples), torch::cat(times), text, options);
    if (deep.defined()) step_cache_.keep(rows, position_->step, deep);
    return output;
  }

  std::uint64_t seed_of(std::int64_t picture) const {
    const auto i = static_cast<std::size_t>(picture);
    return i < savings_.seeds.size() ? savings_.seeds[i] : 0;
  }

  Tensor network_input(const Tensor& input, const NetworkRow& row) const {
    const Tensor x = input.narrow(0, row.picture, 1);
    if (!extra_.defined()) return x;
    const Tensor image = extra_.narrow(0, row.picture, 1);
    return torch::cat({x, row.sees_image ? image : torch::zeros_like(image)}, 1);
  }

  /// The sinusoids that tell a distilled network its guidance scale (Luo et al. 2023).
  Tensor scale_embedding(const Tensor& context) const {
    if (!embed_scale_) return {};
    const Tensor scale =
        torch::full({context.size(0)}, (guidance_.scale - 1) * 1000, context.options());
    return timestep_embedding(scale, network_.unet().config().time_cond_proj_dim, false, 1);
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

  DiffusionNetwork network_;
  std::vector<Listening> pictures_;
  GuidanceSettings guidance_;
  std::shared_ptr<const StepPosition> position_;
  Tensor extra_;
  bool embed_scale_;
  Savings savings_;
  JoinedContexts joined_;
  StepCache step_cache_;
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

Network guided_network(DiffusionNetwork network, std::vector<Listening> pictures,
                       GuidanceSettings guidance, std::shared_ptr<const StepPosition> position,
                       Tensor extra, bool embed_scale, Savings savings) {
  return Guided(std::move(network), std::move(pictures), guidance, std::move(position),
                std::move(extra), embed_scale, std::move(savings));
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
