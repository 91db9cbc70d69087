#include "training/distillation_task.h"

#include <c10/core/GradMode.h>

#include <cmath>

#include "core/error.h"
#include "core/sent_to.h"
#include "diffusion/guidance.h"
#include "diffusion/plan.h"
#include "training/export.h"
#include "training/model_parts.h"
#include "training/objective.h"
#include "training/picture_tensor.h"
#include "training/randomness.h"
#include "training/samples.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr int kScaleWidth = 256;  // of the embedded guidance scale, as published models have it
constexpr int kValidationBatch = 32;
constexpr int kEndpoints = 32;
constexpr int kShownPrompts = 8;
constexpr int kTeacherSteps = 20;
constexpr const char* kTeacherSampler = "DPM++ 2M";
constexpr const char* kTeacherSpacing = "trailing";
constexpr const char* kScaleKernel = "time_embedding.cond_proj.weight";

using Levels = std::vector<NoiseLevel>;

struct Distiller {
  ModelParts student;
  UNet teacher;
  UNet target;  ///< follows the student
  Objective objective;
  DistillationConfig config;
  bool checkpoint_blocks;

  bool consistency() const { return config.method == "consistency"; }
};

/// A text-to-image U-Net takes the guidance scale as one more input, which says nothing at first.
void add_scale_input(UNetConfig& config, StateDict& state) {
  if (config.in_channels != config.out_channels || config.time_cond_proj_dim > 0)
    throw Error("init_from: its U-Net is not a plain text-to-image network",
                "give a text-to-image model that was not distilled");
  config.time_cond_proj_dim = kScaleWidth;
  state[kScaleKernel] = at::zeros({config.block_out_channels.front(), kScaleWidth});
}

/// Tensors of its own, where the module would otherwise share a mapped file.
void own_weights(UNet& unet) {
  for (const auto& [name, slot] : unet.parameters()) *slot = slot->to(torch::kFloat).clone();
}

std::shared_ptr<Distiller> make_distiller(const Recipe& recipe, const fs::path& output,
                                          torch::Device device) {
  const fs::path start = starting_folder(recipe, output);
  ModelParts student = open_model_parts(start, output, add_scale_input);
  UNet target = open_unet(start, add_scale_input);
  own_weights(target);
  if (student.schedule.num_train_timesteps % recipe.distillation.solver_steps != 0)
    throw Error(fmt::format("distillation.solver_steps: {} timesteps cannot be cut into {} parts",
                            student.schedule.num_train_timesteps, recipe.distillation.solver_steps),
                "use 50");
  if (student.schedule.beta_schedule == "flow" && recipe.distillation.method == "consistency")
    throw Error("init_from: LCMScheduler, for which the student is written, has no rectified flow",
                "distil a U-Net that was taught epsilon or v_prediction, or use method guidance");
  check(recipe.objective, student.schedule);
  Objective objective(student.schedule, recipe.objective);
  UNet teacher = open_unet(start);
  place(student, device);
  place(teacher, device);
  place(target, device);
  return std::make_shared<Distiller>(Distiller{std::move(student), std::move(teacher), target,
                                               std::move(objective), recipe.distillation,
                                               recipe.checkpoint_blocks});
}

/// One number for each item of `like`, [N, 1, 1, 1] beside it.
Tensor column(const std::vector<float>& values, const Tensor& like) {
  return sent_to(like.device(), torch::tensor(values)).view({-1, 1, 1, 1});
}

template <class Number>
Tensor column(std::span<const NoiseLevel> levels, const Tensor& like, const Number& number) {
  std::vector<float> values;
  for (const auto& level : levels) values.push_back(static_cast<float>(number(level)));
  return column(values, like);
}

/// `timesteps`: [N], on the host.
Levels levels_at(const Schedule& schedule, const Tensor& timesteps) {
  Levels levels;
  for (std::int64_t i = 0; i < timesteps.numel(); ++i)
    levels.push_back(schedule.level(timesteps[i].item<double>()));
  return levels;
}

/// What a step learns from: clean latents, what is said of them, and the scale they are guided by.
struct Lesson {
  Tensor clean, noise;     ///< [N, C, h, w]
  Tensor context, unsaid;  ///< [N, tokens, width]
  Tensor scales;           ///< [N]
};

Lesson lesson_of(const Distiller& d, const Batch& batch, std::uint64_t seed) {
  const c10::NoGradGuard no_grad;
  Lesson lesson;
  lesson.clean = scaled_latents(*d.student.autoencoder, batch.pictures);
  const auto device = lesson.clean.device();
  lesson.noise =
      training_noise(d.objective.config, lesson.clean.sizes(), mix_seed(seed, 1), device);
  lesson.context = context_of(d.student, batch.captions);
  lesson.unsaid = context_of(d.student, std::vector<std::string>(batch.captions.size()));
  const Tensor u = sent_to(device, uniform_numbers(lesson.clean.size(0), mix_seed(seed, 3)));
  lesson.scales = d.config.guidance_low + (d.config.guidance_high - d.config.guidance_low) * u;
  return lesson;
}

