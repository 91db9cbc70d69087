#include "data/collection.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <map>
#include <set>

#include "core/error.h"
#include "data/csv.h"
#include "data/mask.h"
#include "data/opt_out.h"
#include "data/rasterise.h"
#include "data/shard.h"
#include "data/source_pictures.h"
#include "text/unicode.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kCaptionBytes = 64u << 10;
constexpr std::size_t kRecordBytes = 1u << 20;
constexpr std::size_t kListBytes = std::size_t{2} << 30;

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

bool is_picture_ending(const std::string& ending) {
  static constexpr std::array<std::string_view, 5> kEndings = {"png", "jpg", "jpeg", "webp", "svg"};
  return std::find(kEndings.begin(), kEndings.end(), ending) != kEndings.end();
}

/// The extension in lower case without its dot.
std::string ending_of(const fs::path& file) {
  const auto ending = lowered(file.extension().string());
  return ending.empty() ? ending : ending.substr(1);
}

bool is_metadata(const fs::path& file) {
  const auto name = lowered(file.filename().string());
  return name == "metadata.jsonl" || name == "metadata.csv";
}

/// Texts that stand in folders for people rather than for a picture.
bool is_for_people(const fs::path& file) {
  const auto stem = lowered(file.stem().string());
  for (const char* name :
       {"readme", "licen", "copying", "copyright", "credits", "authors", "notes"})
    if (stem.starts_with(name)) return true;
  return false;
}

std::string text_of(const Json& record, std::initializer_list<const char*> keys) {
  for (const char* key : keys)
    if (const auto found = record.find(key); found != record.end() && found->is_string())
      if (auto text = caption_of_text(found->get<std::string>()); !text.empty()) return text;
  return "";
}

std::vector<std::string> tags_of(const Json& record) {
  std::vector<std::string> tags;
  const auto add = [&](std::string_view tag) {
    if (auto clean = caption_of_text(tag); !clean.empty()) tags.push_back(std::move(clean));
  };
  const auto found = record.find("tags");
  if (found == record.end()) return tags;
  if (found->is_array())
    for (const auto& tag : *found)
      if (tag.is_string()) add(tag.get<std::string>());
  if (found->is_string()) {
    const auto text = found->get<std::string>();
    for (std::size_t start = 0; start <= text.size();) {
      const auto end = std::min(text.find_first_of(",;", start), text.size());
      add(std::string_view(text).substr(start, end - start));
      start = end + 1;
    }
  }
  return tags;
}

/// Everything one call of collect() gathers.
class Collector {
 public:
  Collector(const fs::path& cache, const ProgressSink& sink) : cache_(cache), sink_(sink) {}

  Collection run(std::span<const fs::path> paths) {
    for (const auto& path : paths) take(path);
    if (result_.pictures.empty()) refuse(shown(paths));
    return std::move(result_);
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    const auto& [pictures, orphans, complaints, notes] = result_;
    throw Error(!complaints.empty()
                    ? fmt::format("{} holds no readable pictures ({})", what, complaints.front())
                : !orphans.empty() ? fmt::format("{} holds captions of {} pictures and none of "
                                                 "the pictures; the first: {}",
                                                 what, orphans.size(), orphans.front())
                                   : fmt::format("{} holds no pictures", what),
                !notes.empty()
                    ? notes.front()
                    : "put PNG, JPEG, WebP or SVG files there, with captions beside them as "
                      "NAME.txt");
  }

  static std::string shown(std::span<const fs::path> paths) {
    return paths.empty() ? std::string("nothing")
                         : paths.front().string() + (paths.size() > 1 ? " …" : "");
  }

  void take(const fs::path& path) {
    std::error_code fault;
    const auto* source = cache_.empty() ? nullptr : known_source(path.string());
    if (!fs::exists(path, fault)) {
      if (source != nullptr) return take_source(*source);
      throw Error(fmt::format("there is no {}", path.string()),
                  cache_.empty() ? "check the name"
                                 : "check the name; sumi data list tells those of sources");
    }
    if (source != nullptr)
      result_.notes.push_back(fmt::format(
          "{0} is read as what lies there, not as the source of that name; for the source give "
          "this command in another folder",
          path.string()));
    const auto whole = fs::absolute(path).lexically_normal();
    source_ = "folder:" + path.string();
    const auto ending = ending_of(whole);
    if (fs::is_directory(whole)) {
      take_folder(whole);
    } else if (ending == "tar") {
      take_shard(whole);
    } else if (ending == "jsonl" || ending == "csv") {
      take_listing(whole);
    } else if (is_picture_ending(ending)) {
      take_files({whole});
    } else {
      throw Error(fmt::format("{}: no data that can be read", path.string()),
                  "give a folder, a .tar shard, a metadata.jsonl or .csv, or a picture");
    }
  }

