// Weights that are stored in int8: written, bound, multiplied out, refused when broken.

#include "nn/byte_state.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "core/error.h"
#include "core/stored_bytes.h"
#include "nn/kernels/byte_layers.h"
#include "nn/layers.h"

namespace sumi {
namespace {

using testing::HasSubstr;

/// A convolution, a norm and a linear layer; the widths are no multiples of 16.
struct Small : Module {
  Small()
      : conv(add("conv", Conv2d(35, 50))),
        norm(add("norm", GroupNorm(5, 50, 1e-5))),
        linear(add("linear", Linear(50, 90))) {}
  Tensor forward(const Tensor& x) const {
    const Tensor y = norm.forward(conv.forward(x));
    return linear.forward(y.flatten(2).transpose(1, 2).contiguous());
  }
  Conv2d conv;
  GroupNorm norm;
  Linear linear;
};

Small filled() {
  Small network;
  initialise(network, 5);
  return network;
}

Small bound_to(const StateDict& state, Storage storage = Storage::as_stored) {
  Small network;
  bind(network, state, "a file", torch::kFloat, torch::kCPU, storage);
  return network;
}

/// A state with bytes for the convolution, made without a measurement.
StateDict with_bytes() {
  auto state = state_of(filled());
  auto& weight = state.at("conv.weight");
  const Tensor scale = weight.flatten(1).abs().amax(1) / 127;
  weight = (weight / scale.view({-1, 1, 1, 1})).round().to(torch::kChar);
  state[scale_name("conv.weight")] = scale;
  return state;
}

std::string problem_with(const StateDict& state) {
  try {
    bound_to(state);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

class ByteState : public testing::Test {
 protected:
  const torch::NoGradGuard no_grad;
  const Tensor x = at::silu(at::randn({2, 35, 9, 7}));
};

TEST_F(ByteState, DrawsTheSameAsTheOriginalInInt8) {
  if (!multiplies_bytes()) GTEST_SKIP() << "no exact products of bytes here";
  Small original = filled();
  set_precision(original, Precision::int8);
  const Tensor first = original.forward(x), second = original.forward(x);
  const auto state = byte_state(original);
  EXPECT_EQ(state.at("conv.weight").scalar_type(), torch::kChar);
  EXPECT_EQ(state.at("linear.weight").scalar_type(), torch::kChar);
  EXPECT_EQ(state.at("norm.weight").scalar_type(), torch::kFloat);
  Small stored = bound_to(state);
  set_precision(stored, Precision::int8);
  EXPECT_TRUE(at::equal(stored.forward(x), first));
  EXPECT_TRUE(at::equal(stored.forward(x), second));
}

TEST_F(ByteState, LayersThatAreNotAccurateStayFloats) {
  Small never_measured = filled();
  for (const auto& [name, value] : byte_state(never_measured))
    EXPECT_EQ(value.scalar_type(), torch::kFloat) << name;
}

TEST_F(ByteState, IsMultipliedOutForFloat32) {
  const auto state = with_bytes();
  const Tensor weight =
      multiplied_out(state.at("conv.weight"), state.at(scale_name("conv.weight")));
  auto plain = state;
  plain.erase(scale_name("conv.weight"));
  plain["conv.weight"] = weight;
  const Tensor expected = bound_to(plain).forward(x);
  EXPECT_TRUE(at::equal(bound_to(state).forward(x), expected));
  const Small converted = bound_to(state, Storage::converted);
  EXPECT_EQ(converted.parameters().front().second->scalar_type(), torch::kFloat);
  EXPECT_TRUE(at::equal(converted.forward(x), expected));
  const c10::AutoGradMode with_gradients(true);  // by LibTorch's calls
  EXPECT_LT((bound_to(state).forward(x) - expected).abs().max().item<double>(), 1e-4);
}

TEST_F(ByteState, ComesBackAsItWas) {
  const auto state = with_bytes(), again = state_of(bound_to(state));
  ASSERT_EQ(again.size(), state.size());
  for (const auto& [name, value] : state) EXPECT_TRUE(at::equal(again.at(name), value)) << name;
}

TEST_F(ByteState, BrokenScalesAreOneError) {
  const auto name = scale_name("conv.weight");
  auto state = with_bytes();
  state.erase(name);
  EXPECT_THAT(problem_with(state), HasSubstr("missing: " + name));

  state = with_bytes();
  state[name] = state[name].narrow(0, 0, 49).clone();
  EXPECT_THAT(problem_with(state), HasSubstr(name + " is [49] and does not fit"));

  for (const float bad : {std::nanf(""), INFINITY, 0.0f, -0.5f}) {
    state = with_bytes();
    state[name] = state[name].clone();
    state[name][7] = bad;
    EXPECT_THAT(problem_with(state), HasSubstr(name + " holds")) << bad;
  }
  state = with_bytes();
  state[name] = state[name].to(torch::kHalf);
  EXPECT_THAT(problem_with(state), HasSubstr("32-bit floats"));
}

TEST_F(ByteState, ScalesWithoutBytesAreUnexpected) {
  auto state = state_of(filled());
  state[scale_name("conv.weight")] = torch::ones({50});
  EXPECT_THAT(problem_with(state), HasSubstr("unexpected: conv.weight_scale"));
}

TEST_F(ByteState, LayoutsAreForetold) {
  for (const auto precision : {Precision::fp32, Precision::int8}) {
    if (precision == Precision::int8 && !multiplies_bytes()) continue;
    Small network = filled();
    set_precision(network, precision);
    const auto before = static_cast<double>(layout_bytes(network));
    network.forward(x);
    EXPECT_NEAR(static_cast<double>(layout_bytes(network)) / before, 1, 0.5);
    release_layouts(network);
    EXPECT_EQ(static_cast<double>(layout_bytes(network)), before);
  }
}

}  // namespace
}  // namespace sumi
