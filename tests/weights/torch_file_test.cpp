#include "weights/torch_file.h"

#include <gmock/gmock.h>

#include <numeric>

#include "craft.h"
#include "expect_error.h"
#include "weights/pickle.h"
#include "weights/zip_store.h"

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

/// 0, 1, 2, … as bytes.
std::string counting(int count) {
  std::string out(static_cast<std::size_t>(count), '\0');
  std::iota(out.begin(), out.end(), '\0');
  return out;
}

std::string content(const TensorView& view) {
  return {reinterpret_cast<const char*>(view.bytes.data()), view.bytes.size()};
}

std::string content_of_x(const std::string& file) {
  const WeightFile weights = read(file);
  return content(weights.tensors.at("x"));
}

const std::string kBytes6 = craft::storage("ByteStorage", "0", 6);

std::string file_with(const std::string& tensor) {
  return craft::torch_zip(craft::dict({{"x", tensor}}), {{"0", counting(6)}});
}

TEST(TorchFile, ZipWithStateDictAndNotes) {
  const std::string value = craft::dict(
      {{"epoch", "K\x06"},
       {"pytorch-lightning_version", craft::text("1.4.2")},
       {"rate", "G" + std::string("\x3f\xe0\0\0\0\0\0\0", 8)},
       {"optimizer", craft::dict({{"exp_avg", craft::tensor(kBytes6, 0, {6}, {1})}})},
       {"callbacks",
        "}" + craft::name("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint") +
            "}s"},
       {"state_dict",
        craft::dict({{"a.weight", craft::tensor(kBytes6, 0, {2, 3}, {3, 1})},
                     {"b", craft::call(craft::name("torch._utils", "_rebuild_parameter"),
                                       {craft::tensor(kBytes6, 2, {3}, {1}), "\x89", "N"})}})}});
  const std::string file = craft::torch_zip(value, {{"0", counting(6)}});
  const WeightFile weights = read(file);
  EXPECT_EQ(weights.format, "pickle (zip)");
  ASSERT_EQ(weights.tensors.size(), 2u);
  EXPECT_EQ(weights.tensors.at("a.weight").shape, (std::vector<std::int64_t>{2, 3}));
  EXPECT_EQ(content(weights.tensors.at("a.weight")), counting(6));
  EXPECT_EQ(content(weights.tensors.at("b")), counting(6).substr(2, 3));
  EXPECT_EQ(weights.tensors.at("a.weight").bytes.data() + 2, weights.tensors.at("b").bytes.data())
      << "contiguous tensors are not copied";
  EXPECT_EQ(weights.metadata.at("epoch"), "6");
  EXPECT_EQ(weights.metadata.at("pytorch-lightning_version"), "1.4.2");
  EXPECT_EQ(weights.metadata.at("rate"), "0.5");
}

TEST(TorchFile, OtherStridesAreCopied) {
  EXPECT_EQ(content_of_x(file_with(craft::tensor(kBytes6, 0, {3, 2}, {1, 3}))),
            std::string("\0\3\1\4\2\5", 6));
  EXPECT_EQ(content_of_x(file_with(craft::tensor(kBytes6, 1, {2}, {4}))), std::string("\1\5", 2));
  EXPECT_EQ(content_of_x(file_with(craft::tensor(kBytes6, 5, {6}, {0}))), std::string(6, '\5'));
  // Strides of axes of length one do not matter.
  EXPECT_EQ(content_of_x(file_with(craft::tensor(kBytes6, 0, {1, 6}, {99, 1}))), counting(6));
  EXPECT_EQ(read(file_with(craft::tensor(kBytes6, 6, {0, 4}, {4, 1}))).tensors.at("x").bytes.size(),
            0u);
}

