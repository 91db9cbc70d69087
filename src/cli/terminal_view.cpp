#include "cli/terminal_view.h"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace sumi {
namespace {

constexpr int kWidestColumns = 48;
constexpr double kCellProportion = 2.0;  // a character cell is about twice as high as wide

int preview_columns() {
  winsize size{};
  const bool known = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? std::min<int>(kWidestColumns, size.ws_col) : kWidestColumns;
}

}  // namespace

TerminalView::TerminalView()
    : graphics_(detect_terminal_graphics(STDERR_FILENO)), columns_(preview_columns()) {}

void TerminalView::show(const Image& image) {
  if (graphics_ == TerminalGraphics::none) return;
  const auto text = terminal_preview(image, columns_, graphics_);
  fmt::print(stderr, "\r\x1b[K");
  if (lines_ > 0) fmt::print(stderr, "\x1b[{}A", lines_);
  fmt::print(stderr, "{}", text);
  std::fflush(stderr);
  lines_ = graphics_ == TerminalGraphics::half_blocks
               ? static_cast<int>(std::count(text.begin(), text.end(), '\n'))
               : static_cast<int>(std::ceil(columns_ * image.height /
                                            (kCellProportion * std::max(1, image.width))));
}

}  // namespace sumi
