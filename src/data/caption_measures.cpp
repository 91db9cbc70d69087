#include "data/caption_measures.h"

#include <algorithm>
#include <array>
#include <map>

#include "text/unicode.h"

namespace sumi {
namespace {

/// Scripts that tell a language by themselves; the first matching row counts.
constexpr struct {
  char32_t from, to;
  const char* language;
} kScripts[] = {
    {0x3040, 0x30FF, "ja"}, {0xAC00, 0xD7AF, "ko"}, {0x4E00, 0x9FFF, "zh"},
    {0x0400, 0x04FF, "ru"}, {0x0370, 0x03FF, "el"}, {0x0590, 0x05FF, "he"},
    {0x0600, 0x06FF, "ar"}, {0x0900, 0x097F, "hi"}, {0x0E00, 0x0E7F, "th"},
};

/// Frequent little words, chosen so that few are shared.
constexpr struct {
  const char* language;
  std::string_view words;
} kLittleWords[] = {
    {"en", " the of and with on is are this that an at by from his her its for to photo "},
    {"de", " der die das und mit auf ein eine einer eines dem den im ist von vor bei zu "},
    {"fr", " le la les des du et avec sur dans une au aux est une pour par d'un d'une "},
    {"es", " el los las y con una en del al es para por sobre unos unas "},
    {"it", " il lo gli e con una di del della nel nella sul sulla che per dei "},
    {"pt", " o os as e com uma em do da no na dos das ao para um "},
    {"nl", " de het een en met op van voor aan bij naar zijn wordt "},
};

const char* language_of(char32_t point) {
  for (const auto& script : kScripts)
    if (point >= script.from && point <= script.to) return script.language;
  return nullptr;
}

bool is_written_without_spaces(char32_t point) {
  return (point >= 0x3040 && point <= 0x30FF) || (point >= 0x4E00 && point <= 0x9FFF) ||
         (point >= 0x0E00 && point <= 0x0E7F);
}

std::string latin_language(std::string_view caption) {
  std::map<std::string, int> score;
  for (const auto& word : caption_words(caption))
    for (const auto& list : kLittleWords)
      if (list.words.find(" " + word + " ") != list.words.npos) ++score[list.language];
  std::string best = "und";
  int most = 0;
  bool tie = false;
  for (const auto& list : kLittleWords) {
    const int hits = score[list.language];
    if (hits > most) {
      best = list.language, most = hits, tie = false;
    } else if (hits == most && hits > 0) {
      tie = true;
    }
  }
  return tie ? "und" : best;
}

}  // namespace

std::vector<std::string> caption_words(std::string_view caption) {
  const auto text = lower_case(decode_utf8(replace_invalid_utf8(caption), "caption"));
  std::vector<std::string> words;
  std::u32string word;
  const auto end_word = [&] {
    if (!word.empty()) words.push_back(encode_utf8(word));
    word.clear();
  };
  const auto is_inner = [&](std::size_t at) {
    const bool mark = text[at] == U'\'' || text[at] == U'-' || text[at] == U'\u2019';
    return mark && !word.empty() && at + 1 < text.size() &&
           kind_of(text[at + 1]) == CharacterKind::letter;
  };
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto kind = kind_of(text[at]);
    const bool part = kind == CharacterKind::letter || kind == CharacterKind::number;
    if (part && is_written_without_spaces(text[at])) end_word();
    if (part || is_inner(at)) word += text[at] == U'\u2019' ? U'\'' : text[at];
    if ((!part && !is_inner(at)) || is_written_without_spaces(text[at])) end_word();
  }
  end_word();
  return words;
}

std::string guess_language(std::string_view caption) {
  const auto text = decode_utf8(replace_invalid_utf8(caption), "caption");
  std::map<std::string, std::size_t> letters;
  std::size_t all = 0;
  bool ukrainian = false;
  for (const auto point : text) {
    if (kind_of(point) != CharacterKind::letter) continue;
    ++all;
    if (const auto* language = language_of(point)) ++letters[language];
    ukrainian = ukrainian || point == U'\u0456' || point == U'\u0457' || point == U'\u0454';
  }
  // Japanese writes Han between its own letters.
  if (letters["ja"] > 0 && letters["ja"] + letters["zh"] > all / 2) return "ja";
  for (const auto& [language, count] : letters)
    if (count > all / 2) return language == "ru" && ukrainian ? "uk" : language;
  return latin_language(caption);
}

}  // namespace sumi
