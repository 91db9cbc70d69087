#include <gtest/gtest.h>

#include <chrono>

#include "core/error.h"
#include "core/files.h"
#include "data/iconify.h"
#include "data/rasterise.h"

namespace sumi {
namespace {

using Pixel = std::array<int, 4>;

Pixel pixel(const Image& image, int x, int y) {
  const auto* at = image.pixels.data() + (y * image.width + x) * image.channels;
  return {at[0], at[1], at[2], at[3]};
}

std::string drawing(const std::string& body,
                    const std::string& attributes = "viewBox='0 0 10 10'") {
  return "<svg xmlns='http://www.w3.org/2000/svg' xmlns:xlink='http://www.w3.org/1999/xlink' " +
         attributes + ">" + body + "</svg>";
}

TEST(Rasterise, DrawsStraightAlpha) {
  const auto image = rasterise_svg(
      drawing("<rect width='5' height='10' fill='#ff8000' fill-opacity='0.5'/>"), 20, "test");
  ASSERT_EQ(image.width, 20);
  ASSERT_EQ(image.height, 20);
  ASSERT_EQ(image.channels, 4);
  const auto [red, green, blue, alpha] = pixel(image, 5, 10);
  EXPECT_NEAR(red, 255, 2);
  EXPECT_NEAR(green, 128, 3);
  EXPECT_NEAR(blue, 0, 2);
  EXPECT_NEAR(alpha, 128, 2);
  EXPECT_EQ(pixel(image, 15, 10)[3], 0);
}

TEST(Rasterise, KeepsProportionsWhateverSizeTheFileClaims) {
  const auto wide = rasterise_svg(
      drawing("<rect width='9' height='9'/>", "viewBox='0 0 20 10' width='900000000' height='9'"),
      64, "test");
  EXPECT_EQ(wide.width, 64);
  EXPECT_EQ(wide.height, 32);
  const auto unsized = rasterise_svg(drawing("<rect width='10' height='40'/>", ""), 64, "test");
  EXPECT_EQ(unsized.height, 64);
  EXPECT_LE(unsized.width, 64);
}

TEST(Rasterise, ReadsNothingOutsideTheText) {
  const TemporaryDirectory folder;
  const auto secret = folder.path() / "secret.svg";
  write_file(secret, drawing("<rect width='10' height='10' fill='red'/>"));
  const auto image = rasterise_svg(
      drawing("<image width='10' height='10' xlink:href='file://" + secret.string() +
              "'/><image width='10' height='10' href='" + secret.string() + "'/><use xlink:href='" +
              secret.string() + "#a'/><rect width='1' height='1'/>"),
      10, "test");
  for (int i = 1; i < 10; ++i) EXPECT_EQ(pixel(image, i, i)[3], 0) << i;
}

TEST(Rasterise, HostileTextIsAnErrorInTime) {
  std::string laughs = "<!DOCTYPE svg [<!ENTITY a 'ha'>";
  for (char c = 'b'; c < 'l'; ++c) {
    laughs += std::string("<!ENTITY ") + c + " '";
    for (int i = 0; i < 10; ++i) laughs += std::string("&") + static_cast<char>(c - 1) + ";";
    laughs += "'>";
  }
  std::string nested = "<g id='g0'><rect width='1' height='1'/></g>";
  for (int i = 1; i < 12; ++i) {
    const auto use = "<use xlink:href='#g" + std::to_string(i - 1) + "'/>";
    nested += "<g id='g" + std::to_string(i) + "'>";
    for (int j = 0; j < 10; ++j) nested += use;
    nested += "</g>";
  }
  const std::string hostile[] = {"",
                                 "not an svg",
                                 drawing("<rect").substr(0, 60),
                                 laughs + "]>" + drawing("<text>&k;</text>"),
                                 drawing("<rect/>", "viewBox='0 0 0 0'"),
                                 drawing("<rect/>", "viewBox='0 0 nan 1e400'"),
                                 drawing(nested),
                                 std::string(5u << 20, ' ')};
  SvgLimits limits;
  limits.max_seconds = 1;
  for (const auto& text : hostile) {
    const auto started = std::chrono::steady_clock::now();
    try {
      rasterise_svg(text, 32, "evil.svg", limits);
      ADD_FAILURE() << "no Error for " << text.substr(0, 80);
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("evil.svg"), std::string::npos);
    }
    EXPECT_LT(std::chrono::steady_clock::now() - started, std::chrono::seconds(5));
  }
  EXPECT_THROW(rasterise_svg(drawing("<rect width='1' height='1'/>"), 100000, "large", limits),
               Error);
}

TEST(Iconify, MakesDocumentsAndFollowsAliases) {
  const auto json = parse_json(R"({"prefix": "t", "width": 10, "height": 10,
    "icons": {"left": {"body": "<rect width='5' height='10' fill='red'/>"},
              "wide": {"body": "<rect width='20' height='10' fill='red'/>", "width": 20}},
    "aliases": {"right": {"parent": "left", "hFlip": true}, "again": {"parent": "right", "hFlip": true},
                "down": {"parent": "left", "rotate": 3}, "loop": {"parent": "pool"}, "pool": {"parent": "loop"},
                "lost": {"parent": "nothing"}}})",
                               "test");
  const IconSet icons(json, "set.json");
  EXPECT_EQ(icons.names(), (std::vector<std::string>{"left", "wide"}));
  const auto drawn = [&](const char* name) { return rasterise_svg(icons.svg(name), 10, name); };
  EXPECT_EQ(pixel(drawn("left"), 1, 5)[3], 255);
  EXPECT_EQ(pixel(drawn("left"), 8, 5)[3], 0);
  EXPECT_EQ(pixel(drawn("right"), 1, 5)[3], 0);
  EXPECT_EQ(pixel(drawn("right"), 8, 5)[3], 255);
  EXPECT_EQ(pixel(drawn("again"), 1, 5)[3], 255);
  EXPECT_EQ(pixel(drawn("down"), 5, 8)[3], 255);
  EXPECT_EQ(pixel(drawn("down"), 5, 1)[3], 0);
  EXPECT_EQ(drawn("wide").height, 5);
  for (const char* name : {"loop", "lost", "absent"}) EXPECT_THROW(icons.svg(name), Error) << name;
}

TEST(Iconify, OtherJsonIsAnError) {
  for (const char* text : {"[]", "{}", "{\"icons\": 3}", "null"})
    EXPECT_THROW(IconSet(parse_json(text, "t"), "t"), Error) << text;
  const IconSet broken(parse_json(R"({"icons": {"a": {"body": 7}, "b": 5, "c": {}}})", "t"), "t");
  for (const char* name : {"a", "b", "c"}) EXPECT_THROW(broken.svg(name), Error) << name;
}

}  // namespace
}  // namespace sumi
