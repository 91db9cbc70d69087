#include "text/cleaning.h"

#include <utility>

#include "text/html_entities.h"
#include "text/text_repair.h"
#include "text/unicode.h"

namespace sumi {
namespace {

std::u32string strip(std::u32string text) {
  std::size_t begin = 0, end = text.size();
  while (begin < end && is_white_space(text[begin])) ++begin;
  while (end > begin && is_white_space(text[end - 1])) --end;
  text.resize(end);
  text.erase(0, begin);
  return text;
}

bool is_ideograph(char32_t c) {
  return (c >= 0x4E00 && c <= 0x9FFF) || (c >= 0x3400 && c <= 0x4DBF) ||
         (c >= 0x20000 && c <= 0x2A6DF) || (c >= 0x2A700 && c <= 0x2CEAF) ||
         (c >= 0xF900 && c <= 0xFAFF) || (c >= 0x2F800 && c <= 0x2FA1F);
}

/// BERT's basic cleaning, which transformers falls back to: invisible characters go, spaces
/// become plain ones, ideographs stand alone, normalisation form C.
std::u32string clean_without_repair(std::u32string_view text) {
  std::u32string out;
  out.reserve(text.size());
  for (const char32_t c : text) {
    const bool keeps_lines = c == U'\t' || c == U'\n' || c == U'\r';
    if (c == 0xFFFD || (is_invisible(c) && !keeps_lines)) continue;
    if (is_ideograph(c)) {
      out += {U' ', c, U' '};
    } else {
      out.push_back(c);
    }
  }
  return compose(std::move(out));
}

}  // namespace

std::u32string clean_text(std::u32string text, Cleaning cleaning) {
  switch (cleaning) {
    case Cleaning::openai:
      text = strip(unescape_html(unescape_html(repair_text(std::move(text)))));
      break;
    case Cleaning::transformers:
      text = repair_text(std::move(text));
      break;
    case Cleaning::transformers_plain:
      text = clean_without_repair(text);
      break;
  }
  return lower_case(collapse_white_space(std::move(text)));
}

}  // namespace sumi