TEST(TorchFile, EmbeddingFilesKeepTheirNesting) {
  const std::string value = craft::dict(
      {{"string_to_token", craft::dict({{"*", "M\x09\x01"}})},
       {"string_to_param", craft::dict({{"*", craft::tensor(kBytes6, 0, {2, 3}, {3, 1})}})},
       {"name", craft::text("fox")},
       {"sd_checkpoint", "N"}});
  const WeightFile weights = read(craft::torch_zip(value, {{"0", counting(6)}}));
  EXPECT_EQ(weights.tensors.begin()->first, "string_to_param.*");
  EXPECT_EQ(weights.metadata.at("name"), "fox");
  EXPECT_EQ(weights.metadata.at("string_to_token.*"), "265");
}

TEST(TorchFile, ParameterDictIsADict) {
  const std::string parameters =
      craft::name("torch.nn.modules.container", "ParameterDict") + ")\x81" +
      craft::dict({{"training", "\x88"},
                   {"_parameters", craft::dict({{"*", craft::tensor(kBytes6, 0, {6}, {1})}})}}) +
      "b";
  const WeightFile weights =
      read(craft::torch_zip(craft::dict({{"string_to_param", parameters}}), {{"0", counting(6)}}));
  EXPECT_EQ(content(weights.tensors.at("string_to_param.*")), counting(6));
}

TEST(TorchFile, OrderedDictFormsAndAttributes) {
  const std::string ordered = craft::name("collections", "OrderedDict");
  const std::string tensor = craft::tensor(kBytes6, 0, {6}, {1});
  const std::string filled = craft::call(ordered, {}) + "(" + craft::text("x") + tensor + "u" +
                             craft::dict({{"_metadata", craft::call(ordered, {})}}) + "b";
  EXPECT_EQ(content_of_x(craft::torch_zip(filled, {{"0", counting(6)}})), counting(6));
  const std::string pairs = craft::call(ordered, {"](](" + craft::text("x") + tensor + "ee"});
  EXPECT_EQ(content_of_x(craft::torch_zip(pairs, {{"0", counting(6)}})), counting(6));
}

TEST(TorchFile, Legacy) {
  const std::string value =
      craft::dict({{"b", craft::tensor(craft::storage("HalfStorage", "94", 3, true), 1, {2}, {1})},
                   {"a", craft::tensor(craft::storage("FloatStorage", "12", 1, true), 0, {}, {})}});
  const std::string file = craft::torch_legacy(value, {{"94", counting(6)}}, 2);
  const std::string whole = craft::torch_legacy(
      craft::dict(
          {{"b", craft::tensor(craft::storage("HalfStorage", "94", 3, true), 1, {2}, {1})}}),
      {{"94", counting(6)}}, 2);
  const WeightFile weights = read(whole);
  EXPECT_EQ(weights.format, "pickle (legacy)");
  EXPECT_EQ(weights.tensors.at("b").dtype, DType::f16);
  EXPECT_EQ(content(weights.tensors.at("b")), counting(6).substr(2, 4));
  EXPECT_THAT(error_of([&] { read(file); }), HasSubstr("storage \"12\" is not in the file"));
  EXPECT_THAT(error_of([&] { read(whole + "x"); }), HasSubstr("goes on after its last storage"));
  for (std::size_t length = 0; length < whole.size(); ++length)
    EXPECT_THROW(read(whole.substr(0, length)), Error) << length;
}

TEST(TorchFile, AZipCutAnywhereIsRefused) {
  const std::string file = file_with(craft::tensor(kBytes6, 0, {6}, {1}));
  ASSERT_NO_THROW(read(file));
  for (std::size_t length = 0; length < file.size(); ++length)
    EXPECT_THROW(read(file.substr(0, length)), Error) << length;
}

