#include "models/clip_text.h"

#include <cmath>

#include "nn/attention.h"
#include "nn/in_place.h"

namespace sumi {
namespace {

/// The towers start as OpenAI's CLIP does: attention within width^-1/2, residual ends smaller with
/// depth.
double residual_deviation(const ClipTextConfig& c) {
  return std::pow(c.hidden_size, -0.5) * std::pow(2.0 * c.num_hidden_layers, -0.5);
}

Linear input_projection(const ClipTextConfig& c) {
  return Linear(c.hidden_size, c.hidden_size).start_normal(std::pow(c.hidden_size, -0.5));
}

/// Hendrycks & Gimpel 2016; quick: x * sigmoid(1.702 x).
Tensor gelu(const Tensor& x, bool quick) {
  if (!quick) return at::gelu(x);
  return may_overwrite() ? at::sigmoid(x * 1.702).mul_(x) : x * at::sigmoid(x * 1.702);
}

}  // namespace

ClipLayer::ClipLayer(const ClipTextConfig& c)
    : heads_(c.num_attention_heads),
      quick_gelu_(c.hidden_act == "quick_gelu"),
      layer_norm1_(add("layer_norm1", LayerNorm(c.hidden_size, c.layer_norm_eps))),
      q_proj_(add("self_attn.q_proj", input_projection(c))),
      k_proj_(add("self_attn.k_proj", input_projection(c))),
      v_proj_(add("self_attn.v_proj", input_projection(c))),
      out_proj_(add("self_attn.out_proj",
                    Linear(c.hidden_size, c.hidden_size).start_normal(residual_deviation(c)))),
      layer_norm2_(add("layer_norm2", LayerNorm(c.hidden_size, c.layer_norm_eps))),
      fc1_(add("mlp.fc1", Linear(c.hidden_size, c.intermediate_size)
                              .start_normal(std::pow(2.0 * c.hidden_size, -0.5)))),
      fc2_(add("mlp.fc2",
               Linear(c.intermediate_size, c.hidden_size).start_normal(residual_deviation(c)))) {}

Tensor ClipLayer::forward(Tensor x) const {
  const auto normed = layer_norm1_.forward(x);
  const auto mixed = attention(q_proj_.forward(normed), k_proj_.forward(normed),
                               v_proj_.forward(normed), heads_, {.causal = true});
  x = out_proj_.forward(mixed, x);
  return fc2_.forward(gelu(fc1_.forward(layer_norm2_.forward(x)), quick_gelu_), x);
}

ClipTextModel::ClipTextModel(const ClipTextConfig& config)
    : config_(config),
      token_embedding_(add("text_model.embeddings.token_embedding",
                           Embedding(config.vocab_size, config.hidden_size, 0.02))),
      position_embedding_(add("text_model.embeddings.position_embedding",
                              Embedding(config.max_position_embeddings, config.hidden_size, 0.01))),
      layers_([&] {
        std::vector<ClipLayer> layers;
        for (int i = 0; i < config.num_hidden_layers; ++i)
          layers.push_back(add(numbered("text_model.encoder.layers", i), ClipLayer(config)));
        return layers;
      }()),
      final_layer_norm_(add("text_model.final_layer_norm",
                            LayerNorm(config.hidden_size, config.layer_norm_eps))) {
  if (config.with_projection)
    text_projection_.push_back(
        add("text_projection", Linear(config.hidden_size, config.projection_dim, {.bias = false})
                                   .start_normal(std::pow(config.hidden_size, -0.5))));
  tolerate("text_model.embeddings.position_ids");
}

Tensor ClipTextModel::end_positions(const Tensor& ids) const {
  // Configurations from before transformers 4.24 say 2, which is not CLIP's end id; its end id is
  // the largest.
  if (config_.eos_token_id == 2) return ids.argmax(-1);
  return ids.eq(config_.eos_token_id).to(torch::kInt).argmax(-1);
}

ClipTextOutput ClipTextModel::forward(const Tensor& ids) const {
  const auto batch = ids.size(0), tokens = ids.size(1);
  if (tokens > config_.max_position_embeddings)
    throw Error(fmt::format("a text of {} tokens does not fit the text encoder's {}", tokens,
                            config_.max_position_embeddings),
                "split it into chunks");
  ClipTextOutput out;
  auto x = token_embedding_.forward(ids) + position_embedding_.table().narrow(0, 0, tokens);
  out.hidden_states.push_back(x);
  for (const auto& layer : layers_) out.hidden_states.push_back(x = layer.forward(x));
  out.last_hidden = final_norm(x);
  const auto rows = at::arange(batch, ids.options());
  out.pooled = out.last_hidden.index({rows, end_positions(ids)});
  if (!text_projection_.empty()) out.text_embeds = text_projection_[0].forward(out.pooled);
  return out;
}

}  // namespace sumi
