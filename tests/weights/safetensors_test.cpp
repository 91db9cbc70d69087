#include "weights/safetensors.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <fstream>

#include "core/files.h"
#include "craft.h"
#include "expect_error.h"

namespace sumi {
namespace {

using craft::as_bytes;
using testing::HasSubstr;

/// The views point into the bytes, so these live as long as the result.
WeightFile read(const std::string& file) {
  const auto kept = std::make_shared<std::string>(file);
  WeightFile weights = read_weights(as_bytes(*kept), "file");
  weights.owner =
      std::make_shared<std::pair<std::shared_ptr<const void>, std::shared_ptr<const void>>>(
          weights.owner, kept);
  return weights;
}

std::string entry(std::string_view name, std::string_view dtype, std::string_view shape, int begin,
                  int end) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":{},"data_offsets":[{},{}]}})", name, dtype,
                     shape, begin, end);
}

TEST(Safetensors, TensorsLieInTheFile) {
  const std::string file = craft::safetensors("{" + entry("b", "F16", "[2,1]", 8, 12) + "," +
                                                  entry("a", "F32", "[2]", 0, 8) +
                                                  R"(,"__metadata__":{"format":"pt"}}   )",
                                              std::string(12, 'x'));
  const WeightFile weights = read(file);
  EXPECT_EQ(weights.format, "safetensors");
  EXPECT_EQ(weights.metadata.at("format"), "pt");
  ASSERT_EQ(weights.tensors.size(), 2u);
  const TensorView& b = weights.tensors.at("b");
  EXPECT_EQ(b.dtype, DType::f16);
  EXPECT_EQ(b.shape, (std::vector<std::int64_t>{2, 1}));
  EXPECT_EQ(b.bytes.data() - 8, weights.tensors.at("a").bytes.data());
}

TEST(Safetensors, GoodOnesAreAccepted) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"{}", ""},
      {"{}          ", ""},
      {R"({"__metadata__":{}})", ""},
      {"{" + entry("scalar", "F64", "[]", 0, 8) + "}", "12345678"},
      {"{" + entry("empty", "F32", "[0,4]", 0, 0) + "}", ""},
      {"{" + entry("x", "U8", "[3]", 0, 3) + "," + entry("none", "U8", "[0]", 3, 3) + "}", "abc"},
      {"{" + entry("none", "U8", "[0]", 0, 0) + "," + entry("x", "U8", "[3]", 0, 3) + "}", "abc"},
      {"{" + entry(R"(\u00e9\ud83d\ude00\n\"\\\/)", "BOOL", "[1]", 0, 1) + "}", "a"},
      {"{" + entry("\xc3\xa9\xf0\x9f\x98\x80", "I8", "[1]", 0, 1) + "}", "a"},
      {"{ \n\t\"x\" : { \"shape\" : [ 1 , 1 , 1 , 1 , 1 , 1 , 1 , 1 ] , \"data_offsets\" : [ 0 , 2 "
       "] , \"dtype\" : \"BF16\" } }",
       "ab"},
      {"{" + entry(std::string(4096, 'n'), "I16", "[1]", 0, 2) + "}", "ab"},
  };
  for (const auto& [header, data] : table)
    EXPECT_NO_THROW(read(craft::safetensors(header, data))) << header.substr(0, 100);
  EXPECT_EQ(read(craft::safetensors(table[7].first, "a")).tensors.begin()->first,
            "\xc3\xa9\xf0\x9f\x98\x80\n\"\\/");
}

