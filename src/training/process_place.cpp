#include "training/process_place.h"

#include <fmt/format.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

#include "core/error.h"

namespace sumi {
namespace {

constexpr const char* kHint =
    "start the run with sumi train … --processes N or with torchrun, which set it";

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

int number(const char* name, int least, int most) {
  const auto text = variable(name);
  int value = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty()) throw Error(fmt::format("{} is not set, though WORLD_SIZE is", name), kHint);
  if (fault != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    throw Error(fmt::format("{} is \"{}\", not a number from {} to {}", name, text, least, most),
                kHint);
  return value;
}

int number_or(const char* name, int otherwise, int least, int most) {
  return variable(name).empty() ? otherwise : number(name, least, most);
}

}  // namespace

bool is_placed_by_environment() { return !variable("WORLD_SIZE").empty(); }

ProcessPlace place_from_environment() {
  constexpr int kMostProcesses = 65536, kDay = 86400;
  ProcessPlace place;
  if (!is_placed_by_environment()) return place;
  place.count = number("WORLD_SIZE", 1, kMostProcesses);
  place.rank = number("RANK", 0, place.count - 1);
  place.local_count = number_or("LOCAL_WORLD_SIZE", 1, 1, place.count);
  place.local_rank = number_or("LOCAL_RANK", 0, 0, place.count - 1);
  place.timeout_s = number_or("SUMI_RANK_TIMEOUT", 600, 1, kDay);
  if (place.count == 1) return place;
  place.port = number("MASTER_PORT", 1, 65535);
  place.master = variable("MASTER_ADDR");
  if (place.master.empty()) throw Error("MASTER_ADDR is not set, though WORLD_SIZE is", kHint);
  return place;
}

}  // namespace sumi
