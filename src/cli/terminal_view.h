#pragma once

#include "media/image.h"
#include "media/terminal_preview.h"

namespace sumi {

/// One picture on the terminal (stderr) that is drawn over itself as it changes; silent where the
/// terminal shows no pictures.
class TerminalView {
 public:
  TerminalView();
  void show(const Image& image);
  /// The next picture goes below this one.
  void keep() { lines_ = 0; }

 private:
  TerminalGraphics graphics_;
  int columns_;
  int lines_ = 0;  ///< of the picture on the screen
};

}  // namespace sumi