TEST(Safetensors, BadOnesAreRefused) {
  const std::string ok = entry("x", "U8", "[4]", 0, 4);
  const std::vector<std::pair<std::string, std::string>> table = {
      // header, what the Error says
      {"", "begin with"},
      {" {}", "begin with"},
      {"[]", "begin with"},
      {"{", "lacks"},
      {"{" + ok, "lacks"},
      {"{" + ok + ",}", "lacks"},
      {"{" + ok + "}}", "goes on"},
      {"{" + ok + std::string("}\0", 2), "goes on"},
      {"{" + ok + "," + ok + "}", "stands twice"},
      {R"({"__metadata__":{},"__metadata__":{},)" + ok + "}", "stands twice"},
      {R"({"__metadata__":{"a":"1","a":"2"},)" + ok + "}", "stands twice"},
      {R"({"__metadata__":{"a":1},)" + ok + "}", "lacks"},
      {R"({"__metadata__":"pt",)" + ok + "}", "lacks"},
      {R"({"x":{"dtype":"U8","dtype":"U8","shape":[4],"data_offsets":[0,4]}})", "stands twice"},
      {R"({"x":{"shape":[4],"data_offsets":[0,4]}})", "lacks its dtype"},
      {R"({"x":{"dtype":"U8","data_offsets":[0,4]}})", "lacks its dtype"},
      {R"({"x":{"dtype":"U8","shape":[4]}})", "lacks its dtype"},
      {R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4],"more":[[[[[[[[[1]]]]]]]]]}})",
       "not known"},
      {R"({"x":[[[[[[[[[[[[]]]]]]]]]]]]})", "lacks"},
      {R"({"x":{"dtype":"U8","shape":[[4]],"data_offsets":[0,4]}})", "lacks a whole number"},
      {R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0,4,4]}})", "lacks"},
      {R"({"x":{"dtype":"U8","shape":[4],"data_offsets":[0]}})", "lacks"},
      {"{" + entry("x", "F8_E4M3", "[4]", 0, 4) + "}", "dtype \"F8_E4M3\""},
      {"{" + entry("x", "u8", "[4]", 0, 4) + "}", "dtype"},
      {"{" + entry("x", "", "[4]", 0, 4) + "}", "dtype"},
      {"{" + entry("x", "U8", "[-4]", 0, 4) + "}", "lacks a whole number"},
      {"{" + entry("x", "U8", "[4.0]", 0, 4) + "}", "lacks"},
      {"{" + entry("x", "U8", "[4e0]", 0, 4) + "}", "lacks"},
      {"{" + entry("x", "U8", "[04]", 0, 4) + "}", "leading zero"},
      {"{" + entry("x", "U8", "[\"4\"]", 0, 4) + "}", "lacks a whole number"},
      {"{" + entry("x", "U8", "[4,]", 0, 4) + "}", "lacks a whole number"},
      {"{" + entry("x", "U8", "[1,1,1,1,1,1,1,1,4]", 0, 4) + "}", "dimensions"},
      {"{" + entry("x", "U8", "[9223372036854775808]", 0, 4) + "}", "too large"},
      {"{" + entry("x", "F64", "[2305843009213693952]", 0, 4) + "}", "too large"},
      {"{" + entry("x", "U8", "[4294967296,4294967296]", 0, 4) + "}", "too large"},
      {"{" + entry("x", "U8", "[4294967296,4294967296,0]", 0, 4) + "}", "too large"},
      {"{" + entry("x", "F32", "[4]", 0, 4) + "}", "needs 16 bytes"},
      {"{" + entry("x", "U8", "[3]", 0, 4) + "}", "needs 3 bytes"},
      {"{" + entry("x", "U8", "[4]", 4, 0) + "}", "lies at"},
      {"{" + entry("x", "U8", "[5]", 0, 5) + "}", "lies at"},
      {"{" + entry("x", "U8", "[3]", 0, 3) + "}", "belong to no tensor"},
      {"{" + entry("x", "U8", "[3]", 1, 4) + "}", "hole"},
      {"{" + entry("x", "U8", "[1]", 0, 1) + "," + entry("y", "U8", "[2]", 2, 4) + "}", "hole"},
      {"{" + entry("x", "U8", "[3]", 0, 3) + "," + entry("y", "U8", "[2]", 2, 4) + "}", "overlaps"},
      {"{" + ok + "," + entry("y", "U8", "[4]", 0, 4) + "}", "overlaps"},
      {"{" + ok + "," + entry("y", "U8", "[0]", 2, 2) + "}", "overlaps"},
      {"{}", "belong to no tensor"},
      {"{" + entry(std::string(4097, 'n'), "U8", "[4]", 0, 4) + "}", "longer than 4096"},
      {"{" + entry("\xff", "U8", "[4]", 0, 4) + "}", "UTF-8"},
      {"{" + entry("\xc0\x80", "U8", "[4]", 0, 4) + "}", "UTF-8"},
      {"{" + entry("\xed\xa0\x80", "U8", "[4]", 0, 4) + "}", "UTF-8"},
      {"{" + entry("\x01", "U8", "[4]", 0, 4) + "}", "control"},
      {"{" + entry(R"(\ud800)", "U8", "[4]", 0, 4) + "}", "surrogate"},
      {"{" + entry(R"(\ud800\u0041)", "U8", "[4]", 0, 4) + "}", "surrogate"},
      {"{" + entry(R"(\udc00)", "U8", "[4]", 0, 4) + "}", "surrogate"},
      {"{" + entry(R"(\x41)", "U8", "[4]", 0, 4) + "}", "escape"},
      {"{" + entry(R"(\u00g0)", "U8", "[4]", 0, 4) + "}", "hexadecimal"},
      {"{'x':" + ok.substr(4) + "}", "lacks"},
      {"{" + ok + "/*comment*/}", "lacks"},
  };
  for (const auto& [header, words] : table) {
    const std::string file = craft::safetensors(header, "abcd");
    const std::string text = error_of([&] { read(file); });
    EXPECT_THAT(text, HasSubstr(words)) << header.substr(0, 120);
    EXPECT_THAT(text, HasSubstr("file: ")) << header.substr(0, 120);
    EXPECT_THAT(text, HasSubstr("byte ")) << header.substr(0, 120);
  }
}