TEST(TorchFile, TensorsStayInTheirStorage) {
  const auto refused = [](const std::string& tensor) {
    return error_of([&] { read(file_with(tensor)); });
  };
  EXPECT_THAT(refused(craft::tensor(kBytes6, 0, {7}, {1})), HasSubstr("does not fit"));
  EXPECT_THAT(refused(craft::tensor(kBytes6, 1, {6}, {1})), HasSubstr("does not fit"));
  EXPECT_THAT(refused(craft::tensor(kBytes6, 0, {2}, {6})), HasSubstr("does not fit"));
  EXPECT_THAT(refused(craft::tensor(kBytes6, 0, {7}, {0})), HasSubstr("does not fit"));
  EXPECT_THAT(refused(craft::tensor(kBytes6, -1, {1}, {1})), HasSubstr("from 0 on"));
  EXPECT_THAT(refused(craft::tensor(kBytes6, 0, {-1}, {1})), HasSubstr("from 0 on"));
  EXPECT_THAT(refused(craft::tensor(kBytes6, 3, {2}, {-1})), HasSubstr("from 0 on"));
  EXPECT_THAT(refused(craft::tensor(kBytes6, 0, {2147483647, 2147483647, 2147483647}, {0, 0, 0})),
              HasSubstr("does not fit"));
  EXPECT_THAT(refused(craft::tensor(kBytes6, 0, {2, 2}, {1})), HasSubstr("differ in length"));
  EXPECT_THAT(refused(craft::tensor(kBytes6, 0, std::vector<std::int32_t>(9, 1),
                                    std::vector<std::int32_t>(9, 1))),
              HasSubstr("at most 8"));
  EXPECT_THAT(refused(craft::tensor(craft::storage("ByteStorage", "0", 7), 0, {6}, {1})),
              HasSubstr("should hold 7 elements"));
  EXPECT_THAT(refused(craft::tensor(craft::storage("FloatStorage", "0", 6), 0, {6}, {1})),
              HasSubstr("should hold 6 elements"));
  EXPECT_THAT(refused(craft::tensor(craft::storage("ByteStorage", "1", 6), 0, {6}, {1})),
              HasSubstr("not in the file"));
  EXPECT_THAT(
      refused(craft::tensor(craft::storage("ByteStorage", "../../etc/passwd", 6), 0, {6}, {1})),
      HasSubstr("not in the file"));
}