/// The teacher's output, guided by each item's own scale.
Tensor guided_output(const UNet& teacher, const Tensor& input, const Tensor& timesteps,
                     const Lesson& lesson) {
  const c10::NoGradGuard no_grad;
  const Tensor time = sent_to(input.device(), timesteps);
  const auto outputs = teacher
                           .forward(at::cat({input, input}), at::cat({time, time}),
                                    at::cat({lesson.context, lesson.unsaid}))
                           .chunk(2);
  return outputs[1] + lesson.scales.view({-1, 1, 1, 1}) * (outputs[0] - outputs[1]);
}

Tensor told_output(const UNet& network, const Tensor& input, const Tensor& timesteps,
                   const Tensor& context, const Tensor& scales, bool checkpoint_blocks = false) {
  UNetOptions options;
  options.timestep_cond = guidance_embedding(scales - 1, kScaleWidth);
  options.recompute_blocks = checkpoint_blocks;
  return network.forward(input, sent_to(input.device(), timesteps), context, options);
}

Tensor scaled_input(const Parameterisation& scale, const Tensor& x, const Levels& levels) {
  return column(levels, x, [&](NoiseLevel level) { return scale.scalings(level).in; }) * x;
}

/// The picture that a consistency network sees at the end of the trajectory through x.
Tensor endpoint(const Distiller& d, const UNet& network, const Tensor& x, const Tensor& timesteps,
                const Lesson& lesson, bool checkpoint_blocks = false) {
  const Levels levels = levels_at(d.objective.schedule, timesteps);
  const Tensor output = told_output(network, scaled_input(d.objective.scale, x, levels), timesteps,
                                    lesson.context, lesson.scales, checkpoint_blocks);
  const Tensor clean = clean_estimate(d.objective.scale, x, output, levels);
  std::vector<float> skips, outs;
  for (std::int64_t i = 0; i < timesteps.numel(); ++i) {
    const Boundary boundary =
        consistency_boundary(timesteps[i].item<double>(), d.student.schedule.timestep_scaling);
    skips.push_back(static_cast<float>(boundary.skip));
    outs.push_back(static_cast<float>(boundary.out));
  }
  return column(skips, x) * x + column(outs, x) * clean;
}

/// Latent consistency distillation (Luo et al. 2023, algorithm 1).
Tensor consistency_loss(const Distiller& d, const Batch& batch, std::uint64_t seed) {
  const Lesson lesson = lesson_of(d, batch, seed);
  const auto count = lesson.clean.size(0);
  const int steps = d.config.solver_steps, stride = d.objective.schedule.size() / steps;
  const Tensor u = uniform_numbers(count, mix_seed(seed, 2));
  const Tensor place = ((at::arange(count) + u) / count * steps).floor().clamp_max(steps - 1);
  const Tensor now = (place + 1) * stride - 1, next = (now - stride).clamp_min(0);
  const Levels from = levels_at(d.objective.schedule, now),
               to = levels_at(d.objective.schedule, next);
  const Tensor x = add_noise(lesson.clean, lesson.noise, from);
  const auto& scale = d.objective.scale;
  Tensor wanted;
  {
    const c10::NoGradGuard no_grad;
    const Tensor guided = guided_output(d.teacher, scaled_input(scale, x, from), now, lesson);
    wanted = endpoint(d, d.target, solver_step(scale, x, guided, from, to), next, lesson);
  }
  const Tensor found = endpoint(d, d.student.network.unet(), x, now, lesson, d.checkpoint_blocks);
  return pseudo_huber(found - wanted, d.config.huber);
}

/// The error of the teacher's guided output, weighted as in plain training.
Tensor guidance_loss(const Distiller& d, const Batch& batch, std::uint64_t seed) {
  const Lesson lesson = lesson_of(d, batch, seed);
  const Tensor timesteps =
      stratified_timesteps(d.objective, static_cast<int>(lesson.clean.size(0)), mix_seed(seed, 2));
  const Levels levels = levels_at(d.objective.schedule, timesteps);
  const Tensor input = training_pair(d.objective.scale, lesson.clean, lesson.noise, levels).input;
  const Tensor wanted = guided_output(d.teacher, input, timesteps, lesson);
  const Tensor found = told_output(d.student.network.unet(), input, timesteps, lesson.context,
                                   lesson.scales, d.checkpoint_blocks);
  const Tensor weights =
      column(levels, input, [&](NoiseLevel level) { return error_weight(d.objective, level); });
  return (weights * (found - wanted).square()).mean();
}

