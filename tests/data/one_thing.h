#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "data/compose.h"

namespace sumi {

/// A yellow square of 16 x 16 pixels as the thing of scenes.
class OneThing : public testing::Test {
 protected:
  OneThing(const std::string& name, const std::string& style) {
    for (int i = 0; i < 16 * 16; ++i) pixels_.insert(pixels_.end(), {220, 200, 40, 255});
    sprite_ = {16, 16, pixels_, {220, 200, 40}};
    row_.name = name;
    row_.style = style;
  }
  Thing thing() const { return {&row_, &sprite_}; }

  std::vector<std::uint8_t> pixels_;
  Sprite sprite_;
  Row row_;
  SceneOptions options_;
};

}  // namespace sumi
