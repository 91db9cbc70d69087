#include "weights/pickle.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/runtime.h"
#include "craft.h"
#include "expect_error.h"

namespace sumi {
namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kUnderAddressSanitizer = true;
#elif defined(__has_feature)
constexpr bool kUnderAddressSanitizer = __has_feature(address_sanitizer);
#else
constexpr bool kUnderAddressSanitizer = false;
#endif

using craft::as_bytes;
using testing::HasSubstr;

std::string refused(const std::string& pickle) {
  return error_of([&] { read_pickle(as_bytes(pickle), "file", 100); });
}

Pickle read(const std::string& value) {
  static std::string kept;  // the values point into it
  kept = craft::pickle(value);
  return read_pickle(as_bytes(kept), "file");
}

TEST(Pickle, Numbers) {
  EXPECT_EQ(read("K\xff").top().number, 255);
  EXPECT_EQ(read("M\xff\xff").top().number, 65535);
  EXPECT_EQ(read(craft::number(-5)).top().number, -5);
  EXPECT_EQ(read(std::string("\x8a\x00", 2)).top().number, 0);
  EXPECT_EQ(read("\x8a\x01\xff").top().number, -1);
  EXPECT_EQ(read(std::string("\x8a\x02\xff\x00", 4)).top().number, 255);
  EXPECT_EQ(read("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f").top().number,
            std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(read(std::string("\x8a\x09") + std::string(9, 'a')).top().kind,
            PickleKind::long_integer);
  EXPECT_DOUBLE_EQ(read("G" + std::string("\xc0\x04\0\0\0\0\0\0", 8)).top().real, -2.5);
}

TEST(Pickle, MemoAndMarks) {
  const Pickle twice = read("](" + craft::text("a") + "\x94h" + std::string(1, '\0') + "e");
  ASSERT_EQ(twice.top().items.size(), 2u);
  EXPECT_EQ(twice[twice.top().items[1]].text, "a");
  const Pickle nested = read("((K\x01tK\x02t");
  EXPECT_EQ(nested[nested.top().items[0]].items.size(), 1u);
  EXPECT_EQ(read("(K\x01K\x02"
                 "1N")
                .top()
                .kind,
            PickleKind::none);
}

TEST(Pickle, NamesOutsideTheListAreRefused) {
  const std::vector<std::pair<std::string, std::string>> names = {
      {"os", "system"},
      {"posix", "system"},
      {"nt", "system"},
      {"builtins", "eval"},
      {"builtins", "exec"},
      {"builtins", "getattr"},
      {"builtins", "__import__"},
      {"__builtin__", "eval"},
      {"__builtin__", "apply"},
      {"subprocess", "Popen"},
      {"subprocess", "check_output"},
      {"sys", "exit"},
      {"runpy", "run_path"},
      {"importlib", "import_module"},
      {"socket", "create_connection"},
      {"pickle", "loads"},
      {"_pickle", "loads"},
      {"marshal", "loads"},
      {"types", "CodeType"},
      {"types", "FunctionType"},
      {"operator", "attrgetter"},
      {"functools", "partial"},
      {"torch", "load"},
      {"torch.hub", "load"},
      {"torch.serialization", "load"},
      {"torch", "classes"},
      {"numpy", "load"},
      {"numpy.testing._private.utils", "runstring"},
      {"shutil", "rmtree"},
      {"pathlib", "Path"},
      {"webbrowser", "open"},
      {"code", "interact"},
      {"pdb", "run"},
      {"timeit", "timeit"},
      {"cProfile", "run"},
      {"pip", "main"},
      {"torch._utils", "__import__"},
      {"torch._utils", "_rebuild_tensor_v2.__globals__"},
      {"collections", "OrderedDict.__class__"},
      {"pytorch_lightning.callbacks", "a.b"},
      {"pytorch_lightning.callbacksx", "ModelCheckpoint"},
      {"pytorch_lightning", "os"},
      {"", ""},
      {"torch\xff", "x"},
  };
  for (const auto& [module, name] : names) {
    const std::string shown = module == "torch\xff" ? "torch\\xff" : module;
    EXPECT_THAT(refused(craft::pickle(
                    craft::call(craft::name(module, name), {craft::text("echo hacked")}))),
                HasSubstr(fmt::format("asks for {}.{}, which", shown, name)));
    const std::string stacked = "\x80\x04" + craft::text(module) + craft::text(name) + "\x93)R.";
    EXPECT_THAT(refused(stacked), HasSubstr(fmt::format("asks for {}.{}, which", shown, name)));
    EXPECT_THAT(refused(stacked), HasSubstr("byte 1"));
  }
}

TEST(Pickle, CallsOfAllowedNamesStayHarmless) {
  const std::string ordered = craft::name("collections", "OrderedDict");
  const std::vector<std::string> bad = {
      craft::call(craft::name("torch", "FloatStorage"), {}),
      craft::call(craft::name("pytorch_lightning.callbacks", "ModelCheckpoint"), {}),
      craft::call(craft::text("os.system"), {craft::text("ls")}),
      craft::call(craft::call(ordered, {}), {}),
      craft::call(ordered, {craft::text("x")}),
      craft::call(ordered, {"]", "]"}),
      craft::call(ordered, {"]" + craft::number(1) + "a"}),
      ordered + "NR",
      ordered + "]R",
      craft::call(craft::name("torch", "Size"), {"]"}),
      craft::call(craft::name("torch._utils", "_rebuild_parameter"), {craft::text("x")}),
      craft::call(craft::name("torch._utils", "_rebuild_tensor_v2"), {}),
      craft::call(craft::name("torch._utils", "_rebuild_tensor_v2"), {"N", "N", "N", "N"}),
      craft::text("x") + "Q",
      craft::tuple({craft::text("storage"), craft::name("collections", "OrderedDict"),
                    craft::text("0"), craft::text("cpu"), craft::number(1)}) +
          "Q",
      craft::tuple({craft::text("storage"), craft::name("torch", "FloatStorage"), craft::text("0"),
                    craft::text("cpu"), craft::number(-1)}) +
          "Q",
      craft::tuple({craft::text("file"), craft::text("/etc/passwd")}) + "Q",
      craft::name("torch", "FloatStorage") + "}b",
      "N}b",
      craft::text("a") +
          "K\x01"
          "a",
      "}" + craft::text("a") + "a",
      "]" + craft::text("a") + craft::text("b") + "s",
      "}(" + craft::text("a") + "u",
      "(" + craft::text("a") + "d",
  };
  for (const std::string& value : bad) refused(craft::pickle(value));
  // What numpy's and torch's names would build is not built; their arguments are dropped.
  EXPECT_EQ(read(craft::call(craft::name("numpy.core.multiarray", "scalar"),
                             {craft::call(craft::name("numpy", "dtype"), {craft::text("f8")}) +
                                  craft::tuple({}) + "b",
                              "C\x01x"}))
                .top()
                .kind,
            PickleKind::inert);
}

TEST(Pickle, OpcodesOutsideTheListAreRefused) {
  const std::string allowed =
      "(.012GJKMNQRTUXabcdehjlqrstuBC)]}"
      "\x80\x81\x85\x86\x87\x88\x89\x8a\x8c\x8d\x8e\x8f\x90\x93\x94\x95";
  for (int code = 0; code < 256; ++code) {
    const char opcode = static_cast<char>(code);
    if (allowed.find(opcode) != std::string::npos) continue;
    EXPECT_THAT(refused("\x80\x02" + std::string(1, opcode) + std::string(300, '\0')),
                HasSubstr(fmt::format("opcode 0x{:02x} is not allowed", code)));
  }
}

TEST(Pickle, DamagedOnesAreRefused) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", "are left"},
      {"\x80", "are left"},
      {"\x80\x02", "are left"},
      {"\x80\x02.", "empty stack"},
      {"\x80\x01N.", "protocol 1"},
      {"\x80\x06N.", "protocol 6"},
      {"NN.", "behind"},
      {"(N.", "behind"},
      {"(.", "empty stack"},
      {"N(0.", "empty stack"},
      {"t.", "mark"},
      {"u.", "mark"},
      {"0.", "empty stack"},
      {"2.", "empty stack"},
      {"R.", "empty stack"},
      {"h\x05.", "memo"},
      {std::string("j\xff\xff\xff\xff.", 6), "memo"},
      {std::string("Nr\xff\xff\xff\xff.", 7), "memo"},
      {"q\x01.", "empty stack"},
      {"X\xff\xff\xff\xff"
       "abc.",
       "are left"},
      {"\x8d\xff\xff\xff\xff\xff\xff\xff\xff"
       "abc.",
       "are left"},
      {"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f"
       "abc.",
       "are left"},
      {"T\xff\xff\xff\xff"
       "abc.",
       "are left"},
      {"\x95\xff\xff\xff\xff\xff\xff\xff\xff.", "frame"},
      {"cos", "no end"},
      {"cos\nsystem", "no end"},
      {"c" + std::string(300, 'm') + "\nx\n.", "no end"},
      {"NN\x93.", "not a text"},
  };
  for (const auto& [pickle, words] : table)
    EXPECT_THAT(refused(pickle), HasSubstr(words)) << testing::PrintToString(pickle);
}

