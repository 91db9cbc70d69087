#include "data/archive.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <map>

#include "core/error.h"
#include "core/files.h"

namespace sumi {
namespace {
namespace fs = std::filesystem;

/// One tar entry with a right checksum.
std::string entry(const std::string& name, const std::string& content, char type = '0') {
  std::string header(512, '\0');
  const auto put = [&](std::size_t at, const std::string& text) {
    header.replace(at, text.size(), text);
  };
  const auto octal = [](std::size_t value, int digits) {
    std::string text(static_cast<std::size_t>(digits), '0');
    for (int i = digits - 1; i >= 0; --i, value /= 8)
      text[static_cast<std::size_t>(i)] = static_cast<char>('0' + value % 8);
    return text;
  };
  put(0, name);
  put(124, octal(content.size(), 11));
  header[156] = type;
  put(257, "ustar");
  put(148, "        ");
  std::size_t sum = 0;
  for (const char c : header) sum += static_cast<unsigned char>(c);
  put(148, octal(sum, 6) + '\0');
  std::string padded = content;
  padded.resize((content.size() + 511) / 512 * 512, '\0');
  return header + padded;
}

std::map<std::string, std::string> contents(const fs::path& archive,
                                            const ArchiveLimits& limits = {}) {
  std::map<std::string, std::string> result;
  read_tar(
      archive, [&](const std::string& name, std::string_view content) { result[name] = content; },
      limits);
  return result;
}

class Archive : public testing::Test {
 protected:
  fs::path write(const std::string& bytes) {
    const auto file = folder_.path() / "a.tar";
    write_file(file, bytes);
    return file;
  }
  TemporaryDirectory folder_;
};

TEST_F(Archive, ReadsFilesAndPassesOverTheRest) {
  const auto file =
      write(entry("package/a.txt", "first") + entry("package/", "", '5') + entry("link", "", '2') +
            entry("package/b.txt", std::string(1000, 'b')) + std::string(1024, '\0'));
  const auto all = contents(file);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all.at("package/a.txt"), "first");
  EXPECT_EQ(all.at("package/b.txt"), std::string(1000, 'b'));
}

TEST_F(Archive, ReadsLongNamesOfBothKinds) {
  const std::string name(150, 'n');
  const std::string record = "path=" + name + "\n";
  const auto pax = std::to_string(record.size() + 4) + " " + record;
  const auto all = contents(write(entry("././@LongLink", std::string(120, 'g') + '\0', 'L') +
                                  entry("short", "gnu") + entry("PaxHeader", pax, 'x') +
                                  entry("short", "pax") + entry("short", "plain")));
  EXPECT_EQ(all.at(std::string(120, 'g')), "gnu");
  EXPECT_EQ(all.at(name), "pax");
  EXPECT_EQ(all.at("short"), "plain");
}

TEST_F(Archive, ReadsGzip) {
  const auto file = folder_.path() / "a.tgz";
  const auto tar = entry("a", "zipped") + std::string(1024, '\0');
  const gzFile out = gzopen(file.c_str(), "wb");
  ASSERT_EQ(gzwrite(out, tar.data(), static_cast<unsigned>(tar.size())),
            static_cast<int>(tar.size()));
  gzclose(out);
  EXPECT_EQ(contents(file).at("a"), "zipped");
}

TEST_F(Archive, DamageIsAnErrorThatNamesTheArchive) {
  const auto whole = entry("a", std::string(700, 'a'));
  auto flipped = whole;
  flipped[3] ^= 1;
  for (const auto& bytes : {whole.substr(0, 300), whole.substr(0, 900), whole.substr(0, 1100),
                            flipped, std::string(512, 'x')}) {
    const auto file = write(bytes);
    try {
      contents(file);
      FAIL() << "no Error for " << bytes.size() << " bytes";
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find("a.tar"), std::string::npos);
    }
  }
}

TEST_F(Archive, LimitsHold) {
  const auto file = write(entry("a", std::string(700, 'a')) + entry("b", std::string(700, 'b')));
  EXPECT_NO_THROW(contents(file, {700, 1400, 2}));
  EXPECT_THROW(contents(file, {699, 1400, 2}), Error);
  EXPECT_THROW(contents(file, {700, 1399, 2}), Error);
  EXPECT_THROW(contents(file, {700, 1400, 1}), Error);
}

TEST(SafePath, StaysBeneathItsFolder) {
  EXPECT_EQ(safe_relative_path("package/a b.svg"), fs::path("package/a_b.svg"));
  EXPECT_EQ(safe_relative_path("./usr/share/x.svg"), fs::path("usr/share/x.svg"));
  EXPECT_EQ(safe_relative_path("a\\..\\b"), fs::path("a_.._b"));
  for (const char* evil :
       {"", "/etc/passwd", "../x", "a/../../x", "a//b", "a/./b", "..", "./", "./../x", "././/x"})
    EXPECT_FALSE(safe_relative_path(evil)) << evil;
  EXPECT_FALSE(safe_relative_path(std::string(201, 'a')));
  EXPECT_EQ(safe_relative_path(std::string("a\0b", 3)), fs::path("a_b"));
}

}  // namespace
}  // namespace sumi
