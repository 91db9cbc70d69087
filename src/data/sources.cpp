#include "data/sources.h"

#include <fmt/format.h>

#include <array>
#include <set>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "data/archive.h"
#include "data/portraits.h"
#include "data/process.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

constexpr Source kSources[] = {
    {"fluent-emoji-3d", PackageKind::npm, "@lobehub/fluent-emoji-3d", "1.1.0",
     PictureForm::code_points, "3d render", "MIT", "Microsoft; packaged by LobeHub",
     "https://github.com/microsoft/fluentui-emoji", 2},
    {"fluent-emoji-flat", PackageKind::npm, "@iconify-json/fluent-emoji-flat", "1.2.6",
     PictureForm::iconify, "flat emoji", "MIT", "Microsoft",
     "https://github.com/microsoft/fluentui-emoji", 1},
    {"noto", PackageKind::npm, "@iconify-json/noto", "1.2.9", PictureForm::iconify, "cartoon emoji",
     "Apache-2.0", "Google Inc", "https://github.com/googlefonts/noto-emoji", 1},
    {"twemoji", PackageKind::npm, "@iconify-json/twemoji", "1.2.5", PictureForm::iconify,
     "simple emoji", "CC-BY-4.0", "Twitter and contributors", "https://github.com/twitter/twemoji",
     1},
    {"fxemoji", PackageKind::npm, "@iconify-json/fxemoji", "1.2.2", PictureForm::iconify, "sticker",
     "Apache-2.0", "Mozilla", "https://github.com/mozilla/fxemoji", 0.5},
    {"emojione", PackageKind::npm, "@iconify-json/emojione", "1.2.3", PictureForm::iconify,
     "glossy emoji", "CC-BY-4.0", "EmojiOne", "https://github.com/EmojiTwo/emojitwo", 0.75},
    {"openclipart", PackageKind::debian, "openclipart-svg", "0.18", PictureForm::svg_tree,
     "clip art", "CC0-1.0", "the contributors of the Open Clip Art Library",
     "https://openclipart.org", 1},
    {"streamline-emojis", PackageKind::npm, "@iconify-json/streamline-emojis", "1.2.4",
     PictureForm::titled, "outlined emoji", "CC-BY-4.0", "Streamline",
     "https://github.com/webalys-hq/streamline-vectors", 1},
    {"streamline-ultimate-color", PackageKind::npm, "@iconify-json/streamline-ultimate-color",
     "1.2.2", PictureForm::titled, "marketing illustration", "CC-BY-4.0", "Streamline",
     "https://github.com/webalys-hq/streamline-vectors", 0.75},
    {"streamline-freehand-color", PackageKind::npm, "@iconify-json/streamline-freehand-color",
     "1.2.2", PictureForm::titled, "blue ink sketch", "CC-BY-4.0", "Streamline",
     "https://github.com/webalys-hq/streamline-vectors", 0.75},
    {"game-icons", PackageKind::npm, "@iconify-json/game-icons", "1.2.4", PictureForm::titled,
     "silhouette", "CC-BY-3.0", "Lorc, Delapouite and the other authors of game-icons.net",
     "https://github.com/game-icons/icons", 0.25},
    {"icon-park", PackageKind::npm, "@iconify-json/icon-park", "1.2.4", PictureForm::titled,
     "two-colour icon", "Apache-2.0", "ByteDance", "https://github.com/bytedance/IconPark", 0.25},
    {"flat-color-icons", PackageKind::npm, "@iconify-json/flat-color-icons", "1.2.3",
     PictureForm::titled, "flat icon", "MIT", "Icons8",
     "https://github.com/icons8/flat-Color-icons", 0.5},
    {"dicebear", PackageKind::npm, "@dicebear/collection", "9.4.3", PictureForm::portraits,
     "cartoon portrait", "CC-BY-4.0", "the artists of DiceBear's styles",
     "https://www.dicebear.com", 1},
    {"furniture", PackageKind::debian, "sweethome3d-furniture", "1.8", PictureForm::models,
     "3d model", "CC-BY-3.0", "the contributors of Sweet Home 3D's furniture catalogues",
     "https://www.sweethome3d.com/importModels.jsp", 2},
    {"hero-patterns", PackageKind::npm, "hero-patterns", "2.1.0", PictureForm::tiles,
     "seamless pattern", "MIT", "Steve Schoger; packaged by Alec Lomas", "https://heropatterns.com",
     6},
    {"emojibase", PackageKind::npm, "emojibase-data", "17.0.0", PictureForm::names, "", "MIT",
     "Miles Johnson", "https://emojibase.dev", 0},
};

/// The files of a package that we keep, as a test on their path inside the archive.
bool wanted(const Source& source, std::string_view name) {
  switch (source.form) {
    case PictureForm::iconify:
      return name == "package/icons.json" || name == "package/chars.json" ||
             name == "package/info.json";
    case PictureForm::titled:
      return name == "package/icons.json" || name == "package/metadata.json" ||
             name == "package/info.json";
    case PictureForm::code_points:
      return name.starts_with("package/assets/") && name.ends_with(".webp");
    case PictureForm::svg_tree:
      return name.find("usr/share/openclipart/svg/") != name.npos && name.ends_with(".svg");
    case PictureForm::portraits:
      return false;
    case PictureForm::models:
      return name.ends_with(".sh3f");
    case PictureForm::tiles:
      return name == "package/dist/hero-patterns.es.js";
    case PictureForm::names:
      return name == "package/en/data.json" || name == "package/meta/groups.json";
  }
  return false;
}