TEST(Pickle, BombsAreStopped) {
  const std::uint64_t before = peak_memory_bytes();
  const auto repeat = [](std::string_view piece, std::size_t times) {
    std::string out;
    for (std::size_t i = 0; i < times; ++i) out += piece;
    return out;
  };
  EXPECT_THAT(refused(repeat("N", 3'000'000)), HasSubstr("more than"));
  EXPECT_THAT(refused("N" + repeat("2", 3'000'000)), HasSubstr("more than"));
  EXPECT_THAT(refused(repeat("(", 3'000'000)), HasSubstr("marks"));
  EXPECT_THAT(refused(repeat("]\x94", 1'000'000)), HasSubstr("more than"));
  EXPECT_THAT(refused("]" + std::string("q\0", 2) + repeat(std::string("h\0a", 3), 1'500'000)),
              HasSubstr("more than"));
  // Each step would double a list; lists are shared, never copied, so this stays small and ends.
  EXPECT_NO_THROW(read("]" + repeat("\x85\x94", 1000)));
  // A large list turned into a dict again and again is paid for each time.
  EXPECT_THAT(refused("](" + repeat("NN\x86", 60'000) + "e" + std::string("q\0", 2) +
                      craft::name("collections", "OrderedDict") + "q\x01" +
                      repeat(std::string("h\x01h\0\x85R", 6), 1000)),
              HasSubstr("more than"));
  // AddressSanitizer keeps what was freed, so it has nothing to measure.
  if (!kUnderAddressSanitizer) {
    EXPECT_LT(peak_memory_bytes() - before, 128u << 20);
  }
}

}  // namespace
}  // namespace sumi
