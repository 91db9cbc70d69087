#include <gmock/gmock.h>

#include "core/files.h"
#include "craft.h"
#include "expect_error.h"
#include "weights/weight_file.h"

namespace sumi {
namespace {

using testing::HasSubstr;

class Sharded : public testing::Test {
 protected:
  void SetUp() override {
    write_file(
        folder_.path() / "one.safetensors",
        craft::safetensors(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", "AA"));
    write_file(folder_.path() / "two.safetensors",
               craft::safetensors(R"({"b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "B"));
  }
  WeightFile open(const std::string& index) {
    write_file(folder_.path() / "index.json", index);
    return open_weight_file(folder_.path() / "index.json");
  }
  std::string refused(const std::string& index) {
    return error_of([&] { open(index); });
  }
  TemporaryDirectory folder_;
};

TEST_F(Sharded, FilesAreJoined) {
  const WeightFile all = open(
      R"({"metadata":{"total_size":3},"weight_map":{"a":"one.safetensors","b":"two.safetensors"}})");
  EXPECT_EQ(all.format, "sharded safetensors");
  ASSERT_EQ(all.tensors.size(), 2u);
  EXPECT_EQ(static_cast<char>(all.tensors.at("b").bytes[0]), 'B');
}

TEST_F(Sharded, BadIndexesAreRefused) {
  EXPECT_THAT(refused("{}"), HasSubstr("weight_map"));
  EXPECT_THAT(refused(R"({"weight_map":{}})"), HasSubstr("0 files"));
  EXPECT_THAT(refused(R"({"weight_map":{"a":"one.safetensors"})"), HasSubstr("JSON"));
  EXPECT_THAT(refused(R"({"weight_map":{"a":"one.safetensors","b":"one.safetensors"}})"),
              HasSubstr("is not in"));
  EXPECT_THAT(refused(R"({"weight_map":{"b":"one.safetensors"}})"), HasSubstr("does not say so"));
  EXPECT_THAT(refused(R"({"weight_map":{"a":"missing.safetensors"}})"),
              HasSubstr("missing.safetensors"));
  EXPECT_THAT(refused(R"({"weight_map":{"a":"index.json"}})"), HasSubstr("index of other files"));
  EXPECT_THAT(refused(R"({"weight_map":{"a":"one.safetensors","a":"two.safetensors"}})"),
              HasSubstr("twice"));
  EXPECT_THAT(refused(R"({"weight_map":[[[[[[[[[]]]]]]]]]})"), HasSubstr("deeper"));
  for (const char* name :
       {"../one.safetensors", "/etc/passwd", "a/b", "..", ".", "", "a\\\\b", "a\\u0000b"})
    EXPECT_THAT(refused(std::string(R"({"weight_map":{"a":")") + name + "\"}}"),
                HasSubstr("plain file name"))
        << name;
  EXPECT_THAT(refused(R"({"weight_map":{"a":1}})"), HasSubstr("plain file name"));
}

TEST(WeightFile, OtherFilesAreRefused) {
  for (const std::string& file :
       {std::string("GIF89a....."), std::string("x"), std::string(64, '\0'), std::string("PK\3\4"),
        std::string("\x89PNG\r\n\x1a\n0000"), std::string("\x80\x02}q\x01.")})
    EXPECT_THROW(read_weights(craft::as_bytes(file), "file"), Error) << file;
  EXPECT_THROW(open_weight_file("/nonexistent/file.safetensors"), Error);
}

}  // namespace
}  // namespace sumi
