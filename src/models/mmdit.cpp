#include "models/mmdit.h"

#include <cmath>

#include "models/timestep_embedding.h"
#include "nn/in_place.h"
#include "nn/recompute.h"

namespace sumi {
namespace {

constexpr double kNormEpsilon = 1e-6;
constexpr std::int64_t kTimeWidth = 256;
constexpr double kEmbedderDeviation = 0.02;  // of the time and text embedders' start, as in DiT

std::int64_t round_up(std::int64_t n, std::int64_t step) { return (n + step - 1) / step * step; }

/// Starts as DiT does (Glorot & Bengio 2010, without a bias).
Linear glorot(std::int64_t in, std::int64_t out) {
  return Linear(in, out).start_normal(std::sqrt(2.0 / static_cast<double>(in + out)));
}

Linear modulation(std::int64_t width, int parts) {
  return Linear(width, parts * width).start_at_zero();
}

/// The modulations that a condition gives a block, [N, width] each.
std::vector<Tensor> parts_of(const Linear& by, const Tensor& condition, int parts) {
  return by.forward(condition).chunk(parts, -1);
}

int parts(bool last_context, bool dual) { return last_context ? 2 : dual ? 9 : 6; }

/// A block's input as its own: its gradients within the block are added up first, as where blocks
/// are computed twice.
Tensor own_input(const Tensor& x) {
  return torch::GradMode::is_enabled() && x.defined() && x.requires_grad() ? x.alias() : x;
}

/// [places, width]: sines, then cosines of each place times width / 2 frequencies, in double.
Tensor sines_and_cosines(const Tensor& places, std::int64_t width) {
  const auto half = width / 2;
  const auto rates =
      at::pow(10000.0, -at::arange(half, torch::kDouble) / static_cast<double>(half));
  const auto angles = places.unsqueeze(1) * rates.unsqueeze(0);
  return at::cat({at::sin(angles), at::cos(angles)}, 1);
}

}  // namespace

PatchEmbed::PatchEmbed(const MMDiTConfig& c)
    : patch_(c.patch_size),
      side_(c.pos_embed_max_size),
      base_(std::max(1, c.sample_size / c.patch_size)),
      table_(parameter("pos_embed", {1, side_ * side_, c.width()}, Init::constant(0))),
      proj_(add("proj", Conv2d(c.in_channels, c.width(),
                               {.kernel = patch_, .stride = patch_, .padding = 0}))) {
  table_->laid_out = true;
}

void PatchEmbed::set_places() {
  const auto width = table_->shape[2];
  // As if the table were stretched over the size of training.
  const auto axis =
      at::arange(side_, torch::kDouble) * (static_cast<double>(base_) / static_cast<double>(side_));
  const auto columns = sines_and_cosines(axis.repeat({side_}), width / 2);
  const auto rows = sines_and_cosines(axis.repeat_interleave(side_), width / 2);
  table_->value = at::cat({columns, rows}, 1).to(torch::kFloat).unsqueeze(0).contiguous();
}

Tensor PatchEmbed::places(std::int64_t height, std::int64_t width) const {
  if (height > side_ || width > side_)
    throw Error(fmt::format("the latents are {} x {} tokens, the transformer's table of places has "
                            "{} x {}",
                            width, height, side_, side_),
                "choose a smaller picture");
  const auto table = table_->value.view({side_, side_, -1});
  return table.narrow(0, (side_ - height) / 2, height)
      .narrow(1, (side_ - width) / 2, width)
      .reshape({1, height * width, -1});
}

Tensor PatchEmbed::forward(const Tensor& latents) const {
  const auto added = places(latents.size(2) / patch_, latents.size(3) / patch_);
  const auto tokens = proj_.forward(latents).flatten(2).transpose(1, 2).contiguous();
  return add_to(tokens, added.to(tokens.scalar_type()));
}

Tensor JointBlock::FeedForward::forward(const Activations& x) const {
  return out.forward(apply_gelu_tanh(in.forward(x)));
}

JointBlock::FeedForward JointBlock::add_feed_forward(const std::string& name, std::int64_t width) {
  return {add(name + ".net.0.proj", glorot(width, 4 * width)),
          add(name + ".net.2", glorot(4 * width, width))};
}

JointBlock::JointBlock(const MMDiTConfig& c, int index)
    : last_(index + 1 == c.num_layers),
      dual_(c.is_dual(index)),
      norm1_(add("norm1.linear", modulation(c.width(), parts(false, dual_)))),
      norm1_context_(add("norm1_context.linear", modulation(c.width(), parts(last_, false)))),
      attn_(add("attn", JointAttention({.heads = c.num_attention_heads,
                                        .head_width = c.attention_head_dim,
                                        .qk_norm = !c.qk_norm.empty(),
                                        .context = true,
                                        .context_out = !last_}))),
      attn2_([&] {
        std::vector<JointAttention> second;
        if (dual_)
          second.push_back(add("attn2", JointAttention({.heads = c.num_attention_heads,
                                                        .head_width = c.attention_head_dim,
                                                        .qk_norm = !c.qk_norm.empty(),
                                                        .context = false,
                                                        .context_out = false})));
        return second;
      }()),
      ff_(add_feed_forward("ff", c.width())) {
  if (!last_) ff_context_.push_back(add_feed_forward("ff_context", c.width()));
}

Streams JointBlock::forward(const Streams& x, const Tensor& condition) const {
  const auto own = parts_of(norm1_, condition, parts(false, dual_));
  const auto text = parts_of(norm1_context_, condition, parts(last_, false));
  // The last block's pair stands the other way round (diffusers AdaLayerNormContinuous).
  const Modulation of_text = last_ ? Modulation{text[1], text[0]} : Modulation{text[0], text[1]};
  const auto sample_in = modulated_for(x.sample, {own[0], own[1]}, kNormEpsilon,
                                       {&attn_.to_q(), &attn_.to_k(), &attn_.to_v()});
  const auto context_in = modulated_for(x.context, of_text, kNormEpsilon,
                                        {&attn_.add_q(), &attn_.add_k(), &attn_.add_v()});
  auto attended = attn_.forward(sample_in, context_in);

  Streams out;
  out.sample = add_gated(x.sample, own[2], std::move(attended.sample));
  if (dual_) {
    const auto& attn = attn2_.front();
    const auto again = modulated_for(x.sample, {own[6], own[7]}, kNormEpsilon,
                                     {&attn.to_q(), &attn.to_k(), &attn.to_v()});
    out.sample = add_gated(out.sample, own[8], attn.forward(again, again).sample);
  }
  out.sample =
      add_gated(out.sample, own[5],
                ff_.forward(modulated_for(out.sample, {own[3], own[4]}, kNormEpsilon, {&ff_.in})));
  if (last_) return out;
  const auto& ff = ff_context_.front();
  out.context = add_gated(x.context, text[2], std::move(attended.context));
  out.context =
      add_gated(out.context, text[5],
                ff.forward(modulated_for(out.context, {text[3], text[4]}, kNormEpsilon, {&ff.in})));
  return out;
}

MMDiT::MMDiT(const MMDiTConfig& c)
    : config_(c),
      pos_embed_(add("pos_embed", PatchEmbed(c))),
      time_1_(add("time_text_embed.timestep_embedder.linear_1",
                  Linear(kTimeWidth, c.width()).start_normal(kEmbedderDeviation))),
      time_2_(add("time_text_embed.timestep_embedder.linear_2",
                  Linear(c.width(), c.width()).start_normal(kEmbedderDeviation))),
      pooled_1_(add("time_text_embed.text_embedder.linear_1",
                    Linear(c.pooled_projection_dim, c.width()).start_normal(kEmbedderDeviation))),
      pooled_2_(add("time_text_embed.text_embedder.linear_2",
                    Linear(c.width(), c.width()).start_normal(kEmbedderDeviation))),
      context_embedder_(add("context_embedder", glorot(c.joint_attention_dim, c.width()))),
      blocks_([&] {
        std::vector<JointBlock> blocks;
        for (int i = 0; i < c.num_layers; ++i)
          blocks.push_back(
              add(numbered("transformer_blocks", static_cast<std::size_t>(i)), JointBlock(c, i)));
        return blocks;
      }()),
      norm_out_(add("norm_out.linear", modulation(c.width(), 2))),
      proj_out_(
          add("proj_out",
              Linear(c.width(), c.patch_size * c.patch_size * c.out_channels).start_at_zero())) {}

Tensor MMDiT::embed_condition(const Tensor& timesteps, const Tensor& pooled) const {
  const auto time =
      timestep_embedding(timesteps, kTimeWidth, /*cosines_first=*/true, 0).to(pooled.scalar_type());
  return time_2_.forward(apply_silu(time_1_.forward(time))) +
         pooled_2_.forward(apply_silu(pooled_1_.forward(pooled)));
}

Streams MMDiT::through(std::size_t block, const Streams& x, const Tensor& condition,
                       bool twice) const {
  if (!twice)
    return blocks_[block].forward({own_input(x.sample), own_input(x.context)},
                                  own_input(condition));
  const TensorFunction part = [&block = blocks_[block]](const std::vector<Tensor>& in) {
    const auto out = block.forward({in[0], in[1]}, in[2]);
    return out.context.defined() ? std::vector<Tensor>{out.sample, out.context}
                                 : std::vector<Tensor>{out.sample};
  };
  const auto made = recomputed(part, {x.sample, x.context, condition});
  return {made[0], made.size() > 1 ? made[1] : Tensor()};
}

Tensor MMDiT::through_blocks(Streams x, const Tensor& condition,
                             const MMDiTOptions& options) const {
  const bool twice = options.recompute_blocks && torch::GradMode::is_enabled();
  Tensor first;
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    x = through(i, x, condition, twice);
    if (options.observe) {
      const auto name = numbered("transformer_blocks", i);
      options.observe(name + ".sample", x.sample);
      if (x.context.defined()) options.observe(name + ".context", x.context);
    }
    if (i > 0) continue;
    first = x.sample;
    if (options.deep.defined()) return first + options.deep;
  }
  if (options.keep_deep) *options.keep_deep = x.sample - first;
  return x.sample;
}