Tensor loss_of(const Distiller& d, const Batch& batch, std::uint64_t seed) {
  return d.consistency() ? consistency_loss(d, batch, seed) : guidance_loss(d, batch, seed);
}

/// LCM's scheduler over the teacher's process.
ScheduleConfig consistency_schedule(const Distiller& d) {
  ScheduleConfig schedule = d.student.schedule;
  schedule.timestep_spacing = "leading";
  schedule.original_inference_steps = d.config.solver_steps;
  return schedule;
}

Plan student_plan(const Distiller& d, int steps) {
  if (d.consistency()) return make_plan(consistency_schedule(d), find_sampler("LCM"), steps);
  ScheduleConfig schedule = d.student.schedule;
  schedule.timestep_spacing = kTeacherSpacing;
  return make_plan(schedule, find_sampler(kTeacherSampler), steps);
}

/// What to draw, and the noise it starts from.
struct Wish {
  Tensor context, unsaid, scales, noise;
};

Wish wish_for(const Distiller& d, const std::vector<std::string>& prompts, int size_px) {
  const c10::NoGradGuard no_grad;
  const auto count = static_cast<std::int64_t>(prompts.size());
  const auto& vae = d.student.autoencoder->config();
  const int halvings = static_cast<int>(vae.block_out_channels.size()) - 1;
  const std::int64_t side = size_px >> halvings;
  const auto device = device_of(*d.student.autoencoder);
  return {context_of(d.student, prompts),
          context_of(d.student, std::vector<std::string>(prompts.size())),
          at::full({count}, d.config.guidance_scale, torch::TensorOptions().device(device)),
          normal_numbers({count, vae.latent_channels, side, side}, 1, device)};
}

Tensor draw(const Plan& plan, const Network& network, const Tensor& noise) {
  const c10::NoGradGuard no_grad;
  auto fresh = generator_of(2);
  const NoiseSource source = [fresh](const Tensor& like) {
    return sent_to(like.device(), at::randn(like.sizes(), fresh, torch::TensorOptions()));
  };
  return plan.run(plan.denoiser(network), noise * plan.initial_scale, source);
}

Tensor drawn_by_student(const Distiller& d, const Wish& wish, int steps) {
  const Network network = [&](const Tensor& input, const Tensor& time) {
    return told_output(d.student.network.unet(), input, time, wish.context, wish.scales);
  };
  return draw(student_plan(d, steps), network, wish.noise);
}

Tensor drawn_by_teacher(const Distiller& d, const Wish& wish, int steps) {
  const Lesson lesson{{}, {}, wish.context, wish.unsaid, wish.scales};
  const Network network = [&](const Tensor& input, const Tensor& time) {
    return guided_output(d.teacher, input, time, lesson);
  };
  ScheduleConfig schedule = d.student.schedule;
  schedule.timestep_spacing = kTeacherSpacing;
  return draw(make_plan(schedule, find_sampler(kTeacherSampler), steps), network, wish.noise);
}

/// Root mean square of a difference.
double distance(const Tensor& a, const Tensor& b) {
  return std::sqrt((a - b).square().mean().item<double>());
}

std::vector<std::string> captions_of(const Dataset& world, int count) {
  std::vector<std::string> prompts;
  for (int i = 0; i < count; ++i)
    prompts.push_back(world.caption_at(static_cast<std::uint64_t>(i)));
  return prompts;
}

NamedNumbers endpoints(const Distiller& d, const std::vector<std::string>& prompts, int size_px) {
  const Wish wish = wish_for(d, prompts, size_px);
  const Tensor end = drawn_by_teacher(d, wish, kTeacherSteps);
  return {{"endpoint_student", distance(drawn_by_student(d, wish, 1), end)},
          {"endpoint_teacher", distance(drawn_by_teacher(d, wish, 1), end)}};
}

/// Each prompt drawn by the student in few steps and by the teacher in many.
Panel beside_the_teacher(const Distiller& d, const std::vector<std::string>& prompts, int size_px) {
  const Wish wish = wish_for(d, prompts, size_px);
  std::vector<std::vector<Image>> columns;
  std::vector<std::string> names;
  const auto add = [&](const std::string& name, const Tensor& latents) {
    columns.push_back(pictures_of(decoded(*d.student.autoencoder, latents)));
    names.push_back(name);
  };
  const std::vector<int> counts =
      d.consistency() ? std::vector<int>{1, 2, 4} : std::vector<int>{kTeacherSteps};
  for (const int steps : counts)
    add(fmt::format("{} step{}", steps, steps == 1 ? "" : "s"), drawn_by_student(d, wish, steps));
  add(fmt::format("teacher, {} steps", kTeacherSteps), drawn_by_teacher(d, wish, kTeacherSteps));
  Panel panel;
  panel.columns = static_cast<int>(2 * columns.size());
  for (std::size_t row = 0; row < prompts.size(); ++row)
    for (std::size_t i = 0; i < columns.size(); ++i) {
      panel.pictures.push_back(columns[i][row]);
      panel.labels.push_back(i == 0 ? prompts[row] : names[i]);
    }
  return panel;
}