TEST(Safetensors, AFileCutAnywhereIsRefused) {
  const std::string file = craft::safetensors(
      "{" + entry("a", "F32", "[2]", 0, 8) + "," + entry("b", "U8", "[3]", 8, 11) + "}",
      "01234567abc");
  ASSERT_NO_THROW(read(file));
  for (std::size_t length = 0; length < file.size(); ++length)
    EXPECT_THROW(read(file.substr(0, length)), Error) << "cut after " << length;
  EXPECT_THROW(read(file + "x"), Error);
}

TEST(Safetensors, HeaderLengthIsBounded) {
  for (const std::uint64_t length :
       {100'000'001ull, 0xFFFFFFFFull, 0x7FFFFFFFFFFFFFFFull, ~0ull, 0xFFFFFFFFFFFFFFF7ull})
    EXPECT_THAT(error_of([&] { read(craft::bytes(length) + "{}"); }),
                HasSubstr("at most 100000000"));
  EXPECT_THAT(error_of([&] { read(craft::bytes<std::uint64_t>(100'000'000) + "{}"); }),
              HasSubstr("the file has 10"));
}

TEST(Safetensors, TooManyTensorsAreRefused) {
  std::string header = "{";
  for (int i = 0; i <= 100'000; ++i)
    header += (i ? "," : "") + entry(std::to_string(i), "U8", "[0]", 0, 0);
  EXPECT_THAT(error_of([&] { read(craft::safetensors(header + "}")); }),
              HasSubstr("more than 100000 tensors"));
}

TEST(Safetensors, WrittenFilesReadBack) {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "out.safetensors";
  const std::string halves = "abcd", longs = "12345678";
  const NamedViews views = {{"odd", {DType::u8, {3}, as_bytes("xyz")}},
                            {"halves", {DType::f16, {2, 1}, as_bytes(halves)}},
                            {"long \"é\"", {DType::i64, {}, as_bytes(longs)}},
                            {"none", {DType::f32, {0, 7}, {}}}};
  write_safetensors(path, views, {{"format", "pt"}, {"note", "a\nb"}});
  const WeightFile back = open_weight_file(path);
  EXPECT_EQ(back.metadata,
            (std::map<std::string, std::string>{{"format", "pt"}, {"note", "a\nb"}}));
  ASSERT_EQ(back.tensors.size(), views.size());
  for (const auto& [name, view] : views) {
    const TensorView& read_view = back.tensors.at(name);
    EXPECT_EQ(read_view.dtype, view.dtype);
    EXPECT_EQ(read_view.shape, view.shape);
    EXPECT_TRUE(std::equal(view.bytes.begin(), view.bytes.end(), read_view.bytes.begin(),
                           read_view.bytes.end()));
    if (!view.bytes.empty()) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(read_view.bytes.data()) % size_of(view.dtype), 0u)
          << name;
    }
  }
}

TEST(Safetensors, AFailedWriteLeavesTheOldFile) {
  const TemporaryDirectory folder;
  const auto path = folder.path() / "out.safetensors";
  write_safetensors(path, NamedViews{{"x", {DType::u8, {3}, as_bytes("old")}}});
  const auto fails = [&](const NamedViews& views) {
    EXPECT_THROW(write_safetensors(path, views), Error);
  };
  fails({{"x", {DType::u8, {4}, as_bytes("new")}}});
  fails({{"x", {DType::u8, {3}, as_bytes("new")}}, {"x", {DType::u8, {3}, as_bytes("new")}}});
  fails({{"__metadata__", {DType::u8, {3}, as_bytes("new")}}});
  fails({{"\xff", {DType::u8, {3}, as_bytes("new")}}});
  fails({{"x", {DType::u8, {-3}, as_bytes("new")}}});
  fails({{std::string(4097, 'n'), {DType::u8, {3}, as_bytes("new")}}});
  const auto view = open_weight_file(path);
  EXPECT_EQ(std::memcmp(view.tensors.at("x").bytes.data(), "old", 3), 0);
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder.path()), {}), 1);
  EXPECT_THROW(write_safetensors(folder.path() / "missing" / "out.safetensors", NamedViews{}),
               Error);
}

}  // namespace
}  // namespace sumi