Tensor MMDiT::to_latents(const Tensor& tokens, const Tensor& condition, std::int64_t height,
                         std::int64_t width) const {
  const auto scale_shift = parts_of(norm_out_, condition, 2);
  const auto normed =
      modulated_for(tokens, {scale_shift[1], scale_shift[0]}, kNormEpsilon, {&proj_out_});
  const std::int64_t p = config_.patch_size;
  return proj_out_.forward(normed)
      .view({tokens.size(0), height, width, p, p, config_.out_channels})
      .permute({0, 5, 1, 3, 2, 4})
      .reshape({tokens.size(0), config_.out_channels, height * p, width * p});
}

Tensor MMDiT::forward(const Tensor& sample, const Tensor& timesteps, const Tensor& context,
                      const Tensor& pooled, const MMDiTOptions& options) const {
  const auto note = [&](const char* part, const Tensor& output) {
    if (options.observe) options.observe(part, output);
  };
  const auto p = std::int64_t{config_.patch_size}, height = sample.size(2), width = sample.size(3);
  const auto below = round_up(height, p) - height, beside = round_up(width, p) - width;
  const Tensor whole =
      below + beside > 0 ? at::replication_pad2d(sample, {0, beside, 0, below}) : sample;
  Streams x{pos_embed_.forward(whole), context_embedder_.forward(context)};
  note("pos_embed", x.sample);
  note("context_embedder", x.context);
  auto condition = embed_condition(timesteps, pooled);
  note("time_text_embed", condition);
  condition = apply_silu(std::move(condition));
  const auto tokens = through_blocks(std::move(x), condition, options);
  const auto out = to_latents(tokens, condition, whole.size(2) / p, whole.size(3) / p);
  return out.narrow(2, 0, height).narrow(3, 0, width).contiguous();
}

void initialise(MMDiT& network, std::uint64_t seed) {
  initialise(static_cast<Module&>(network), seed);
  network.set_places();
}

}  // namespace sumi
