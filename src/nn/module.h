#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/tensor.h"

namespace sumi {

/// How a parameter starts a training: uniform in [-value, value], normal with that deviation, or
/// all equal to value.
struct Init {
  enum class Kind { uniform, normal, constant };
  Kind kind = Kind::constant;
  double value = 0;

  static Init uniform(double bound) { return {Kind::uniform, bound}; }
  static Init normal(double deviation) { return {Kind::normal, deviation}; }
  static Init constant(double value) { return {Kind::constant, value}; }
};

/// What a layer multiplies in where no gradient is asked for. int16: 3 x 3 convolutions in 16-bit
/// integers where the processor has such products (nn/kernels/word_convolution.h), all else in
/// float32.
enum class Precision { fp32, int16, int8 };

/// One weight: its shape is known from construction, its value is undefined until bound or
/// initialised.
struct Parameter {
  Tensor value;
  std::vector<std::int64_t> shape;
  Init init;
  /// Its layer lays it out for the processor by itself (or looks rows up in it), from any floating
  /// type.
  bool laid_out = false;
  /// The value has the type that it has in its file, whatever the module computes in.
  bool as_stored = false;
  /// Where the value is bytes: their scales, float [shape[0]]; weight = scale * value.
  Tensor scale = {};
  /// Wanted of such a layer; int8 where it is accurate enough (nn/prepared.h).
  Precision precision = Precision::fp32;
  /// Gives that layout up; it is made again at the next use.
  std::function<void()> let_go = {};
  /// Memory that layout takes, or would take if it was made now.
  std::function<std::uint64_t()> layout_bytes = {};
  /// What was measured of its layer in int8, in dB; 0 before that.
  double int8_snr_db = 0;
};

/// A tree of named parameters. A Module is a handle: copies share the same parameters, and a
/// member's name in the tree is its name in the checkpoint, said once: `to_q(add("to_q",
/// Linear(dim, inner)))`.
class Module {
 public:
  /// Every parameter with its path ("down_blocks.0.resnets.1.conv1.weight"), in order of
  /// construction.
  std::vector<std::pair<std::string, Parameter*>> slots() const;
  /// The same, giving the tensors.
  std::vector<std::pair<std::string, Tensor*>> parameters() const;
  /// Paths that checkpoints may hold beside the parameters and that carry no information.
  std::vector<std::string> tolerated() const;

 protected:
  std::shared_ptr<Parameter> parameter(const std::string& name, std::vector<std::int64_t> shape,
                                       Init init);
  /// Registers a child under a name that may contain dots, and returns it.
  template <std::derived_from<Module> Layer>
  Layer add(const std::string& name, Layer layer) {
    adopt(name, layer);
    return layer;
  }
  void tolerate(const std::string& name);

 private:
  struct Node;
  void adopt(const std::string& name, const Module& child);
  std::shared_ptr<Node> node_ = make_node();
  static std::shared_ptr<Node> make_node();
};

/// Gives every parameter its tensor from `state`. Strict: all missing, unexpected and misshaped
/// names are listed in one Error that starts with `where`; a weight that is NaN or infinite is an
/// Error that names its tensor. Trailing axes of length one do not count as a difference of shape
/// ([C, C] and [C, C, 1, 1]). Tensors that already have the dtype and device are shared, not
/// copied. `storage`: with `as_stored`, matrices and kernels on the CPU keep the type they have in
/// the file (and stay in its mapping); their layers lay them out at the first use. A weight may be
/// signed bytes if `NAME_scale`, float [out] and positive, stands beside it: it stays so where its
/// layer takes bytes and is multiplied out otherwise.
enum class Storage { converted, as_stored };
void bind_weights(Module& module, const StateDict& state, const std::string& where,
                  torch::ScalarType dtype = torch::kFloat, torch::Device device = torch::kCPU,
                  Storage storage = Storage::converted);

/// The same under its short name. It takes whatever it is given, because std::bind, which a string
/// among the arguments brings into the overload set, would otherwise fit better and do nothing.
template <std::derived_from<Module> Network, class... Rest>
void bind(Network& module, Rest&&... rest) {
  bind_weights(module, std::forward<Rest>(rest)...);
}

/// The parameters by path, scales of bytes beside them; the tensors are shared with the module.
StateDict state_of(const Module& module);

/// Draws every parameter anew (CPU generator, one per parameter from the seed and its path, so that
/// a layer's start does not depend on which other layers exist).
void initialise(Module& module, std::uint64_t seed);

/// Moves every parameter to a device; all handles of the module see it there. Of weights that were
/// bound as stored only on the processor.
void place(const Module& module, torch::Device device);

/// Where a module's parameters lie; the processor for a module that has none.
torch::Device device_of(const Module& module);

/// What the layers of a module shall multiply in without gradients.
void set_precision(Module& module, Precision precision);

/// Gives up what the layers have laid out for the processor, for the time a network is not needed.
void release_layouts(const Module& module);

/// Memory of what the layers have laid out, or will have once they all ran.
std::uint64_t layout_bytes(const Module& module);

/// Starts or stops training. Parameters that start to need gradients are copied first, so that a
/// mapped file is never written.
void set_requires_grad(Module& module, bool trainable);

/// "resnets.3": the path of a list's element.
std::string numbered(std::string_view name, std::size_t index);

/// Number of weights.
std::int64_t parameter_count(const Module& module);

/// Whether every element is finite. Any floating dtype, any device.
bool all_finite(const Tensor& tensor);

}  // namespace sumi
