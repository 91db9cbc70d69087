#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "core/config.h"
#include "data/dataset.h"
#include "data/edit_pair.h"
#include "diffusion/schedule.h"
#include "models/configs.h"
#include "models/mmdit_config.h"
#include "training/autoencoder_loss_config.h"
#include "training/distillation_config.h"
#include "training/objective_config.h"
#include "training/trainer.h"

namespace sumi {

/// The vocabulary that is learned from the captions.
struct TokenizerConfig {
  int vocabulary_size = 2000;
  int max_length = 32;
  int captions = 20000;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("vocabulary_size", self.vocabulary_size, "tokens at most, 514 or more");
    visit("max_length", self.max_length, "tokens of a prompt with start and end");
    visit("captions", self.captions, "captions it is learned from");
  }
};

/// The picture half of the image-text scorer.
struct ImageTowerConfig {
  std::vector<int> channels = {32, 64, 128, 192};
  int embedding = 128;

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("channels", self.channels, "channels per level; each level halves the picture");
    visit("embedding", self.embedding, "width of the space that pictures and prompts share");
  }
};

/// A whole training, as JSON. Fields that a task does not use keep their defaults.
struct Recipe {
  std::string task;
  std::string world;
  std::string autoencoder;
  std::string scorer;
  std::string init_from;
  TrainerConfig trainer;
  VaeConfig vae;
  std::string network;
  UNetConfig unet;
  MMDiTConfig transformer;
  ClipTextConfig text_encoder;
  ImageTowerConfig image_tower;
  TokenizerConfig tokenizer;
  ScheduleConfig scheduler;
  AutoencoderLossConfig autoencoder_loss;
  ObjectiveConfig objective;
  EditMix edits;
  DistillationConfig distillation;
  double text_encoder_rate = 1;
  bool checkpoint_blocks = false;
  int cache_mb = 0;
  int validation_samples = 64;
  std::vector<std::string> prompts;
  std::string storage = "fp16";
  int threads = 0;
  bool scheduler_said = false;  ///< not left to its default or to init_from

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("task", self.task,
          "autoencoder, image_text_scorer, text_to_image, instruction_editing or distillation");
    visit("world", self.world, "file that says which pictures; relative to the recipe");
    visit("autoencoder", self.autoencoder,
          "text_to_image: output folder of an autoencoder's training, or a diffusers folder; "
          "relative to this training's output folder");
    visit(
        "scorer", self.scorer,
        "autoencoder with autoencoder_loss.perceptual: output folder of a scorer's training, whose "
        "picture tower compares pictures; of any size; relative to this training's output folder. "
        "Judge the result with another scorer");
    visit(
        "init_from", self.init_from,
        "diffusers folder to start from instead of random weights; relative to the output "
        "folder as well, or \"default\", the model that comes with Sumi. Networks, vocabulary and "
        "scheduler are then that folder's; text_to_image: unless the recipe says a scheduler");
    visit("trainer", self.trainer, "batches, learning rate, averaging, saving");
    visit("vae", self.vae, "the autoencoder to train");
    visit("network", self.network,
          "text_to_image: unet or transformer; empty: whichever the recipe describes");
    visit("unet", self.unet, "the diffusion network to train");
    visit("transformer", self.transformer, "the same, in place of the U-Net");
    visit("text_encoder", self.text_encoder, "the text tower; its vocabulary is the tokenizer's");
    visit("image_tower", self.image_tower, "the picture tower of the scorer");
    visit("tokenizer", self.tokenizer, "the vocabulary learned from the captions");
    visit("scheduler", self.scheduler, "the forward process, and what the network predicts");
    visit("autoencoder_loss", self.autoencoder_loss, "weights of the autoencoder's loss");
    visit("objective", self.objective, "how diffusion is taught");
    visit("edits", self.edits, "instruction_editing: how often pairs are made for which edit");
    visit("distillation", self.distillation, "how a teacher is distilled");
    visit("text_encoder_rate", self.text_encoder_rate,
          "text_to_image: the text tower's learning rate as a share of the denoiser's, 0 to 10; 0 "
          "leaves it as it is");
    visit("checkpoint_blocks", self.checkpoint_blocks,
          "text_to_image: compute the denoiser's blocks twice instead of keeping what the way back "
          "needs");
    visit("cache_mb", self.cache_mb,
          "text_to_image: megabytes of disk (sumi data cache) that latents, and conditions of a "
          "text tower of rate 0, may take, so that they are computed once; for worlds whose "
          "samples come again; 0: nothing is kept");
    visit("validation_samples", self.validation_samples, "samples that each validation looks at");
    visit("prompts", self.prompts, "prompts of the validation pictures");
    visit("storage", self.storage, "numbers of the written model: fp16 or fp32");
    visit("threads", self.threads, "compute threads; 0: all cores");
  }
};

/// Reads a recipe; `world` becomes a path that can be opened from here. Throws Error naming the
/// file and the field.
Recipe read_recipe(const std::filesystem::path& file);

/// The recipe as JSON that read_recipe() takes; what init_from decides is left out.
Json written(const Recipe& recipe);

/// The recipes that a file stands for, in the order in which they are trained: {"stages": [file,
/// …]} names others, relative to itself; any other file is one recipe. Throws Error naming the
/// file.
std::vector<std::filesystem::path> stages_of(const std::filesystem::path& file);

/// Throws Error when a value makes no sense by itself or with the others.
void check(const Recipe& recipe);

}  // namespace sumi
