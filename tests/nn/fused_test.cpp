// Pictures that convolutions change as they read them, and memory that is given away.
#include "nn/fused.h"

#include <gtest/gtest.h>

#include "nn/in_place.h"

namespace sumi {
namespace {

template <class Layer>
Layer initialised(Layer layer) {
  initialise(layer, 1);
  return layer;
}

/// The same layer where gradients may be asked for, which is LibTorch's way.
template <class Run>
Tensor by_libtorch(const Run& run) {
  const torch::AutoGradMode with_gradients(true);
  return run().detach();
}

double relative_gap(const Tensor& a, const Tensor& b) {
  return ((a - b).abs().max() / b.abs().max()).item<double>();
}

Tensor pictures(at::IntArrayRef shape) {
  return at::randn(shape).contiguous(at::MemoryFormat::ChannelsLast);
}

class Fused : public testing::Test {
  const torch::NoGradGuard no_grad_;
};

TEST_F(Fused, NormSiluConvolutionAndResidualEqualLibTorch) {
  struct Case {
    std::int64_t batch, in, out, height, width, kernel;
  };
  for (const auto& c : {Case{1, 8, 5, 1, 1, 3},
                        {3, 24, 16, 7, 10, 3},
                        {2, 16, 20, 9, 4, 1},
                        {1, 64, 64, 257, 263, 3}}) {
    SCOPED_TRACE(c.in);
    const auto norm = initialised(GroupNorm(4, c.in, 1e-5));
    const auto conv =
        initialised(Conv2d(c.in, c.out, {.kernel = c.kernel, .padding = c.kernel / 2}));
    const auto x = at::randn({c.batch, c.in, c.height, c.width}),
               shift = at::randn({c.batch, c.in});
    const auto residual = at::randn({c.batch, c.out, c.height, c.width});
    for (const auto& added : {Tensor(), residual}) {
      const auto expected =
          by_libtorch([&] { return convolve_normed(norm, conv, x, shift, added); });
      EXPECT_LT(relative_gap(convolve_normed(norm, conv, x, shift, added), expected), 2e-5);
    }
  }
}

TEST_F(Fused, EnlargedPicturesOfManyPixelsEqualLibTorch) {
  const auto conv = initialised(Conv2d(12, 7));
  const auto x = at::randn({2, 12, 90, 101});
  for (const auto& [height, width] : {std::pair{180, 202}, {179, 203}}) {
    const auto expected = by_libtorch([&] { return convolve_enlarged(conv, x, height, width); });
    EXPECT_LT(relative_gap(convolve_enlarged(conv, x, height, width), expected), 2e-5);
  }
}

TEST_F(Fused, AResidualIsOverwrittenOnlyIfNobodyElseReadsIt) {
  const auto norm = initialised(GroupNorm(4, 16, 1e-5));
  const auto conv = initialised(Conv2d(16, 8));
  const auto x = pictures({2, 16, 6, 5});
  auto residual = pictures({2, 8, 6, 5});
  const auto kept = residual.clone();
  const auto expected = convolve_normed(norm, conv, x, {}, residual);
  EXPECT_TRUE(at::equal(residual, kept));

  const Tensor second_holder = residual;
  EXPECT_TRUE(at::equal(convolve_normed(norm, conv, x, {}, std::move(residual)), expected));
  EXPECT_TRUE(at::equal(second_holder, kept));

  auto sole = kept.clone();
  const Tensor other_view = sole.view_as(sole);
  EXPECT_FALSE(may_be_overwritten(sole));
  EXPECT_TRUE(at::equal(convolve_normed(norm, conv, x, {}, std::move(sole)), expected));
  EXPECT_TRUE(at::equal(other_view, kept));

  auto given = kept.clone();
  const auto* memory = given.data_ptr();
  const auto result = convolve_normed(norm, conv, x, {}, std::move(given));
  EXPECT_EQ(result.data_ptr(), memory);
  EXPECT_TRUE(at::equal(result, expected));
}

TEST_F(Fused, LargePicturesThatAreGivenAwayTakeTheirOwnShortcut) {
  const auto shortcut = initialised(Conv2d(64, 16, {.kernel = 1, .padding = 0}));
  auto x = pictures({1, 64, 514, 530});
  const auto kept = x.clone();
  const auto expected = shortcut.forward(x);
  const Tensor second_holder = x;
  EXPECT_TRUE(at::equal(shortcut.forward_in_place(x), expected));
  EXPECT_TRUE(at::equal(second_holder, kept));

  auto given = kept.clone();
  const auto* memory = given.data_ptr();
  const auto result = shortcut.forward_in_place(std::move(given));
  EXPECT_EQ(result.data_ptr(), memory);
  EXPECT_TRUE(may_be_overwritten(result));
  EXPECT_LT(relative_gap(result, expected), 1e-6);
}

TEST_F(Fused, WithGradientsNothingIsOverwritten) {
  const torch::AutoGradMode with_gradients(true);
  EXPECT_FALSE(may_be_overwritten(at::randn({2, 2})));
  EXPECT_FALSE(may_be_overwritten(Tensor()));
}

}  // namespace
}  // namespace sumi
