#include "data/sources.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>

#include "core/error.h"
#include "core/files.h"
#include "data/process.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;

TEST(Sources, AreNamedOnceAndCredited) {
  std::set<std::string> ids;
  for (const auto& source : sources()) {
    EXPECT_TRUE(ids.insert(source.id).second);
    EXPECT_EQ(&find_source(source.id), &source);
    for (const auto* text :
         {source.package, source.version, source.licence, source.author, source.url})
      EXPECT_GT(std::string(text).size(), 2u) << source.id;
  }
  for (const char* id : {"fluent-emoji-3d", "fluent-emoji-flat", "noto", "twemoji", "fxemoji",
                         "emojione", "openclipart"})
    EXPECT_TRUE(ids.contains(id)) << id;
}

TEST(Process, PassesArgumentsUnread) {
  const TemporaryDirectory folder;
  const auto result =
      run_program({"printf", "%s|", "$HOME", "a b", "; touch x", "*"}, folder.path());
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_EQ(result.output, "$HOME|a b|; touch x|*|");
  EXPECT_TRUE(fs::is_empty(folder.path()));
  EXPECT_EQ(run_program({"pwd"}, folder.path()).output,
            fs::canonical(folder.path()).string() + "\n");
  EXPECT_EQ(run_program({"false"}, folder.path()).exit_code, 1);
  EXPECT_EQ(run_program({"sh", "-c", "kill -9 $$"}, folder.path()).exit_code, 137);
  EXPECT_THROW(run_program({"no-such-program-here"}, folder.path()), Error);
}

/// Puts a shell script called `npm` first in PATH for the life of this object.
class FakeNpm {
 public:
  explicit FakeNpm(const std::string& script) : before_(std::getenv("PATH")) {
    write_file(folder_.path() / "npm", "#!/bin/sh\n" + script);
    fs::permissions(folder_.path() / "npm", fs::perms::owner_all);
    setenv("PATH", (folder_.path().string() + ":" + before_).c_str(), 1);
  }
  ~FakeNpm() { setenv("PATH", before_.c_str(), 1); }
  FakeNpm(const FakeNpm&) = delete;
  FakeNpm& operator=(const FakeNpm&) = delete;

 private:
  TemporaryDirectory folder_;
  std::string before_;
};

constexpr const char* kPack =
    "mkdir -p package/en package/meta; echo '[]' > package/en/data.json; echo '{}' > "
    "package/meta/groups.json\n"
    "echo more > package/README.md; tar czf names.tgz package; rm -r package\n";

TEST(Fetch, UnpacksOnceAndOnlyWhatIsWanted) {
  const TemporaryDirectory cache;
  const auto& source = find_source("emojibase");
  {
    const FakeNpm npm(kPack);
    EXPECT_FALSE(is_fetched(source, cache.path()));
    const auto folder = fetch(source, cache.path());
    EXPECT_EQ(folder, source_folder(source, cache.path()));
    EXPECT_EQ(read_text_file(folder / "package/en/data.json"), "[]\n");
    EXPECT_FALSE(fs::exists(folder / "package/README.md"));
  }
  const FakeNpm broken("exit 1");
  EXPECT_NO_THROW(fetch(source, cache.path()));
}

TEST(Fetch, FailuresSayWhatToDoAndLeaveNothingThatLooksFetched) {
  const TemporaryDirectory cache;
  const auto& source = find_source("emojibase");
  for (const char* script :
       {"echo 'npm ERR! network' >&2; exit 1", "exit 0", "echo damaged > names.tgz",
        "mkdir package; echo a > package/a; tar czf names.tgz package"}) {
    const FakeNpm npm(script);
    try {
      fetch(source, cache.path());
      ADD_FAILURE() << "no Error for: " << script;
    } catch (const Error& error) {
      EXPECT_FALSE(error.hint().empty());
    }
    EXPECT_FALSE(is_fetched(source, cache.path())) << script;
  }
  const FakeNpm npm(kPack);
  fetch(source, cache.path());
  EXPECT_TRUE(is_fetched(source, cache.path()));
}

}  // namespace
}  // namespace sumi