  void take_source(const Source& source) {
    auto found = source_pictures(source, cache_, sink_);
    const auto append = [](auto& all, auto& more) {
      all.insert(all.end(), std::make_move_iterator(more.begin()),
                 std::make_move_iterator(more.end()));
    };
    append(result_.pictures, found.pictures);
    append(result_.complaints, found.complaints);
  }

  void complain(const std::string& where, const std::string& what) {
    result_.complaints.push_back(where.empty() ? what : where + ": " + what);
  }

  void take_folder(const fs::path& folder) {
    std::vector<fs::path> files, shards, listings;
    for (const auto& entry :
         fs::recursive_directory_iterator(folder, fs::directory_options::skip_permission_denied)) {
      std::error_code fault;
      if (!entry.is_regular_file(fault)) continue;
      if (ending_of(entry.path()) == "tar")
        shards.push_back(entry.path());
      else if (is_metadata(entry.path()))
        listings.push_back(entry.path());
      else
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    std::sort(shards.begin(), shards.end());
    std::sort(listings.begin(), listings.end());
    for (const auto& listing : listings) read_listing(listing);
    take_files(files);
    for (const auto& shard : shards) take_shard(shard);
    name_missing();
  }

  void take_listing(const fs::path& file) {
    if (is_list_of_rows(file)) {
      for (auto& row : load_rows(file)) {
        OwnPicture picture;
        picture.has_caption = !row.caption.empty();
        picture.row = std::move(row);
        result_.pictures.push_back(std::move(picture));
      }
      return;
    }
    read_listing(file);
    std::vector<fs::path> files;
    for (const auto& [name, record] : records_)
      if (fs::is_regular_file(name)) files.push_back(name);
    take_files(files);
    name_missing();
  }

  /// What save_rows() writes starts with these two keys.
  static bool is_list_of_rows(const fs::path& file) {
    if (ending_of(file) != "jsonl") return false;
    const MappedFile mapped(file);
    const std::string_view text(reinterpret_cast<const char*>(mapped.bytes().data()),
                                std::min<std::size_t>(mapped.bytes().size(), 4096));
    return text.starts_with("{\"id\":") && text.find("\"source\":") != text.npos;
  }

  /// Fills records_ from a metadata file, by the absolute name of the picture.
  void read_listing(const fs::path& file) {
    try {
      const auto text = read_text_file(file, kListBytes);
      if (ending_of(file) == "csv")
        read_csv(file, text);
      else
        read_json_lines(file, text);
    } catch (const Error& error) {
      complain("", error.what());
    }
  }

  void read_json_lines(const fs::path& file, std::string_view text) {
    for (int line = 1; !text.empty(); ++line) {
      const auto end = std::min(text.find('\n'), text.size());
      const auto where = fmt::format("{}:{}", file.string(), line);
      const auto content = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      if (content.find_first_not_of(" \t\r") == content.npos) continue;
      try {
        keep_record(file, where, parse_json(content, where));
      } catch (const Error& error) {
        complain("", error.what());
      }
    }
  }

  void read_csv(const fs::path& file, std::string_view text) {
    const auto table = parse_csv(text, file.string());
    for (std::size_t i = 1; i < table.size(); ++i) {
      const auto where = fmt::format("{}, record {}", file.string(), i);
      if (table[i].size() != table[0].size()) {
        complain(where,
                 fmt::format("{} fields under {} columns", table[i].size(), table[0].size()));
        continue;
      }
      Json record = Json::object();
      for (std::size_t c = 0; c < table[0].size(); ++c) record[table[0][c]] = table[i][c];
      keep_record(file, where, std::move(record));
    }
  }

  /// A listing may only name what lies beside or below it.
  void keep_record(const fs::path& listing, const std::string& where, Json record) {
    if (!record.is_object()) return complain(where, "no object");
    const auto name = text_of(record, {"file_name", "file", "image", "path"});
    if (name.empty()) return complain(where, "no file_name");
    const auto relative = fs::path(name).lexically_normal();
    if (relative.is_absolute() || relative.begin()->string() == "..")
      return complain(where, fmt::format("\"{}\" lies outside its folder", name));
    const auto file = (listing.parent_path() / relative).lexically_normal().string();
    if (!records_.emplace(file, std::move(record)).second)
      complain(where, fmt::format("\"{}\" is named twice; the first counts", name));
  }

  void take_files(const std::vector<fs::path>& files) {
    std::set<std::string> stems;
    for (const auto& file : files)
      if (is_picture_ending(ending_of(file)))
        stems.insert(fs::path(file).replace_extension().string());
    const auto masks = [&](const fs::path& file) {  // NAME.mask.png, where there is a NAME.*
      return is_mask_name(file) &&
             stems.contains(fs::path(file).replace_extension().replace_extension().string());
    };
    for (const auto& file : files)
      if (is_picture_ending(ending_of(file)) && !masks(file))
        result_.pictures.push_back(file_picture(file));
    for (const auto& file : files) {
      const auto ending = ending_of(file);
      const bool words = ending == "txt" || ending == "caption";
      if (words && !is_for_people(file) && !stems.contains(fs::path(file).replace_extension()))
        result_.orphans.push_back(file.string());
    }
  }

  OwnPicture file_picture(const fs::path& file) {
    OwnPicture picture;
    auto& row = picture.row;
    row.id = "folder:" + file.string();
    row.source = source_;
    row.file = file.string();
    std::error_code fault;
    // Stands for the content, so that sprites of a changed file are drawn again.
    row.version = fmt::format("{}-{}", fs::file_size(file, fault),
                              fs::last_write_time(file, fault).time_since_epoch().count());
    if (const auto record = records_.find(file.string()); record != records_.end()) {
      fill_from_record(picture, record->second);
      records_.erase(record);
    }
    add_sidecars(picture, file);
    picture.has_caption = !row.caption.empty();
    return picture;
  }

  void add_sidecars(OwnPicture& picture, const fs::path& file) {
    for (const char* ending : {".txt", ".caption", ".json"}) {
      const auto beside = fs::path(file).replace_extension(ending);
      if (!fs::is_regular_file(beside)) continue;
      try {
        if (std::string_view(ending) == ".json") {
          const auto text = read_text_file(beside, kRecordBytes);
          fill_from_record(picture, parse_json(text, beside.string()));
        } else if (picture.row.caption.empty()) {
          keep_text(picture, read_text_file(beside, kCaptionBytes));
        }
      } catch (const Error& error) {
        complain("", error.what());
      }
    }
  }

  static void keep_text(OwnPicture& picture, std::string_view text) {
    picture.row.caption = caption_of_text(text);
    // A file that holds nothing else is a marker, not a caption.
    if (picture.row.caption != "noai" && picture.row.caption != "noimageai") return;
    picture.row.caption.clear();
    picture.opted_out = true;
  }

  void name_missing() {
    for (const auto& [name, record] : records_) result_.orphans.push_back(name);
    records_.clear();
  }

  void take_shard(const fs::path& file) {
    try {
      const MappedFile mapped(file);
      const auto members = list_shard(mapped.bytes(), file.string());
      std::map<std::string, std::vector<const ShardMember*>, std::less<>> samples;
      std::vector<std::string_view> order;
      for (const auto& member : members) {
        auto& parts = samples[std::string(shard_key(member.name))];
        if (parts.empty()) order.push_back(shard_key(member.name));
        parts.push_back(&member);
      }
      for (const auto key : order)
        take_sample(file, mapped.bytes(), key, samples.find(key)->second);
    } catch (const Error& error) {
      complain("", error.what());
    }
  }

  void take_sample(const fs::path& shard, std::span<const std::byte> bytes, std::string_view key,
                   const std::vector<const ShardMember*>& parts) {
    OwnPicture picture;
    const auto where = fmt::format("{}/{}", shard.string(), replace_invalid_utf8(key));
    picture.row.id = "shard:" + where;
    picture.row.source = source_;
    picture.row.file = shard.string();
    picture.row.name = caption_of_text(key.substr(key.rfind('/') + 1));
    bool words = false;
    for (const auto* part : parts) {
      const auto ending = lowered(std::string(shard_extension(part->name)));
      const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + part->offset,
                                  part->size);
      if (is_picture_ending(ending) && picture.row.item.empty()) {
        picture.row.item = fmt::format("{}+{}.{}", part->offset, part->size, ending);
        picture.row.version = fmt::format("{}-{}", part->size, part->offset);
      } else if ((ending == "txt" || ending == "caption") && text.size() <= kCaptionBytes) {
        words = true;
        keep_text(picture, text);
      } else if (ending == "json" && text.size() <= kRecordBytes) {
        words = true;
        read_record(picture, text, where);
      }
    }
    picture.has_caption = !picture.row.caption.empty();
    if (!picture.row.item.empty())
      result_.pictures.push_back(std::move(picture));
    else if (words)
      result_.orphans.push_back(where);
  }

