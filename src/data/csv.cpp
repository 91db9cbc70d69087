#include "data/csv.h"

#include <fmt/format.h>

#include "core/error.h"

namespace sumi {
namespace {

class CsvReader {
 public:
  CsvReader(std::string_view text, const std::string& origin) : text_(text), origin_(origin) {
    if (text_.starts_with("\xEF\xBB\xBF")) text_.remove_prefix(3);
  }

  std::vector<std::vector<std::string>> run() {
    std::vector<std::vector<std::string>> records;
    while (at_ < text_.size()) {
      auto record = next_record();
      if (record.size() > 1 || !record.front().empty()) records.push_back(std::move(record));
    }
    return records;
  }

 private:
  std::vector<std::string> next_record() {
    std::vector<std::string> record;
    for (;;) {
      record.push_back(at_ < text_.size() && text_[at_] == '"' ? quoted() : plain());
      if (at_ >= text_.size() || text_[at_] != ',') break;
      ++at_;
    }
    if (at_ < text_.size() && text_[at_] == '\r') ++at_;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_, ++line_;
    return record;
  }

  std::string plain() {
    const auto end = std::min(text_.find_first_of(",\r\n", at_), text_.size());
    std::string field(text_.substr(at_, end - at_));
    at_ = end;
    return field;
  }

  std::string quoted() {
    const int opened = line_;
    std::string field;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == '\n') ++line_;
      if (text_[at_] != '"') {
        field += text_[at_];
      } else if (at_ + 1 < text_.size() && text_[at_ + 1] == '"') {
        field += text_[at_++];
      } else {
        ++at_;
        const bool ends = at_ >= text_.size() ||
                          std::string_view(",\r\n").find(text_[at_]) != std::string_view::npos;
        if (!ends) fail(line_, "something follows a closing quote");
        return field;
      }
    }
    fail(opened, "a quote is never closed");
  }

  [[noreturn]] void fail(int line, const char* what) const {
    throw Error(fmt::format("{}:{}: {}", origin_, line, what),
                "write fields with quotes as \"say \"\"so\"\"\"");
  }

  std::string_view text_;
  const std::string& origin_;
  std::size_t at_ = 0;
  int line_ = 1;
};

}  // namespace

std::vector<std::vector<std::string>> parse_csv(std::string_view text, const std::string& origin) {
  return CsvReader(text, origin).run();
}

std::string csv_field(std::string_view text) {
  if (text.find_first_of(",\"\r\n") == text.npos) return std::string(text);
  std::string field = "\"";
  for (const char c : text) field += c == '"' ? std::string("\"\"") : std::string(1, c);
  return field + '"';
}

}  // namespace sumi
