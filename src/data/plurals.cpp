#include "data/plurals.h"

#include <algorithm>
#include <array>
#include <utility>

#include "data/words.h"

namespace sumi {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

/// Words whose plural follows no rule; the first that fits counts.
constexpr Pair kIrregular[] = {{"human", "humans"},      {"bookshelf", "bookshelves"},
                               {"woman", "women"},       {"man", "men"},
                               {"person", "people"},     {"child", "children"},
                               {"foot", "feet"},         {"tooth", "teeth"},
                               {"goose", "geese"},       {"mouse", "mice"},
                               {"leaf", "leaves"},       {"knife", "knives"},
                               {"wolf", "wolves"},       {"loaf", "loaves"},
                               {"calf", "calves"},       {"shelf", "shelves"},
                               {"elf", "elves"},         {"scarf", "scarves"},
                               {"cactus", "cacti"},      {"sheep", "sheep"},
                               {"fish", "fish"},         {"deer", "deer"},
                               {"moose", "moose"},       {"shrimp", "shrimp"},
                               {"bison", "bison"},       {"tomato", "tomatoes"},
                               {"potato", "potatoes"},   {"mango", "mangoes"},
                               {"volcano", "volcanoes"}, {"hero", "heroes"},
                               {"echo", "echoes"}};

constexpr std::string_view kPrepositions[] = {" of ",   " with ", " without ", " in ",
                                              " on ",   " for ",  " from ",    " behind ",
                                              " over ", " at ",   ","};

/// Words that keep their plural at the end of another: "snowmen", "jellyfish".
constexpr std::string_view kInCompounds[] = {"man", "woman", "fish", "human"};

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

bool is_vowel(char letter) {
  return std::string_view("aeiou").find(letter) != std::string_view::npos;
}

std::string plural_word(std::string word) {
  for (const auto& [one, many] : kIrregular) {
    if (!word.ends_with(one)) continue;
    const auto before = word.substr(0, word.size() - one.size());
    if (before.empty() || before.back() == ' ' || contains(kInCompounds, one))
      return before + std::string(many);
  }
  for (const std::string_view hiss : {"s", "x", "z", "ch", "sh"})
    if (word.ends_with(hiss)) return word + "es";
  if (word.size() > 1 && word.back() == 'y' && !is_vowel(word[word.size() - 2]))
    return word.substr(0, word.size() - 1) + "ies";
  return word + "s";
}

/// Where somebody who does something ends: 3 of "man playing handball"; the name's length where
/// nobody does.
std::size_t end_of_doer(std::string_view name) {
  static constexpr std::string_view kDoers[] = {"man", "woman", "person", "face",
                                                "cat", "boy",   "girl",   "child"};
  std::size_t start = 0;
  while (start < name.size()) {
    const auto end = std::min(name.find(' ', start), name.size());
    const auto next = name.substr(std::min(end + 1, name.size()));
    if (contains(kDoers, name.substr(start, end - start)) &&
        next.substr(0, next.find(' ')).ends_with("ing"))
      return end;
    start = end + 1;
  }
  return name.size();
}

}  // namespace

std::string plural_name(std::string_view name) {
  if (takes_no_article(name)) return std::string(name);
  std::size_t head = end_of_doer(name);
  for (const auto preposition : kPrepositions)
    if (const auto at = name.find(preposition); at != name.npos && at > 0)
      head = std::min(head, at);
  return plural_word(std::string(name.substr(0, head))) + std::string(name.substr(head));
}

std::string count_word(int count) {
  static constexpr const char* kWords[] = {"zero", "one",    "two",   "three", "four",
                                           "five", "six",    "seven", "eight", "nine",
                                           "ten",  "eleven", "twelve"};
  const bool has_word = count >= 0 && count < static_cast<int>(std::size(kWords));
  return has_word ? kWords[count] : std::to_string(count);
}

}  // namespace sumi