  void read_record(OwnPicture& picture, std::string_view text, const std::string& where) {
    try {
      fill_from_record(picture, parse_json(text, where + ".json"));
    } catch (const Error& error) {
      complain("", error.what());
    }
  }

  const fs::path& cache_;
  const ProgressSink& sink_;
  Collection result_;
  std::string source_;
  std::map<std::string, Json> records_;
};

/// The stretch of a shard that Row::item tells: "OFFSET+SIZE.ENDING".
std::span<const std::byte> stretch(std::span<const std::byte> whole, const Row& row) {
  if (row.item.empty()) return whole;
  std::size_t offset = 0, size = 0;
  const auto* end = row.item.data() + row.item.size();
  const auto first = std::from_chars(row.item.data(), end, offset);
  const bool plus = first.ec == std::errc{} && first.ptr != end && *first.ptr == '+';
  const auto second = plus ? std::from_chars(first.ptr + 1, end, size) : first;
  if (!plus || second.ec != std::errc{} || offset > whole.size() || size > whole.size() - offset)
    throw Error(fmt::format("{}: the shard has changed since it was listed", row.id),
                "list it again");
  return whole.subspan(offset, size);
}

}  // namespace

Collection collect(std::span<const fs::path> paths, const fs::path& cache,
                   const ProgressSink& sink) {
  return Collector(cache, sink).run(paths);
}

