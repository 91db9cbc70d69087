#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "core/config.h"

namespace sumi {

/// What `sumi tune` found to be the fastest for one model at one size on one processor.
struct Tuning {
  std::string model;      ///< see model_identity()
  std::string processor;  ///< its name and the cores this process may use
  int width = 0;
  int height = 0;
  bool own_size = false;  ///< the size the model draws when none is asked for
  int threads = 0;
  std::string precision;
  int batch_size = 0;
  double seconds = 0;  ///< of one step of one picture

  template <class Self, class Visit>
  static void fields(Self& self, Visit&& visit) {
    visit("model", self.model, "path and size of the model");
    visit("processor", self.processor, "what it was measured on");
    visit("width", self.width, "picture width in pixels");
    visit("height", self.height, "picture height in pixels");
    visit("own_size", self.own_size, "whether this is the model's own size");
    visit("threads", self.threads, "compute threads");
    visit("precision", self.precision, "what the U-Net multiplies in");
    visit("batch_size", self.batch_size, "pictures computed together");
    visit("seconds", self.seconds, "one step of one picture");
  }
};

/// A model's place and its bytes on disk: another file under the same name is another model.
std::string model_identity(const std::filesystem::path& model);

/// What was remembered last for that model, processor and size in cache_directory(); width and
/// height 0 mean the model's own size. Nothing where there is none, or where the memory cannot be
/// read.
std::optional<Tuning> find_tuning(const std::string& model, const std::string& processor, int width,
                                  int height);

/// Remembers it in the place of what stood for the same model, processor and size.
void remember(const Tuning& tuning);

/// Forgets all of a model on this processor. How many entries that were.
int forget_tuning(const std::string& model, const std::string& processor);

}  // namespace sumi
