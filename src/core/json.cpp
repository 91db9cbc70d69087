#include "core/json.h"

#include <fmt/format.h>

#include <set>
#include <vector>

#include "core/error.h"
#include "core/files.h"

namespace sumi {
namespace {

/// Walks the text once without building anything, so that a hostile depth costs no memory.
class Guard : public nlohmann::json_sax<Json> {
 public:
  explicit Guard(int max_depth) : max_depth_(max_depth) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override {
    keys_.emplace_back();
    return enter();
  }
  bool key(string_t& name) override {
    if (keys_.back().insert(name).second) return true;
    problem_ = fmt::format("the key \"{}\" stands twice in one object", name);
    return false;
  }
  bool end_object() override {
    keys_.pop_back();
    return leave();
  }
  bool start_array(std::size_t) override { return enter(); }
  bool end_array() override { return leave(); }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception&) override {
    problem_ = fmt::format("not valid JSON at byte {}", position);
    return false;
  }

  const std::string& problem() const { return problem_; }

 private:
  bool enter() {
    if (++depth_ <= max_depth_) return true;
    problem_ = fmt::format("nested deeper than {} levels", max_depth_);
    return false;
  }
  bool leave() {
    --depth_;
    return true;
  }

  int max_depth_;
  int depth_ = 0;
  std::vector<std::set<std::string>> keys_;
  std::string problem_;
};

}  // namespace

Json parse_json(std::string_view text, const std::string& origin, int max_depth) {
  Guard guard(max_depth);
  if (!Json::sax_parse(text.begin(), text.end(), &guard))
    throw Error(fmt::format("{}: {}", origin, guard.problem()),
                "check that this is the JSON file you meant");
  return Json::parse(text.begin(), text.end());
}

Json read_json(const std::filesystem::path& file, int max_depth) {
  return parse_json(read_text_file(file, 256u << 20), file.string(), max_depth);
}

}  // namespace sumi
