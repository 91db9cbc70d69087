#include "data/words.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>
#include <vector>

#include "data/foreign_words.h"

namespace sumi {
namespace {

using Pair = std::pair<std::string_view, std::string_view>;

/// Unicode's names on the left, what people type on the right.
constexpr Pair kPlainNames[] = {
    {"aerial tramway", "cable car"},
    {"alembic", "glass flask"},
    {"american football", "football"},
    {"articulated lorry", "semi truck"},
    {"artist palette", "paint palette"},
    {"automobile", "car"},
    {"baby chick", "chick"},
    {"baguette bread", "baguette"},
    {"ballet shoes", "ballet shoes"},
    {"beer mug", "mug of beer"},
    {"bellhop bell", "service bell"},
    {"billed cap", "baseball cap"},
    {"birthday cake", "birthday cake"},
    {"bullseye", "dart board"},
    {"camping", "camp site"},
    {"carpentry saw", "saw"},
    {"cheese wedge", "wedge of cheese"},
    {"classical building", "temple"},
    {"closed book", "book"},
    {"cloud with rain", "rain cloud"},
    {"cocktail glass", "cocktail"},
    {"cooked rice", "bowl of rice"},
    {"cooking", "fried egg"},
    {"couch and lamp", "couch"},
    {"deciduous tree", "tree"},
    {"delivery truck", "truck"},
    {"desktop computer", "computer"},
    {"dollar banknote", "dollar bill"},
    {"doughnut", "donut"},
    {"ear of corn", "corn"},
    {"evergreen tree", "pine tree"},
    {"ewe", "sheep"},
    {"fire engine", "fire truck"},
    {"flying disc", "frisbee"},
    {"flying saucer", "ufo"},
    {"fork and knife with plate", "plate with fork and knife"},
    {"front-facing baby chick", "chick from the front"},
    {"game die", "dice"},
    {"gem stone", "diamond"},
    {"glass of milk", "glass of milk"},
    {"headphone", "headphones"},
    {"high voltage", "lightning bolt"},
    {"high-speed train", "fast train"},
    {"honeybee", "bee"},
    {"hot beverage", "cup of coffee"},
    {"hourglass done", "hourglass"},
    {"jack-o-lantern", "halloween pumpkin"},
    {"kiwi fruit", "kiwi"},
    {"lady beetle", "ladybug"},
    {"locomotive", "train"},
    {"luggage", "suitcase"},
    {"magnifying glass tilted left", "magnifying glass"},
    {"mantelpiece clock", "old clock"},
    {"memo", "sheet of paper with a pencil"},
    {"mobile phone", "phone"},
    {"motor scooter", "scooter"},
    {"musical keyboard", "piano"},
    {"necktie", "tie"},
    {"optical disk", "cd"},
    {"passenger ship", "cruise ship"},
    {"pool 8 ball", "billiard ball"},
    {"postbox", "mailbox"},
    {"ringed planet", "planet"},
    {"sauropod", "dinosaur"},
    {"shaved ice", "shaved ice"},
    {"shortcake", "slice of cake"},
    {"snow-capped mountain", "snowy mountain"},
    {"snowman without snow", "plain snowman"},
    {"soft ice cream", "ice cream cone"},
    {"spiral shell", "sea shell"},
    {"spouting whale", "spouting whale"},
    {"steaming bowl", "bowl of noodles"},
    {"studio microphone", "studio microphone"},
    {"sun behind cloud", "sun behind a cloud"},
    {"tangerine", "orange"},
    {"teacup without handle", "cup of tea"},
    {"telescope", "telescope"},
    {"tear-off calendar", "wall calendar"},
    {"thong sandal", "flip flop"},
    {"top hat", "top hat"},
    {"two-hump camel", "camel with two humps"},
    {"vertical traffic light", "traffic light"},
    {"wastebasket", "trash can"},
    {"water wave", "wave"},
    {"wine glass", "glass of wine"},
    {"woman's hat", "sun hat"},
    {"wrapped gift", "gift"},
};

constexpr std::string_view kStuff[] = {"bacon", "bread",      "broccoli",   "butter",     "coral",
                                       "corn",  "fire",       "fog",        "garlic",     "ginger",
                                       "ice",   "lightning",  "money",      "popcorn",    "rice",
                                       "salt",  "soap",       "spaghetti",  "sushi",      "wood",
                                       "yarn",  "bubble tea", "curry rice", "shaved ice", "art"};

/// Words in -s that are one thing.
constexpr std::string_view kSingularInS[] = {
    "bus",   "cactus",  "octopus",  "walrus", "hippopotamus", "compass", "glass",
    "dress", "lens",    "tennis",   "lotus",  "hibiscus",     "cross",   "abacus",
    "virus", "stethos", "colossus", "chess",  "platypus",     "iris"};

constexpr std::string_view kAnDespiteLetter[] = {"hour", "honest", "heir", "mp3", "x-ray"};
constexpr std::string_view kADespiteLetter[] = {"uni",  "use", "uku", "ufo",
                                                "euro", "one", "ute", "ura"};

/// Words of collections' titles that say nothing about the picture.
constexpr std::string_view kFillers[] = {
    "clipart", "clip",  "by",         "svg",   "icon",   "icons", "var",   "theme",    "jr",
    "arc",     "archi", "architetto", "franc", "ganson", "ganso", "geral", "francesc", "aiga"};

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(std::begin(list), std::end(list), word) != std::end(list);
}

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

/// U+2018 and U+2019 as the apostrophe of keyboards; the double quotes U+201C and U+201D dropped.
std::string straight_quotes(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto three = text.substr(i, 3);
    if (three == "\xE2\x80\x98" || three == "\xE2\x80\x99") {
      result += '\'';
      i += 2;
    } else if (three == "\xE2\x80\x9C" || three == "\xE2\x80\x9D") {
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      if (!word.empty()) words.push_back(std::move(word));
      word.clear();
    } else {
      word += c;
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

bool ends_plural(std::string_view word) {
  return word.size() > 3 && word.ends_with('s') && !word.ends_with("ss") && !word.ends_with("us") &&
         !word.ends_with("is") && !contains(kSingularInS, word);
}

std::string singular(std::string word) {
  if (!ends_plural(word)) return word;
  if (word.size() > 4 && word.ends_with("ies")) return word.substr(0, word.size() - 3) + "y";
  for (const std::string_view ending : {"xes", "ches", "shes", "sses", "oes"})
    if (word.ends_with(ending)) return word.substr(0, word.size() - 2);
  return word.substr(0, word.size() - 1);
}

std::string with_spaces(std::string_view text) {
  std::string spaced;
  for (const char c : text) spaced += c == '_' || c == '-' || c == '.' || c == '/' ? ' ' : c;
  return spaced;
}

/// The words before the first preposition or comma, lower case.
std::vector<std::string> head_phrase(std::string_view name) {
  static constexpr std::string_view kPrepositions[] = {"of",  "with", "without", "in",   "on",
                                                       "for", "from", "behind",  "over", "at"};
  std::vector<std::string> phrase;
  for (auto& word : words_of(lower(name))) {
    const bool ends_here = word.ends_with(',') || word.ends_with(':');
    if (ends_here) word.pop_back();
    if (!phrase.empty() && contains(kPrepositions, word)) break;
    if (!word.empty()) phrase.push_back(word);
    if (ends_here && !phrase.empty()) break;
  }
  return phrase;
}

/// Moves colours from the end to the front: "button red" -> "red button".
void put_colours_first(std::vector<std::string>& words) {
  static constexpr std::string_view kColours[] = {"red",    "green",  "blue", "yellow", "orange",
                                                  "purple", "violet", "pink", "brown",  "black",
                                                  "white",  "gray",   "grey"};
  static constexpr std::string_view kJoining[] = {"and", "or", "in", "on", "of", "with"};
  auto first = words.end();
  while (first != words.begin() && contains(kColours, *(first - 1))) --first;
  if (first == words.begin() || contains(kJoining, *(first - 1))) return;
  std::rotate(words.begin(), first, words.end());
}

}  // namespace

std::string plain_name(std::string_view label) {
  auto name = straight_quotes(lower(label));
  for (const auto& [formal, plain] : kPlainNames)
    if (name == formal) return std::string(plain);
  return name;
}

std::string head_noun(std::string_view name) {
  const auto phrase = head_phrase(name);
  return phrase.empty() ? "" : singular(phrase.back());
}

bool takes_no_article(std::string_view name) {
  const auto phrase = head_phrase(name);
  if (phrase.empty()) return true;
  return ends_plural(phrase.back()) || contains(kStuff, phrase.back()) ||
         contains(kStuff, lower(name));
}

std::string article_for(std::string_view following) {
  const auto text = lower(following);
  const auto starts = [&](std::string_view prefix) { return text.starts_with(prefix); };
  if (std::any_of(std::begin(kAnDespiteLetter), std::end(kAnDespiteLetter), starts)) return "an";
  if (std::any_of(std::begin(kADespiteLetter), std::end(kADespiteLetter), starts)) return "a";
  return !text.empty() && std::string_view("aeiou").find(text[0]) != std::string_view::npos ? "an"
                                                                                            : "a";
}

std::string with_article(std::string_view name) {
  if (takes_no_article(name)) return std::string(name);
  return article_for(name) + " " + std::string(name);
}

std::string repaired_title(std::string_view title, std::string_view author) {
  auto words = words_of(lower(with_spaces(title)));
  const auto names = words_of(lower(with_spaces(author)));
  const auto is_filler = [&](const std::string& word) {
    return contains(names, word) || contains(kFillers, word);
  };
  std::erase_if(words, is_filler);
  const auto is_number = [](const std::string& word) {
    return std::all_of(word.begin(), word.end(),
                       [](unsigned char c) { return std::isdigit(c) != 0; });
  };
  while (!words.empty() && is_number(words.back())) words.pop_back();
  if (!words.empty() && (words.front() == "a" || words.front() == "an" || words.front() == "the"))
    words.erase(words.begin());
  if (words.empty() || words.size() > 7) return "";
  // "rpg map elements" and what else follows is the set's title.
  words.erase(std::find(words.begin(), words.end(), "rpg"), words.end());
  if (words.empty()) return "";
  put_colours_first(words);
  // A letter at the end tells one of a set from the others; "mime" names kinds of files.
  if (words.back().size() == 1 || contains(words, "mime")) return "";
  std::string result;
  if (std::erase(words, "bw") > 0) result = "black and white";
  if (words.empty()) return "";
  for (const auto& word : words) {
    const bool letters = std::all_of(word.begin(), word.end(), [](unsigned char c) {
      return std::islower(c) != 0 || c == '\'' || c == ',';
    });
    if (!letters || word.size() > 14 || is_foreign_word(word)) return "";
    if (!result.empty()) result += ' ';
    result += repaired_word(word);
  }
  return result.size() < 3 ? "" : result;
}

}  // namespace sumi