PictureBytes::PictureBytes(const Row& row) : file_(row.file), bytes_(stretch(file_.bytes(), row)) {}

Image load_picture(const Row& row, int vector_px) {
  const PictureBytes picture(row);
  const auto bytes = picture.bytes();
  if (!is_vector(row)) return decode_image(bytes, row.id);
  return rasterise_svg({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, vector_px,
                       row.id);
}

std::string shown_name(const Row& row) {
  const auto colon = row.id.find(':');
  const bool own = row.id.starts_with("folder:") || row.id.starts_with("shard:");
  return own ? row.id.substr(colon + 1) : row.id;
}

bool is_vector(const Row& row) {
  const auto& name = row.item.empty() ? row.file : row.item;
  return lowered(fs::path(name).extension().string()) == ".svg";
}

void fill_from_record(OwnPicture& picture, const Json& record) {
  if (!record.is_object()) return;
  auto& row = picture.row;
  const auto fill = [&](std::string& field, std::initializer_list<const char*> keys) {
    if (field.empty()) field = text_of(record, keys);
  };
  fill(row.caption, {"caption", "text", "prompt", "description"});
  fill(row.licence, {"licence", "license"});
  fill(row.author, {"author", "artist", "credit", "creator"});
  fill(row.style, {"style"});
  fill(row.group, {"group", "category", "label"});
  fill(row.subgroup, {"subgroup"});
  if (auto name = text_of(record, {"name", "title"}); !name.empty()) row.name = name;
  if (row.tags.empty()) row.tags = tags_of(record);
  picture.opted_out = picture.opted_out || record_says_no_ai(record);
}

std::string caption_of_text(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return encode_utf8(collapse_white_space(decode_utf8(replace_invalid_utf8(text), "caption")));
}

}  // namespace sumi
