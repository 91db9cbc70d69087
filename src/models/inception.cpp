#include "models/inception.h"

#include <fmt/format.h>

#include <algorithm>

#include "core/error.h"
#include "nn/in_place.h"
#include "weights/state_dict.h"

namespace sumi {
namespace {

constexpr std::int64_t kSide = 299;
constexpr double kEpsilon = 1e-3;
constexpr const char* kFirst = "Conv2d_1a_3x3.conv.weight";
constexpr const char* kClassifier = "fc.weight";
constexpr std::string_view kUnused[] = {"fc.", "AuxLogits."};

/// [N, channels of all, H, W].
Tensor joined(const std::vector<Tensor>& parts) {
  return parts.size() == 1 ? parts.front() : at::cat(parts, 1);
}

Tensor channels_last(const Tensor& x) { return x.contiguous(at::MemoryFormat::ChannelsLast); }

bool has_auxiliary(const StateDict& state) {
  const auto first = state.lower_bound("AuxLogits.");
  return first != state.end() && first->first.starts_with("AuxLogits.");
}

/// Why a file is neither network's.
std::string why_neither(const StateDict& state, std::int64_t classes) {
  if (!state.contains(kFirst)) return "its tensors have other names";
  if (classes == 0) return fmt::format("it has no {}", kClassifier);
  return fmt::format("it has {} classes{}", classes,
                     has_auxiliary(state) ? ", auxiliary ones too" : "");
}

/// Throws Error where neither network has such keys.
InceptionKind kind_of(const StateDict& state, const std::string& where) {
  const auto classifier = state.find(kClassifier);
  const bool known = classifier != state.end() && classifier->second.dim() == 2;
  const std::int64_t classes = known ? classifier->second.size(0) : 0;
  if (state.contains(kFirst) && classes == 1008 && !has_auxiliary(state))
    return InceptionKind::tensorflow_2015;
  if (state.contains(kFirst) && classes == 1000) return InceptionKind::torchvision;
  throw Error(fmt::format("{}: this is no Inception v3 that features are taken from; {}", where,
                          why_neither(state, classes)),
              "give pt_inception-2015-12-05-6726825d.pth (1008 classes, for the published FID) or "
              "torchvision's inception_v3 (1000 classes)");
}

void check_variances(const StateDict& state, const std::string& where) {
  for (const auto& [name, tensor] : state)
    if (name.ends_with(".running_var") && at::lt(tensor, 0).any().item<bool>())
      throw Error(fmt::format("{}: {} holds negative variances", where, name),
                  "the file is damaged; get it again");
}

}  // namespace

NormedConvolution::NormedConvolution(std::int64_t in, std::int64_t out, Options options)
    : kernel_(
          parameter("conv.weight", {out, in, options.height, options.width}, Init::normal(0.1))),
      scale_(parameter("bn.weight", {out}, Init::constant(1))),
      shift_(parameter("bn.bias", {out}, Init::constant(0))),
      mean_(parameter("bn.running_mean", {out}, Init::constant(0))),
      variance_(parameter("bn.running_var", {out}, Init::constant(1))),
      options_(options) {
  tolerate("bn.num_batches_tracked");
}

void NormedConvolution::fold() {
  // (k * x - mean) / sqrt(variance + e) * scale + shift
  const Tensor factor = scale_->value / (variance_->value + kEpsilon).sqrt();
  folded_kernel_ = channels_last(kernel_->value * factor.reshape({-1, 1, 1, 1}));
  folded_bias_ = shift_->value - mean_->value * factor;
}

Tensor NormedConvolution::forward(const Tensor& x) const {
  const bool padded = options_.fit == Fit::same;
  const std::int64_t stride = options_.fit == Fit::halving ? 2 : 1;
  const std::int64_t above = padded ? options_.height / 2 : 0,
                     left = padded ? options_.width / 2 : 0;
  return apply_relu(at::conv2d(x, folded_kernel_, folded_bias_, {stride, stride}, {above, left}));
}

struct Inception::LayerPlan {
  const char* name;
  std::int64_t channels;
  std::int64_t height = 1, width = 1;
  Fit fit = Fit::same;
};

struct Inception::BranchPlan {
  Pool pool = Pool::none;
  std::vector<LayerPlan> row = {}, fork = {};
};

std::vector<NormedConvolution> Inception::layers(const std::string& prefix, std::int64_t& channels,
                                                 const std::vector<LayerPlan>& plan) {
  std::vector<NormedConvolution> row;
  for (const auto& layer : plan) {
    row.push_back(
        add(prefix + layer.name,
            NormedConvolution(channels, layer.channels, {layer.height, layer.width, layer.fit})));
    channels = layer.channels;
  }
  return row;
}

void Inception::add_block(const std::string& prefix, std::int64_t in,
                          const std::vector<BranchPlan>& plan) {
  InceptionBlock block;
  for (const auto& branch : plan) {
    std::int64_t channels = in;
    InceptionBranch made{branch.pool, layers(prefix, channels, branch.row), {}};
    for (const auto& arm : branch.fork) {
      std::int64_t shared = channels;
      made.fork.push_back(layers(prefix, shared, {arm}).front());
    }
    block.push_back(std::move(made));
  }
  blocks_.push_back(std::move(block));
}

/// 299 x 299 x 3 -> 35 x 35 x 192.
void Inception::add_stem() {
  add_block("", 3,
            {{Pool::none,
              {{"Conv2d_1a_3x3", 32, 3, 3, Fit::halving},
               {"Conv2d_2a_3x3", 32, 3, 3, Fit::inside},
               {"Conv2d_2b_3x3", 64, 3, 3}}}});
  add_block("", 64,
            {{Pool::halving, {{"Conv2d_3b_1x1", 80}, {"Conv2d_4a_3x3", 192, 3, 3, Fit::inside}}}});
  add_block("", 192, {{Pool::halving}});
}

/// Figure 5, at 35 x 35, with a kernel of 5 where the figure has two of 3.
void Inception::add_block_35(const std::string& name, std::int64_t in, std::int64_t pooled) {
  add_block(name + ".", in,
            {{Pool::none, {{"branch1x1", 64}}},
             {Pool::none, {{"branch5x5_1", 48}, {"branch5x5_2", 64, 5, 5}}},
             {Pool::none,
              {{"branch3x3dbl_1", 64}, {"branch3x3dbl_2", 96, 3, 3}, {"branch3x3dbl_3", 96, 3, 3}}},
             {Pool::average, {{"branch_pool", pooled}}}});
}

/// Figure 6 with n = 7, at 17 x 17: kernels of 7 x 7 taken apart. -> 768 channels.
void Inception::add_block_17(const std::string& name, std::int64_t inner) {
  add_block(name + ".", 768,
            {{Pool::none, {{"branch1x1", 192}}},
             {Pool::none,
              {{"branch7x7_1", inner}, {"branch7x7_2", inner, 1, 7}, {"branch7x7_3", 192, 7, 1}}},
             {Pool::none,
              {{"branch7x7dbl_1", inner},
               {"branch7x7dbl_2", inner, 7, 1},
               {"branch7x7dbl_3", inner, 1, 7},
               {"branch7x7dbl_4", inner, 7, 1},
               {"branch7x7dbl_5", 192, 1, 7}}},
             {Pool::average, {{"branch_pool", 192}}}});
}

/// Figure 7, at 8 x 8: branches that fork. -> 2048 channels.
void Inception::add_block_8(const std::string& name, std::int64_t in, Pool pool) {
  add_block(name + ".", in,
            {{Pool::none, {{"branch1x1", 320}}},
             {Pool::none,
              {{"branch3x3_1", 384}},
              {{"branch3x3_2a", 384, 1, 3}, {"branch3x3_2b", 384, 3, 1}}},
             {Pool::none,
              {{"branch3x3dbl_1", 448}, {"branch3x3dbl_2", 384, 3, 3}},
              {{"branch3x3dbl_3a", 384, 1, 3}, {"branch3x3dbl_3b", 384, 3, 1}}},
             {pool, {{"branch_pool", 192}}}});
}

Inception::Inception(InceptionKind kind) : kind_(kind) {
  add_stem();
  add_block_35("Mixed_5b", 192, 32);
  add_block_35("Mixed_5c", 256, 64);
  add_block_35("Mixed_5d", 288, 64);
  add_block("Mixed_6a.", 288,
            {{Pool::none, {{"branch3x3", 384, 3, 3, Fit::halving}}},
             {Pool::none,
              {{"branch3x3dbl_1", 64},
               {"branch3x3dbl_2", 96, 3, 3},
               {"branch3x3dbl_3", 96, 3, 3, Fit::halving}}},
             {Pool::halving}});
  add_block_17("Mixed_6b", 128);
  add_block_17("Mixed_6c", 160);
  add_block_17("Mixed_6d", 160);
  add_block_17("Mixed_6e", 192);
  add_block("Mixed_7a.", 768,
            {{Pool::none, {{"branch3x3_1", 192}, {"branch3x3_2", 320, 3, 3, Fit::halving}}},
             {Pool::none,
              {{"branch7x7x3_1", 192},
               {"branch7x7x3_2", 192, 1, 7},
               {"branch7x7x3_3", 192, 7, 1},
               {"branch7x7x3_4", 192, 3, 3, Fit::halving}}},
             {Pool::halving}});
  add_block_8("Mixed_7b", 1280, Pool::average);
  add_block_8("Mixed_7c", 2048,
              kind == InceptionKind::tensorflow_2015 ? Pool::maximum : Pool::average);
}

void Inception::fold() {
  const torch::NoGradGuard no_gradients;
  for (auto& block : blocks_)
    for (auto& branch : block) {
      for (auto& layer : branch.row) layer.fold();
      for (auto& layer : branch.fork) layer.fold();
    }
}

Tensor Inception::pooled(Pool pool, const Tensor& x) const {
  switch (pool) {
    case Pool::none:
      return x;
    case Pool::average:
      return at::avg_pool2d(x, 3, 1, 1, /*ceil_mode=*/false,
                            /*count_include_pad=*/kind_ == InceptionKind::torchvision);
    case Pool::maximum:
      return at::max_pool2d(x, 3, 1, 1);
    case Pool::halving:
      return at::max_pool2d(x, 3, 2);
  }
  return x;
}

Tensor Inception::run(const InceptionBranch& branch, const Tensor& x) const {
  Tensor seen = pooled(branch.pool, x);
  for (const auto& layer : branch.row) seen = layer.forward(seen);
  if (branch.fork.empty()) return seen;
  std::vector<Tensor> arms;
  for (const auto& layer : branch.fork) arms.push_back(layer.forward(seen));
  return joined(arms);
}

Tensor Inception::features(const Tensor& pictures) const {
  const torch::NoGradGuard no_gradients;
  Tensor x = channels_last(at::upsample_bilinear2d(pictures, {kSide, kSide}, false));
  for (const auto& block : blocks_) {
    std::vector<Tensor> parts;
    for (const auto& branch : block) parts.push_back(run(branch, x));
    x = joined(parts);
  }
  return x.mean({2, 3});
}

Inception open_inception(const std::filesystem::path& file) {
  StateDict state = load_state_dict(file);
  Inception network(kind_of(state, file.string()));
  std::erase_if(state, [](const auto& entry) {
    return std::any_of(std::begin(kUnused), std::end(kUnused),
                       [&](auto prefix) { return entry.first.starts_with(prefix); });
  });
  bind(network, state, file.string());
  check_variances(state_of(network), file.string());
  network.fold();
  return network;
}

}  // namespace sumi
