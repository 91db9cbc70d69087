#include "seeds.h"

#include "craft.h"

namespace sumi::craft {
namespace {

std::string state() {
  const std::string floats = storage("FloatStorage", "0", 16),
                    halves = storage("HalfStorage", "0", 32);
  return dict({{"epoch", "K\x06"},
               {"state_dict", dict({{"a.weight", tensor(floats, 0, {4, 4}, {4, 1})},
                                    {"a.bias", tensor(floats, 4, {4}, {1})},
                                    {"b", tensor(halves, 0, {4, 2, 4}, {1, 16, 4})},
                                    {"p", call(name("torch._utils", "_rebuild_parameter"),
                                               {tensor(floats, 0, {}, {}), "\x88", "N"})}})}});
}

}  // namespace

std::vector<std::string> seed_safetensors() {
  return {
      safetensors("{}"),
      safetensors(
          R"({"__metadata__":{"format":"pt","note":"\u00e9\n"},"a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}})",
          "01234567"),
      safetensors(
          R"({"a":{"dtype":"F16","shape":[2,2],"data_offsets":[0,8]},"b":{"shape":[],"dtype":"U8","data_offsets":[8,9]},)"
          R"("c":{"dtype":"BOOL","shape":[0,3],"data_offsets":[9,9]}}   )",
          "012345678"),
  };
}

std::vector<std::string> seed_pickles() {
  return {
      pickle(state()),
      pickle("](NK\x01M\x02\x01\x88\x89" + number(-1) + "\x8a\x02\x01\x02G" + std::string(8, '@') +
             text("t") + "C\x01y" + "e"),
      "\x80\x04\x95" + bytes<std::uint64_t>(20) + "}\x94(\x8c\x01" + "a\x94\x8c\x0b" +
          "collections\x94\x8c\x0bOrderedDict\x94\x93\x94)R\x94uN" + "0.",
      pickle(dict({{"x", name("torch.nn.modules.container", "ParameterDict") + ")\x81" +
                             dict({{"_parameters", "}"}}) + "b"},
                   {"n", call(name("numpy.core.multiarray", "scalar"),
                              {call(name("numpy", "dtype"), {text("f8")})})},
                   {"size", call(name("torch", "Size"), {tuple({number(1), number(2)})})}})),
  };
}

std::vector<std::string> seed_zips() {
  return {torch_zip(state(), {{"0", std::string(64, 's')}}),
          zip({{.name = "a", .data = "alpha", .local_name = {}},
               {.name = "b", .flags = 8, .local_name = {}}},
              true)};
}

std::vector<std::string> seed_legacy() {
  return {
      torch_legacy(dict({{"x", tensor(storage("FloatStorage", "7", 4, true), 0, {2, 2}, {2, 1})},
                         {"y", tensor(storage("FloatStorage", "7", 4, true), 1, {3}, {1})}}),
                   {{"7", std::string(16, 's')}}, 4)};
}

std::string archive_around(const std::string& pickle) {
  return zip({{.name = "a/data.pkl", .data = pickle, .local_name = {}},
              {.name = "a/data/0", .data = std::string(64, 's'), .local_name = {}}});
}

}  // namespace sumi::craft
