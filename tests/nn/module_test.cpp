#include "nn/module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "core/error.h"
#include "nn/layers.h"

namespace sumi {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

struct Pair : Module {
  Pair()
      : first(add("first", Linear(2, 3))),
        last(add("list.0", Linear(3, 3, {.bias = false}).start_at_zero())) {
    tolerate("list.ids");
  }
  Linear first, last;
};

StateDict good_state() {
  return {{"first.weight", at::randn({3, 2})},
          {"first.bias", at::randn({3})},
          {"list.0.weight", at::randn({3, 3})}};
}

std::string error_of(const StateDict& state) {
  Pair pair;
  try {
    bind(pair, state, "file");
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Module, NamesItsParametersInOrder) {
  Pair pair;
  std::vector<std::string> names;
  for (const auto& [path, tensor] : pair.parameters()) {
    names.push_back(path);
    EXPECT_FALSE(tensor->defined());
  }
  EXPECT_THAT(names, ElementsAre("first.weight", "first.bias", "list.0.weight"));
  EXPECT_EQ(parameter_count(pair), 2 * 3 + 3 + 9);
}

TEST(Bind, SharesFloatTensorsAndConvertsOthers) {
  auto state = good_state();
  state["first.bias"] = state["first.bias"].to(torch::kHalf);
  state["list.ids"] = at::arange(3);
  Pair pair;
  bind(pair, state, "file");
  const auto bound = state_of(pair);
  EXPECT_EQ(bound.at("first.weight").data_ptr(), state.at("first.weight").data_ptr());
  EXPECT_EQ(bound.at("first.bias").scalar_type(), torch::kFloat);
  EXPECT_TRUE(at::equal(bound.at("first.bias"), state.at("first.bias").to(torch::kFloat)));
  EXPECT_EQ(bound.size(), 3u);
}

TEST(Bind, ListsEverythingThatDoesNotFit) {
  auto state = good_state();
  state.erase("first.bias");
  state["extra.weight"] = at::zeros({1});
  state["list.0.weight"] = at::zeros({3, 4});
  const auto text = error_of(state);
  EXPECT_THAT(text, HasSubstr("file"));
  EXPECT_THAT(text, HasSubstr("missing: first.bias"));
  EXPECT_THAT(text, HasSubstr("unexpected: extra.weight"));
  EXPECT_THAT(text, HasSubstr("list.0.weight is [3, 4] instead of [3, 3]"));
}

TEST(Bind, TakesPointwiseConvolutionsAsMatrices) {
  auto state = good_state();
  state["list.0.weight"] = at::randn({3, 3, 1, 1});
  EXPECT_EQ(error_of(state), "");
  state["list.0.weight"] = at::randn({3, 1, 3, 1});
  EXPECT_THAT(error_of(state), HasSubstr("list.0.weight"));
}

TEST(Bind, RefusesNumbersThatAreNone) {
  constexpr auto infinite = std::numeric_limits<float>::infinity();
  for (const float bad : {NAN, infinite, -infinite}) {
    auto state = good_state();
    state["list.0.weight"][2][2] = bad;
    EXPECT_THAT(error_of(state), HasSubstr("list.0.weight holds NaN or infinite"));
    state = good_state();
    state["first.weight"] = state["first.weight"].to(torch::kHalf);
    state["first.weight"][0][1] = bad;
    EXPECT_THAT(error_of(state), HasSubstr("first.weight holds NaN or infinite"));
  }
}

TEST(AllFinite, FindsOneBadNumberAnywhere) {
  for (const std::int64_t length : {1, 7, 1031, (1 << 21) + 3}) {
    const auto tensor = at::full({length}, -std::numeric_limits<float>::max());
    EXPECT_TRUE(all_finite(tensor));
    for (const auto place : {std::int64_t{0}, length / 2, length - 1}) {
      auto bad = tensor.clone();
      bad[place] = NAN;
      EXPECT_FALSE(all_finite(bad));
    }
  }
}

TEST(Initialise, DependsOnSeedAndPathOnly) {
  Pair one, other, third;
  initialise(one, 5);
  initialise(other, 5);
  initialise(third, 6);
  EXPECT_TRUE(at::equal(state_of(one).at("first.weight"), state_of(other).at("first.weight")));
  EXPECT_FALSE(at::equal(state_of(one).at("first.weight"), state_of(third).at("first.weight")));
  EXPECT_EQ(state_of(one).at("list.0.weight").abs().max().item<float>(), 0);
  const double bound = 1 / std::sqrt(2.0),
               largest = state_of(one).at("first.weight").abs().max().item<double>();
  EXPECT_LE(largest, bound);
  EXPECT_GT(largest, bound / 4);
}

TEST(SetRequiresGrad, CopiesBeforeTraining) {
  const auto state = good_state();
  Pair pair;
  bind(pair, state, "file");
  set_requires_grad(pair, true);
  const auto trained = state_of(pair);
  EXPECT_NE(trained.at("first.weight").data_ptr(), state.at("first.weight").data_ptr());
  EXPECT_TRUE(trained.at("first.weight").requires_grad());
  set_requires_grad(pair, true);
  EXPECT_EQ(state_of(pair).at("first.weight").data_ptr(), trained.at("first.weight").data_ptr());
  set_requires_grad(pair, false);
  EXPECT_FALSE(state_of(pair).at("first.weight").requires_grad());
}

}  // namespace
}  // namespace sumi