PublishedAs as_student(const Distiller& d, int size_px) {
  PublishedAs as;
  as.scheduler = published(d.student.schedule);
  as.generation = {{"width", size_px}, {"height", size_px}};
  as.generation["guidance_scale"] = d.config.guidance_scale;
  as.generation["steps"] = d.consistency() ? 4 : kTeacherSteps;
  as.generation["sampler"] = d.consistency() ? "LCM" : kTeacherSampler;
  if (d.consistency()) {
    as.scheduler["_class_name"] = "LCMScheduler";
    as.scheduler["timestep_spacing"] = "leading";
    as.scheduler["original_inference_steps"] = d.config.solver_steps;
    as.scheduler["timestep_scaling"] = d.student.schedule.timestep_scaling;
  } else {
    as.generation["spacing"] = kTeacherSpacing;
  }
  return as;
}

/// The target goes after the student.
void follow(const Distiller& d) {
  const c10::NoGradGuard no_grad;
  const auto target = d.target.parameters(), student = d.student.network.unet().parameters();
  for (std::size_t i = 0; i < target.size(); ++i)
    target[i].second->lerp_(student[i].second->detach(), 1 - d.config.target_decay);
}

}  // namespace

Boundary consistency_boundary(double timestep, double timestep_scaling) {
  constexpr double kData = 0.5;
  const double scaled = timestep * timestep_scaling, square = scaled * scaled + kData * kData;
  return {kData * kData / square, scaled / std::sqrt(square)};
}

Tensor pseudo_huber(const Tensor& difference, double c) {
  return ((difference.square() + c * c).sqrt() - c).mean();
}

Tensor clean_estimate(const Parameterisation& scale, const Tensor& x, const Tensor& output,
                      std::span<const NoiseLevel> levels) {
  return column(levels, x, [&](NoiseLevel level) { return scale.scalings(level).skip; }) * x +
         column(levels, x, [&](NoiseLevel level) { return scale.scalings(level).out; }) * output;
}

Tensor solver_step(const Parameterisation& scale, const Tensor& x, const Tensor& output,
                   std::span<const NoiseLevel> now, std::span<const NoiseLevel> next) {
  const Tensor clean = clean_estimate(scale, x, output, now);
  const auto alpha = [](NoiseLevel level) { return level.alpha; };
  const auto sigma = [](NoiseLevel level) { return level.sigma; };
  const Tensor noise = (x - column(now, x, alpha) * clean) / column(now, x, sigma);
  return column(next, x, alpha) * clean + column(next, x, sigma) * noise;
}

Task distillation_task(const Recipe& recipe, std::shared_ptr<const Dataset> training,
                       std::shared_ptr<const Dataset> validation, const fs::path& output,
                       torch::Device device) {
  const auto distiller = make_distiller(recipe, output, device);
  const double allowed = recipe.trainer.max_damaged;
  const auto learned = std::make_shared<BatchReader>(training, allowed, device);
  const auto unseen = std::make_shared<BatchReader>(validation, allowed, device);
  const int size_px = training->config().size_px;
  const auto wished = captions_of(*validation, std::min(kEndpoints, recipe.validation_samples));
  const auto shown =
      recipe.prompts.empty() ? captions_of(*validation, kShownPrompts) : recipe.prompts;
  Task task;
  task.name = "distillation";
  for (const auto& [name, slot] : distiller->student.network.unet().parameters())
    task.parameters.emplace_back("unet." + name, slot);
  task.loss = [=](const Draw& draw) {
    Batch batch = learned->read(draw);
    return Loss{loss_of(*distiller, batch, draw.seed), {}, std::move(batch.damage)};
  };
  if (distiller->consistency()) {
    for (const auto& [name, slot] : distiller->target.parameters())
      task.kept.emplace_back("target." + name, slot);
    task.after_update = [=](std::int64_t) { follow(*distiller); };
  }
  task.validation_loss = [=, samples = recipe.validation_samples] {
    auto loss = mean_loss(*unseen, samples, kValidationBatch, [&](const Batch& batch, int first) {
      return loss_of(*distiller, batch, mix_seed(0, static_cast<std::uint64_t>(first)));
    });
    if (distiller->consistency()) loss.parts = endpoints(*distiller, wished, size_px);
    return loss;
  };
  task.validation_panel = [=] { return beside_the_teacher(*distiller, shown, size_px); };
  task.write_result = [=, storage = recipe.storage](const fs::path& to) {
    write_model_parts(distiller->student, as_student(*distiller, size_px), storage, to / "model");
  };
  return task;
}

}  // namespace sumi
