#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "models/clip_text.h"
#include "models/resnet.h"
#include "text/clip_tokenizer.h"
#include "training/recipe.h"
#include "training/task.h"

namespace sumi {

/// Two towers into one space, as CLIP (Radford et al. 2021), small: residual convolutions for
/// pictures, CLIP's text tower for prompts. It judges generated pictures, it never guides them. One
/// that an autoencoder was taught by (perceptual.h) is no judge of what comes through it.
class ImageTextScorer : public Module {
 public:
  ImageTextScorer(const ImageTowerConfig& image, const ClipTextConfig& text);

  /// [N, 3, H, W] in [-1, 1] -> what each level makes of it, [N, channels, H / 2^i, W / 2^i], i
  /// from 1 on, sides rounded up.
  std::vector<Tensor> picture_levels(const Tensor& pictures) const;
  /// [N, 3, H, W] in [-1, 1] -> [N, channels of the last level], means over the picture.
  Tensor picture_features(const Tensor& pictures) const;
  /// Those features -> [N, embedding], unit length.
  Tensor vectors_of(const Tensor& features) const;
  /// [N, 3, H, W] in [-1, 1] -> [N, embedding], unit length.
  Tensor picture_vectors(const Tensor& pictures) const {
    return vectors_of(picture_features(pictures));
  }
  /// ids [N, tokens] -> [N, embedding], unit length.
  Tensor prompt_vectors(const Tensor& ids) const;
  /// Learned inverse temperature of the similarities, at most 100.
  Tensor sharpness() const;

  const ImageTowerConfig& image_config() const { return image_; }
  const ClipTextConfig& text_config() const { return text_.config(); }

 private:
  Tensor level(std::size_t i, Tensor x) const;

  ImageTowerConfig image_;
  Conv2d conv_in_;
  std::vector<ResnetBlock> blocks_;
  std::vector<Conv2d> halvings_;
  GroupNorm norm_;
  Linear picture_projection_;
  ClipTextModel text_;
  Linear prompt_projection_;
  std::shared_ptr<Parameter> log_sharpness_;
};

/// Symmetric InfoNCE: each picture has to pick its prompt among the batch's, each prompt its
/// picture. pictures, prompts: [N, embedding], unit length.
Tensor contrastive_loss(const Tensor& pictures, const Tensor& prompts, const Tensor& sharpness);

/// Trains a scorer. The result: OUTPUT/model with config.json, model.safetensors and tokenizer/.
Task scorer_task(const Recipe& recipe, std::shared_ptr<const Dataset> training,
                 std::shared_ptr<const Dataset> validation, const std::filesystem::path& output,
                 torch::Device device);

/// A trained scorer and its vocabulary.
struct OpenedScorer {
  ImageTextScorer scorer;
  ClipTokenizer tokenizer;
  int size_px = 0;  ///< side of the pictures it learned from; 0 where the folder does not say
};

/// Opens OUTPUT/model of a scorer's training (or OUTPUT). Throws Error naming the file.
OpenedScorer open_scorer(const std::filesystem::path& folder);

}  // namespace sumi