TEST(TorchFile, CopiesAreBounded) {
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 50; ++i) many.emplace_back(std::to_string(i), "h\x01");
  // One tensor that reads its storage backwards through two axes, under fifty names: more than the
  // file holds.
  const std::string storage = craft::storage("ByteStorage", "0", 100'000);
  const std::string first = craft::tensor(storage, 0, {1000, 100}, {1, 1000}) + "q\x01";
  many.insert(many.begin(), {"first", first});
  EXPECT_THAT(error_of([&] {
                read(craft::torch_zip(craft::dict(many), {{"0", std::string(100'000, 'a')}}));
              }),
              HasSubstr("other strides"));
}

TEST(TorchFile, NoTensorsIsAnError) {
  EXPECT_THAT(error_of([] { read(craft::torch_zip("}", {})); }), HasSubstr("no tensors"));
  EXPECT_THAT(error_of([] { read(craft::torch_zip("N", {})); }), HasSubstr("no tensors"));
  EXPECT_THAT(error_of([] {
                read(craft::torch_zip(craft::tensor(kBytes6, 0, {6}, {1}), {{"0", counting(6)}}));
              }),
              HasSubstr("without a name"));
}

TEST(TorchFile, OtherByteOrderIsRefused) {
  const std::string value =
      craft::pickle(craft::dict({{"x", craft::tensor(kBytes6, 0, {6}, {1})}}));
  std::vector<craft::ZipMember> members(3);
  members[0].name = "a/data.pkl", members[0].data = value;
  members[1].name = "a/data/0", members[1].data = counting(6);
  members[2].name = "a/byteorder", members[2].data = "little";
  EXPECT_NO_THROW(read(craft::zip(members)));
  members[2].data = "big";
  EXPECT_THAT(error_of([&] { read(craft::zip(members)); }), HasSubstr("byte order"));
  members[2].name = "b/data.pkl";
  EXPECT_THAT(error_of([&] { read(craft::zip(members)); }), HasSubstr("two data.pkl"));
}

TEST(TorchFile, NestingIsBounded) {
  // A hundred dicts inside each other, then a dict that holds itself, then one shared 2^30 times.
  std::string deep = craft::tensor(kBytes6, 0, {6}, {1});
  for (int i = 0; i < 100; ++i) deep = craft::dict({{"d", deep}});
  EXPECT_THAT(error_of([&] {
                read(craft::torch_zip(deep, {{"0", counting(6)}}));
              }),
              HasSubstr("nested deeper"));
  EXPECT_THAT(error_of([&] {
                read(craft::torch_zip(
                    std::string("}q\0", 3) + craft::text("d") + std::string("h\0s", 3), {}));
              }),
              HasSubstr("nested deeper"));
  std::string shared = craft::dict({{"x", craft::tensor(kBytes6, 0, {6}, {1})}});
  for (char level = 1; level < 12; ++level) {
    const std::string get = std::string("h") + level;
    shared = shared + "q" + level + "0}(" + craft::text("a") + get;
    for (const char* name : {"b", "c", "d", "e", "f", "g", "h"}) shared += craft::text(name) + get;
    shared += "u";
  }
  EXPECT_THROW(read(craft::torch_zip(shared, {{"0", counting(6)}})), Error);
}

// Zip archives.

std::string two_members(const std::function<void(std::vector<craft::ZipMember>&)>& change) {
  std::vector<craft::ZipMember> members(2);
  members[0].name = "a", members[0].data = "alpha";
  members[1].name = "b", members[1].data = "beta";
  change(members);
  return craft::zip(members);
}

std::string refused_zip(const std::string& file) {
  return error_of([&] { read_stored_zip(as_bytes(file), "file"); });
}

TEST(Zip, StoredMembers) {
  for (const bool zip64 : {false, true}) {
    std::vector<craft::ZipMember> members(2);
    members[0].name = "a", members[0].data = "alpha";
    members[1].name = "folder/b", members[1].flags = 8;
    const std::string file = craft::zip(members, zip64);
    const auto found = read_stored_zip(as_bytes(file), "file");
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(std::string(reinterpret_cast<const char*>(found.at("a").data()), 5), "alpha");
    EXPECT_TRUE(found.at("folder/b").empty());
  }
}

TEST(Zip, DirectoryAndHeadersMustAgree) {
  EXPECT_THAT(refused_zip(two_members([](auto& m) { m[0].crc_change = 1; })), HasSubstr("CRC"));
  EXPECT_THAT(refused_zip(two_members([](auto& m) { m[1].method = 8; })), HasSubstr("compressed"));
  EXPECT_THAT(refused_zip(two_members([](auto& m) { m[1].flags = 1; })), HasSubstr("encrypted"));
  EXPECT_THAT(refused_zip(two_members([](auto& m) { m[1].local_name = "c"; })),
              HasSubstr("differs"));
  EXPECT_THAT(refused_zip(two_members([](auto& m) { m[1].offset_change = 1; })),
              HasSubstr("local header"));
  EXPECT_THAT(refused_zip(two_members([](auto& m) { m[1].offset_change = 1'000'000; })),
              HasSubstr("local header"));
  EXPECT_THAT(refused_zip(two_members([](auto& m) {
                m[1] = m[0];
                m[1].offset_change = -36;  // 30 bytes of header, one of name, five of data
              })),
              HasSubstr("overlaps"));
  EXPECT_THAT(refused_zip(two_members([](auto& m) { m[1].name = "a"; })),
              HasSubstr("stands twice"));
  EXPECT_THAT(refused_zip(two_members([](auto&) {}) + "x"), HasSubstr("end record"));
  std::string header = two_members([](auto&) {});
  header[22] ^= 1;  // the size in the first local header
  EXPECT_THAT(refused_zip(header), HasSubstr("differs"));
}

}  // namespace
}  // namespace sumi
