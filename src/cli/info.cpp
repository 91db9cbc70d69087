#include <fmt/format.h>

#include <array>
#include <fstream>

#include "cli/inspect.h"
#include "cli/plain_commands.h"
#include "media/metadata.h"
#include "text/infotext.h"

namespace sumi {
namespace {

bool is_picture(const std::filesystem::path& file) {
  std::array<char, 12> head{};
  std::ifstream stream(file, std::ios::binary);
  if (!stream.read(head.data(), head.size())) return false;
  const std::string_view text(head.data(), head.size());
  return text.starts_with("\x89PNG") || text.starts_with("\xff\xd8\xff") ||
         (text.starts_with("RIFF") && text.ends_with("WEBP"));
}

Json describe_infotext(const std::string& text) {
  const auto parsed = parse_infotext(text);
  Json settings = Json::object();
  for (const auto& [name, value] : parsed.parameters) settings[name] = value;
  return {{"prompt", parsed.prompt},
          {"negative_prompt", parsed.negative_prompt},
          {"settings", settings}};
}

Json describe_picture(const std::filesystem::path& file) {
  const auto data = read_metadata(file);
  Json texts = Json::object();
  for (const auto& [name, value] : data.fields) texts[name] = value;
  Json object = {{"file", file.string()},
                 {"format", to_string(data.format)},
                 {"width", data.width},
                 {"height", data.height},
                 {"bytes", std::filesystem::file_size(file)},
                 {"alpha", data.has_alpha},
                 {"icc_profile", data.has_icc},
                 {"orientation", data.orientation},
                 {"texts", texts}};
  const auto infotext = data.infotext();
  object["generation"] = infotext.empty() ? Json(nullptr) : describe_infotext(infotext);
  return object;
}

void print_line(std::string_view name, std::string_view value) {
  fmt::print("{:<22}{}\n", name, value);
}

void print_picture(const Json& picture) {
  print_line("file", picture["file"].get<std::string>());
  print_line("picture",
             fmt::format("{}, {} x {} pixels{}, {}", picture["format"].get<std::string>(),
                         picture["width"].get<int>(), picture["height"].get<int>(),
                         picture["alpha"].get<bool>() ? " with alpha" : "",
                         format_bytes(picture["bytes"].get<std::uint64_t>())));
  const auto& made = picture["generation"];
  if (made.is_null()) {
    print_line("made by", "the picture carries no generation parameters");
    for (const auto& [name, value] : picture["texts"].items())
      print_line(name, value.get<std::string>());
    return;
  }
  print_line("prompt", made["prompt"].get<std::string>());
  if (const auto negative = made["negative_prompt"].get<std::string>(); !negative.empty())
    print_line("negative prompt", negative);
  for (const auto& [name, value] : made["settings"].items())
    print_line(name, value.get<std::string>());
  fmt::print("\nsumi replay {} makes it again.\n", picture["file"].get<std::string>());
}

}  // namespace

int run(const InfoCommand& command) {
  const std::filesystem::path file = command.file;
  if (!std::filesystem::exists(file))
    throw Error(fmt::format("there is no file {}", command.file), "check the name");
  if (!is_picture(file)) {
    inspect_model(file, false, command.json);
    return 0;
  }
  const auto picture = describe_picture(file);
  if (command.json)
    print_json(picture);
  else
    print_picture(picture);
  return 0;
}

}  // namespace sumi
