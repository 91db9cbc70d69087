#include "data/rasterise.h"

#include <fmt/format.h>
#include <librsvg/rsvg.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstring>
#include <memory>

#include "core/error.h"

namespace sumi {
namespace {

struct Unref {
  void operator()(RsvgHandle* handle) const { g_object_unref(handle); }
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
  void operator()(cairo_t* context) const { cairo_destroy(context); }
  void operator()(GError* error) const { g_error_free(error); }
};
template <class T>
using Owned = std::unique_ptr<T, Unref>;

[[noreturn]] void refuse(const std::string& origin, const std::string& what) {
  throw Error(fmt::format("{}: {}", origin, what), "this picture is left out");
}

std::string message(GError* error) {
  const Owned<GError> owned(error);
  return owned ? owned->message : "no reason given";
}

/// Width by height of the drawing in its own units.
std::pair<double, double> natural_size(RsvgHandle* handle, const std::string& origin) {
  gboolean has_width = FALSE, has_height = FALSE, has_box = FALSE;
  RsvgLength width{}, height{};
  RsvgRectangle box{};
  rsvg_handle_get_intrinsic_dimensions(handle, &has_width, &width, &has_height, &height, &has_box,
                                       &box);
  double w = box.width, h = box.height;
  if (has_box == FALSE && rsvg_handle_get_intrinsic_size_in_pixels(handle, &w, &h) == FALSE) {
    RsvgRectangle ink{}, logical{};
    GError* error = nullptr;
    if (rsvg_handle_get_geometry_for_element(handle, nullptr, &ink, &logical, &error) == FALSE)
      refuse(origin, message(error));
    w = ink.width, h = ink.height;
  }
  if (!(w > 0) || !(h > 0) || !std::isfinite(w / h)) refuse(origin, "the drawing has no size");
  return {w, h};
}

/// Cairo's premultiplied 0xAARRGGBB words as straight RGBA bytes.
Image to_image(cairo_surface_t* surface, int width, int height) {
  Image image{width, height, 4, {}};
  image.pixels.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 4);
  cairo_surface_flush(surface);
  const auto* data = cairo_image_surface_get_data(surface);
  const int stride = cairo_image_surface_get_stride(surface);
  auto* out = image.pixels.data();
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x, out += 4) {
      std::uint32_t word = 0;
      std::memcpy(&word, data + y * stride + x * 4, 4);
      const std::uint32_t alpha = word >> 24;
      const auto straight = [&](std::uint32_t value) {
        return static_cast<std::uint8_t>(
            alpha == 0 ? 0 : std::min(255u, (value * 255 + alpha / 2) / alpha));
      };
      out[0] = straight((word >> 16) & 255);
      out[1] = straight((word >> 8) & 255);
      out[2] = straight(word & 255);
      out[3] = static_cast<std::uint8_t>(alpha);
    }
  }
  return image;
}

Image draw(std::string_view svg, int size_px, const std::string& origin) {
  GError* error = nullptr;
  const Owned<RsvgHandle> handle(
      rsvg_handle_new_from_data(reinterpret_cast<const guint8*>(svg.data()), svg.size(), &error));
  if (!handle) refuse(origin, message(error));
  const auto [natural_width, natural_height] = natural_size(handle.get(), origin);
  const double scale = size_px / std::max(natural_width, natural_height);
  const int width = std::max(1, static_cast<int>(std::lround(natural_width * scale)));
  const int height = std::max(1, static_cast<int>(std::lround(natural_height * scale)));
  const Owned<cairo_surface_t> surface(
      cairo_image_surface_create(CAIRO_FORMAT_ARGB32, width, height));
  const Owned<cairo_t> context(cairo_create(surface.get()));
  const RsvgRectangle viewport{0, 0, static_cast<double>(width), static_cast<double>(height)};
  if (rsvg_handle_render_document(handle.get(), context.get(), &viewport, &error) == FALSE)
    refuse(origin, message(error));
  if (cairo_status(context.get()) != CAIRO_STATUS_SUCCESS) refuse(origin, "the drawing failed");
  return to_image(surface.get(), width, height);
}

