#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "nn/module.h"

namespace sumi {

/// The published networks of this shape. Their weights differ, and so do their pools.
enum class InceptionKind {
  /// TensorFlow's of 2015-12-05, with 1008 classes: what FID (Heusel et al. 2017) is told in. An
  /// average near a border counts the pixels there are, and the last block takes a maximum instead.
  tensorflow_2015,
  /// torchvision's, with 1000 classes, which counts zeros beyond the border.
  torchvision,
};

/// How a kernel lies over a picture: sides kept, only where it fits whole, or such places two
/// apart.
enum class Fit { same, inside, halving };

/// A convolution with batch normalisation and ReLU behind it.
class NormedConvolution : public Module {
 public:
  struct Options {
    std::int64_t height = 1, width = 1;
    Fit fit = Fit::same;
  };
  NormedConvolution(std::int64_t in, std::int64_t out, Options options);

  /// Makes one kernel and bias of the bound weights and statistics.
  void fold();
  /// [N, in, H, W] -> [N, out, H', W'], once folded.
  Tensor forward(const Tensor& x) const;

 private:
  std::shared_ptr<Parameter> kernel_, scale_, shift_, mean_, variance_;
  Options options_;
  Tensor folded_kernel_, folded_bias_;
};

/// What a branch of a block does before it convolves.
enum class Pool { none, average, maximum, halving };

/// A branch: a pool, convolutions one after the other, and two more side by side where it forks.
struct InceptionBranch {
  Pool pool = Pool::none;
  std::vector<NormedConvolution> row, fork;
};

/// Branches of the same input, whose channels stand one after the other.
using InceptionBlock = std::vector<InceptionBranch>;

/// Inception v3 (Szegedy et al. 2016, table 1) up to its last pool, named as in torchvision. It
/// learns nothing here: it looks.
class Inception : public Module {
 public:
  static constexpr std::int64_t kFeatures = 2048;

  explicit Inception(InceptionKind kind);

  /// After the weights were bound, before the first use.
  void fold();
  /// [N, 3, H, W] in [-1, 1], of any size -> [N, 2048]. Pictures are brought to 299 x 299 as
  /// pytorch-fid does: bilinear between pixel centres, without smoothing before.
  Tensor features(const Tensor& pictures) const;
  InceptionKind kind() const { return kind_; }

 private:
  struct LayerPlan;
  struct BranchPlan;
  void add_block(const std::string& prefix, std::int64_t in, const std::vector<BranchPlan>& plan);
  std::vector<NormedConvolution> layers(const std::string& prefix, std::int64_t& channels,
                                        const std::vector<LayerPlan>& plan);
  void add_stem();
  void add_block_35(const std::string& name, std::int64_t in, std::int64_t pooled);
  void add_block_17(const std::string& name, std::int64_t inner);
  void add_block_8(const std::string& name, std::int64_t in, Pool pool);
  Tensor pooled(Pool pool, const Tensor& x) const;
  Tensor run(const InceptionBranch& branch, const Tensor& x) const;

  InceptionKind kind_;
  std::vector<InceptionBlock> blocks_;
};

/// Opens such weights: pt_inception-2015-12-05-6726825d.pth as pytorch-fid and others use it, or
/// torchvision's inception_v3, as a pickle (read as data) or as safetensors. Which of them it is,
/// auxiliary keys and the number of classes tell. Throws Error naming the file.
Inception open_inception(const std::filesystem::path& file);

}  // namespace sumi
