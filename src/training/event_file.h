#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace sumi {

/// CRC-32C (Castagnoli) of bytes, and as TFRecord masks it: rotated by 15 bits plus a constant.
std::uint32_t crc32c(std::string_view bytes);
std::uint32_t masked_crc32c(std::string_view bytes);

/// One record of a TFRecord file: length, its masked CRC, the data, their masked CRC; little
/// endian.
std::string framed(std::string_view data);

/// A TensorBoard event file of our own writing: records that hold tensorflow.Event messages. Each
/// event is flushed, so that TensorBoard shows it while the run goes on.
class EventFile {
 public:
  /// Starts `file` anew. Throws Error when it cannot be written.
  explicit EventFile(const std::filesystem::path& file);
  ~EventFile();
  EventFile(const EventFile&) = delete;
  EventFile& operator=(const EventFile&) = delete;

  void add_scalar(std::int64_t step, std::string_view tag, double value);
  /// `png`: an encoded picture of that size in pixels.
  void add_image(std::int64_t step, std::string_view tag, int width, int height,
                 std::span<const std::byte> png);

 private:
  void add(const std::string& event);

  std::filesystem::path path_;
  std::FILE* file_;
};

}  // namespace sumi