bool write_all(int descriptor, const void* data, std::size_t bytes) {
  const auto* at = static_cast<const char*>(data);
  while (bytes > 0) {
    const auto count = write(descriptor, at, bytes);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    at += count;
    bytes -= static_cast<std::size_t>(count);
  }
  return true;
}

/// The child's part: a 1 and size and pixels, or a 0 and the error's text. Never returns.
[[noreturn]] void draw_and_exit(std::string_view svg, int size_px, const std::string& origin,
                                double seconds, int out) {
  const auto whole = static_cast<rlim_t>(std::ceil(seconds));
  const rlimit time{whole, whole + 1}, no_core{0, 0};
  setrlimit(RLIMIT_CPU, &time);
  setrlimit(RLIMIT_CORE, &no_core);
  char ok = 1;
  try {
    const auto image = draw(svg, size_px, origin);
    const int size[2] = {image.width, image.height};
    write_all(out, &ok, 1) && write_all(out, size, sizeof(size)) &&
        write_all(out, image.pixels.data(), image.pixels.size());
  } catch (const std::exception& error) {
    ok = 0;
    write_all(out, &ok, 1) && write_all(out, error.what(), std::strlen(error.what()));
  }
  _exit(0);
}

/// Reads until the other side closes, at most until `deadline`.
std::string read_until(int descriptor, std::chrono::steady_clock::time_point deadline) {
  std::string result;
  char buffer[1 << 16];
  for (;;) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd ready{descriptor, POLLIN, 0};
    const int count = poll(&ready, 1, static_cast<int>(std::max<std::int64_t>(0, left.count())));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return "";
    const auto got = read(descriptor, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return result;
    result.append(buffer, static_cast<std::size_t>(got));
  }
}

Image draw_in_child(std::string_view svg, int size_px, const std::string& origin, double seconds) {
  int ends[2];
  if (pipe(ends) != 0) throw Error(fmt::format("no pipe: {}", std::strerror(errno)));
  const pid_t child = fork();
  if (child < 0) {
    close(ends[0]);
    close(ends[1]);
    throw Error(fmt::format("cannot start a process: {}", std::strerror(errno)));
  }
  if (child == 0) {
    close(ends[0]);
    draw_and_exit(svg, size_px, origin, seconds, ends[1]);
  }
  close(ends[1]);
  // The child's own limit counts its time on a processor; a busy machine takes longer.
  constexpr double kPatience = 3;
  const auto patience = std::chrono::duration_cast<std::chrono::steady_clock::duration>(
      std::chrono::duration<double>(kPatience * seconds));
  const auto answer = read_until(ends[0], std::chrono::steady_clock::now() + patience);
  close(ends[0]);
  kill(child, SIGKILL);
  while (waitpid(child, nullptr, 0) < 0 && errno == EINTR) {
  }
  if (answer.empty()) refuse(origin, "the drawing took too long or broke its drawer");
  if (answer[0] == 0) throw Error(answer.substr(1), "this picture is left out");
  int size[2] = {0, 0};
  constexpr std::size_t kHeader = 1 + sizeof(size);
  if (answer.size() > kHeader) std::memcpy(size, answer.data() + 1, sizeof(size));
  const auto bytes = static_cast<std::size_t>(size[0]) * static_cast<std::size_t>(size[1]) * 4;
  if (bytes == 0 || answer.size() != kHeader + bytes) refuse(origin, "the drawing broke off");
  const auto* pixels = reinterpret_cast<const std::uint8_t*>(answer.data()) + kHeader;
  return {size[0], size[1], 4, {pixels, pixels + bytes}};
}

}  // namespace

Image rasterise_svg(std::string_view svg, int size_px, const std::string& origin,
                    const SvgLimits& limits) {
  if (svg.size() > limits.max_bytes)
    refuse(origin, fmt::format("the drawing is larger than {} bytes", limits.max_bytes));
  if (size_px < 1 || size_px > limits.max_px)
    throw Error(fmt::format("{}: cannot be drawn at {} px", origin, size_px),
                fmt::format("1 to {} px", limits.max_px));
  if (svg.find("<!ENTITY") != svg.npos) refuse(origin, "the drawing declares entities");
  return limits.max_seconds > 0 ? draw_in_child(svg, size_px, origin, limits.max_seconds)
                                : draw(svg, size_px, origin);
}

}  // namespace sumi