void require_success(const ProgramResult& result, const std::string& what) {
  if (result.exit_code == 0) return;
  const auto tail =
      result.output.size() > 600 ? result.output.substr(result.output.size() - 600) : result.output;
  throw Error(fmt::format("{} failed (exit code {}): {}", what, result.exit_code, tail),
              "is there a network, and does the package manager work? Then run it again");
}

fs::path only_file(const fs::path& folder, std::string_view suffix) {
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().string().ends_with(suffix)) return entry.path();
  throw Error(fmt::format("no {} file came with the download", suffix), "run it again");
}

/// The downloaded package as something read_tar understands.
fs::path download(const Source& source, const fs::path& folder) {
  if (source.kind == PackageKind::npm) {
    const auto name = fmt::format("{}@{}", source.package, source.version);
    require_success(run_program({"npm", "pack", name, "--silent", "--ignore-scripts"}, folder),
                    "npm pack " + name);
    return only_file(folder, ".tgz");
  }
  require_success(run_program({"apt-get", "download", source.package}, folder),
                  fmt::format("apt-get download {}", source.package));
  const auto package = only_file(folder, ".deb");
  require_success(run_program({"dpkg-deb", "--extract", package.string(), "tree"}, folder),
                  "dpkg-deb");
  require_success(
      run_program({"tar", "--create", "--file=tree.tar", "--directory=tree", "."}, folder), "tar");
  fs::remove_all(folder / "tree");
  return folder / "tree.tar";
}

std::size_t unpack(const Source& source, const fs::path& archive, const fs::path& folder,
                   Progress& progress) {
  std::size_t kept = 0;
  read_tar(archive, [&](const std::string& name, std::string_view content) {
    if (!wanted(source, name)) return;
    const auto relative = safe_relative_path(name);
    if (!relative) return;
    fs::create_directories((folder / *relative).parent_path());
    write_file(folder / *relative, content);
    ++kept;
    progress.advance(1, "unpacking");
  });
  return kept;
}

/// Lets node draw the portraits into `folder`: their package holds a program, not pictures.
void draw_portraits(const Source& source, const fs::path& folder, const fs::path& work) {
  constexpr const char* kOfEachStyle = "600";
  const auto version = std::string("@") + source.version;
  require_success(
      run_program({"npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--no-save",
                   "--prefix", work.string(), "@dicebear/core" + version, source.package + version},
                  work),
      fmt::format("npm install {}{}", source.package, version));
  write_file(work / "portraits.mjs", portrait_script());
  require_success(run_program({"node", "portraits.mjs", folder.string(), kOfEachStyle}, work),
                  "node, drawing portraits");
}

bool needs_names(const Source& source) {
  return source.form == PictureForm::iconify || source.form == PictureForm::code_points ||
         source.form == PictureForm::titled;
}

void fetch_alone(const Source& source, const fs::path& cache, const ProgressSink& sink) {
  if (is_fetched(source, cache)) return;
  const auto target = source_folder(source, cache);
  const auto partial = fs::path(target.string() + ".partial");
  fs::remove_all(partial);
  fs::create_directories(partial);
  {
    Progress progress(
        fmt::format("fetching {} {} ({})", source.package, source.version, source.licence), 0,
        sink);
    const TemporaryDirectory downloads;
    if (source.form == PictureForm::portraits) {
      draw_portraits(source, partial, downloads.path());
    } else {
      const auto archive = download(source, downloads.path());
      if (unpack(source, archive, partial, progress) == 0)
        throw Error(
            fmt::format("{} {} holds none of the expected files", source.package, source.version),
            "this version of Sumi does not know its layout; report it");
    }
  }
  sync_directory(partial);
  fs::rename(partial, target);
  sync_directory(target.parent_path());
}

}  // namespace

std::span<const Source> sources() { return kSources; }

const Source* known_source(std::string_view id) {
  for (const auto& source : kSources)
    if (source.id == id) return &source;
  return nullptr;
}

const Source& find_source(std::string_view id) {
  if (const auto* source = known_source(id)) return *source;
  std::string known;
  for (const auto& source : kSources) known += (known.empty() ? "" : ", ") + std::string(source.id);
  throw Error(fmt::format("no source is called \"{}\"", id), "known: " + known);
}

fs::path source_folder(const Source& source, const fs::path& cache) {
  return cache / "sources" / fmt::format("{}-{}", source.id, source.version);
}

bool is_fetched(const Source& source, const fs::path& cache) {
  return fs::is_directory(source_folder(source, cache));
}

fs::path fetch(const Source& source, const fs::path& cache, const ProgressSink& sink) {
  if (needs_names(source)) fetch_alone(find_source("emojibase"), cache, sink);
  fetch_alone(source, cache, sink);
  return source_folder(source, cache);
}

}  // namespace sumi
