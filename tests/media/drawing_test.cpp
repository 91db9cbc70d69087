#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <cstdlib>
#include <set>

#include "core/files.h"
#include "media/bitmap_font.h"
#include "media/compare.h"
#include "media/contact_sheet.h"
#include "media/geometry.h"
#include "media/plot.h"
#include "media/terminal_preview.h"
#include "pictures.h"

namespace sumi {
namespace {
using namespace sumi::testing;
using ::testing::HasSubstr;
using ::testing::StartsWith;

const std::vector<std::uint8_t> white{255, 255, 255};

TEST(Font, EveryCharacterHasAFormOfItsOwn) {
  std::set<std::vector<std::uint8_t>> forms;
  for (char letter = 32; letter < 127; ++letter) {
    Image canvas = filled_image(8, 9, white);
    draw_text(canvas, 1, 0, std::string(1, letter), {});
    forms.insert(canvas.pixels);
  }
  EXPECT_EQ(forms.size(), 95u);
}

TEST(Font, WidthIsWhereInkEnds) {
  for (const int scale : {1, 2, 3})
    for (const auto* text : {"a", "iil", "Steps: 20, g", "\u00e9"}) {
      const int width = text_width(text, scale);
      Image canvas = filled_image(width + 20, text_height(scale), white);
      draw_text(canvas, 10, 0, text, {{0, 0, 0}, scale, TextDirection::across});
      // Half a dot of softness may reach over on either side.
      const Image left = crop(canvas, 0, 0, 10 - scale / 2, canvas.height);
      EXPECT_EQ(left, filled_image(left.width, left.height, white)) << text;
      const int end = 10 + width + scale / 2;
      const Image right = crop(canvas, end, 0, canvas.width - end, canvas.height);
      EXPECT_EQ(right, filled_image(right.width, right.height, white)) << text;
      EXPECT_NE(canvas, filled_image(canvas.width, canvas.height, white));
    }
}

TEST(Font, UpwardTextIsTurnedText) {
  Image across = filled_image(40, 20, white), upward = filled_image(20, 40, white);
  draw_text(across, 3, 4, "Loss", {});
  draw_text(upward, 4, 36, "Loss", {{0, 0, 0}, 1, TextDirection::upward});
  EXPECT_EQ(flip_vertical(transpose(across)), upward);
}

TEST(Font, WrapsAtSpacesAndCutsWhatIsLeft) {
  const int width = text_width("a red bicycle", 1);
  EXPECT_THAT(wrap_text("a red bicycle on a beach", width, 2, 1),
              ::testing::ElementsAre("a red bicycle", "on a beach"));
  const auto cut = wrap_text("a red bicycle on a beach at dawn with gulls", width, 2, 1);
  ASSERT_EQ(cut.size(), 2u);
  EXPECT_THAT(cut[1], ::testing::EndsWith("..."));
  EXPECT_LE(text_width(cut[1], 1), width);
  for (const auto& line : wrap_text(std::string(300, 'w'), width, 9, 1))
    EXPECT_LE(text_width(line, 1), width);
  EXPECT_TRUE(wrap_text("  ", width, 2, 1).empty());
}

TEST(ContactSheet, ShowsEveryPictureUnchanged) {
  std::vector<Image> images;
  std::vector<std::string> labels;
  for (int i = 0; i < 7; ++i) {
    images.push_back(noise_image(64, 64, 3, i + 1));
    labels.push_back("picture " + std::to_string(i));
  }
  const Image sheet = contact_sheet(images, labels);
  EXPECT_EQ(sheet.channels, 3);
  for (const Image& image : images) {
    bool found = false;
    for (int y = 0; y + 64 <= sheet.height && !found; ++y)
      for (int x = 0; x + 64 <= sheet.width && !found; ++x)
        found = std::equal(image.pixels.begin(), image.pixels.begin() + 64 * 3,
                           sheet.pixels.begin() + (std::size_t(y) * sheet.width + x) * 3) &&
                crop(sheet, x, y, 64, 64) == image;
    EXPECT_TRUE(found);
  }
  EXPECT_NE(contact_sheet(images, {}).height, sheet.height);
}

TEST(ContactSheet, ScalesLargePicturesAndMixesKinds) {
  const std::vector<Image> images{smooth_image(800, 400, 4), smooth_image(100, 300, 1),
                                  noise_image(20, 20, 3)};
  SheetOptions options;
  options.cell = 128;
  options.columns = 3;
  options.title = "Three kinds";
  const std::vector<std::string> labels{"wide", "a tall one with a long label that needs cutting",
                                        ""};
  const Image sheet = contact_sheet(images, labels, options);
  EXPECT_LT(sheet.width, 600);
  EXPECT_GT(sheet.width, 3 * 128);
}

TEST(ContactSheet, SaysWhatIsWrong) {
  const std::vector<Image> images{noise_image(8, 8, 3)};
  EXPECT_NE(problem_of([] { contact_sheet({}, {}); }), "");
  EXPECT_THAT(problem_of([&] {
                contact_sheet(images, std::vector<std::string>{"a", "b"});
              }),
              HasSubstr("1 pictures and 2 labels"));
}

std::vector<PlotSeries> loss_curves() {
  PlotSeries training{"training loss", {}, {}}, validation{"validation loss", {}, {}};
  Random random(3);
  for (int i = 1; i <= 400; ++i) {
    training.x.push_back(i * 50);
    training.y.push_back(0.9 * std::pow(i, -0.45) + 0.05 +
                         0.012 * (random.below(1000) / 1000.0 - 0.5));
    if (i % 20 == 0) {
      validation.x.push_back(i * 50);
      validation.y.push_back(0.95 * std::pow(i, -0.42) + 0.055);
    }
  }
  return {training, validation};
}

int pixels_near(const Image& image, int r, int g, int b) {
  int count = 0;
  for (std::size_t i = 0; i < image.pixels.size(); i += 3)
    count += std::abs(image.pixels[i] - r) + std::abs(image.pixels[i + 1] - g) +
                 std::abs(image.pixels[i + 2] - b) <
             12;
  return count;
}

TEST(Plot, DrawsEverySeriesInItsColour) {
  PlotOptions options;
  options.title = "Training";
  options.x_label = "step";
  options.y_label = "loss";
  const Image two = plot_lines(loss_curves(), options);
  EXPECT_EQ(two.width, options.width);
  EXPECT_EQ(two.height, options.height);
  EXPECT_GT(pixels_near(two, 47, 107, 166), 500);
  EXPECT_GT(pixels_near(two, 201, 92, 62), 300);
  const Image one = plot_lines({loss_curves()[0]}, options);
  EXPECT_EQ(pixels_near(one, 201, 92, 62), 0);
}

TEST(Plot, LogarithmicAxisMakesPowersStraight) {
  PlotSeries power{"", {}, {}};
  for (int i = 0; i <= 10; ++i) {
    power.x.push_back(i);
    power.y.push_back(std::pow(10, i * 0.3));
  }
  PlotOptions options;
  options.log_y = true;
  const std::string svg = plot_lines_svg({power}, options);
  // Equal steps in x and in log y: the points lie on one line.
  const auto start = svg.find("points=\"", svg.find("stroke-linejoin")) + 8;
  std::vector<double> x, y;
  for (const char* at = svg.c_str() + start; *at != '"';) {
    char* end = nullptr;
    x.push_back(std::strtod(at, &end));
    y.push_back(std::strtod(end + 1, &end));
    at = end + (*end == ' ');
  }
  ASSERT_EQ(x.size(), 11u);
  for (std::size_t i = 1; i + 1 < x.size(); ++i) {
    EXPECT_NEAR(x[i] - x[i - 1], x[i + 1] - x[i], 0.05);
    EXPECT_NEAR(y[i] - y[i - 1], y[i + 1] - y[i], 0.05);
  }
  EXPECT_LT(y.back(), y.front());
}

TEST(Plot, SvgEscapesAndNamesEverything) {
  PlotOptions options;
  options.title = "a < b & \"c\"";
  const std::string svg = plot_lines_svg(loss_curves(), options);
  EXPECT_THAT(svg, StartsWith("<svg "));
  EXPECT_THAT(svg, HasSubstr("a &lt; b &amp; &quot;c&quot;"));
  EXPECT_THAT(svg, HasSubstr(">validation loss</text>"));
  EXPECT_THAT(svg, ::testing::EndsWith("</svg>\n"));
  EXPECT_THAT(svg, HasSubstr(">20k</text>"));
}

TEST(Plot, BearsWhatDataMayBring) {
  const double inf = std::numeric_limits<double>::infinity(), nan = std::nan("");
  PlotOptions log;
  log.log_y = true;
  for (const PlotOptions& options : {PlotOptions{}, log}) {
    plot_lines({}, options);
    plot_lines({{"none", {}, {}}}, options);
    plot_lines({{"one", {5}, {3}}}, options);
    plot_lines({{"level", {1, 2, 3}, {0, 0, 0}}}, options);
    plot_lines({{"holes", {1, 2, 3, 4}, {1, nan, -inf, 2}}}, options);
    plot_lines({{"wide", {-1e300, 1e300}, {1e-300, 1e300}}}, options);
    plot_lines({{"narrow", {1, 1 + 1e-15}, {1, 1 + 1e-15}}}, options);
  }
  EXPECT_NE(problem_of([] { plot_lines({{"odd", {1, 2}, {1}}}); }), "");
  PlotOptions tiny;
  tiny.width = 10;
  EXPECT_NE(problem_of([&] { plot_lines({}, tiny); }), "");
}

TEST(Preview, HalfBlocksCarryTwoPixels) {
  const Image image{1, 2, 3, {10, 20, 30, 40, 50, 60}};
  EXPECT_EQ(terminal_preview(image, 1, TerminalGraphics::half_blocks),
            "\x1b[38;2;10;20;30m\x1b[48;2;40;50;60m\u2580\x1b[0m\n");
}

TEST(Preview, KittyChunksStayWithinTheLimit) {
  const std::string text = terminal_preview(noise_image(100, 80, 3), 40, TerminalGraphics::kitty);
  EXPECT_THAT(text,
              StartsWith("\x1b_Ga=T,f=100,q=2,c=40,m=1;iVBORw0KGgo"));  // base64 of PNG's signature
  std::size_t pieces = 0;
  for (std::size_t at = 0; (at = text.find("\x1b_G", at)) != std::string::npos; ++pieces) {
    const std::size_t data = text.find(';', at) + 1, end = text.find("\x1b\\", at);
    EXPECT_LE(end - data, 4096u);
    at = end;
  }
  EXPECT_GT(pieces, 3u);
  EXPECT_THAT(text, HasSubstr("\x1b_Gm=0;"));
}

TEST(Preview, Iterm2SaysItsSize) {
  const std::string text = terminal_preview(smooth_image(10, 10, 3), 20, TerminalGraphics::iterm2);
  EXPECT_THAT(text, StartsWith("\x1b]1337;File=inline=1;size="));
  EXPECT_THAT(text, HasSubstr("width=20;preserveAspectRatio=1:iVBORw0KGgo"));
  EXPECT_THAT(text, ::testing::EndsWith("\a\n"));
}

/// Reads sixel text back into a picture, by the VT340's rules.
Image read_sixel(const std::string& text) {
  int width = 0, height = 0, x = 0, top = 0, repeat = 1, colour = 0;
  EXPECT_EQ(std::sscanf(text.c_str(), "\x1bPq\"1;1;%d;%d", &width, &height), 2);
  Image image{width, height, 3, std::vector<std::uint8_t>(std::size_t(width) * height * 3)};
  std::vector<std::array<int, 3>> palette(256);
  for (std::size_t at = text.find('#'); text[at] != '\x1b';) {
    const char letter = text[at];
    int numbers[5]{}, used = 0;
    if (letter == '#' && std::sscanf(text.c_str() + at, "#%d;%d;%d;%d;%d%n", numbers, numbers + 1,
                                     numbers + 2, numbers + 3, numbers + 4, &used) == 5) {
      palette[numbers[0]] = {numbers[2], numbers[3], numbers[4]};
    } else if (letter == '#' || letter == '!') {
      std::sscanf(text.c_str() + at + 1, "%d%n", numbers, &used);
      (letter == '#' ? colour : repeat) = numbers[0];
      ++used;
    } else {
      used = 1;
      if (letter == '$') x = 0;
      if (letter == '-') x = 0, top += 6;
      if (letter >= '?') {
        for (; repeat > 0; --repeat, ++x)
          for (int bit = 0; bit < 6; ++bit)
            if ((letter - '?') >> bit & 1)
              for (int c = 0; c < 3; ++c)
                image.pixels.at((std::size_t(top + bit) * width + x) * 3 + c) =
                    static_cast<std::uint8_t>(std::lround(palette[colour][c] * 2.55));
        repeat = 1;
      }
    }
    at += used;
  }
  return image;
}

TEST(Preview, SixelShowsThePicture) {
  const Image image = smooth_image(90, 50, 3);
  const Image shown = read_sixel(terminal_preview(image, 40, TerminalGraphics::sixel));
  ASSERT_EQ(shown.width, 90);
  ASSERT_EQ(shown.height, 50);
  // Dithering is noise; its mean is the picture's.
  double picture = 0, preview = 0;
  for (const auto value : image.pixels) picture += value;
  for (const auto value : shown.pixels) preview += value;
  EXPECT_NEAR(preview / picture, 1, 0.01);
  EXPECT_GT(psnr_db(image, shown), 20);
}

class Environment {
 public:
  Environment() {
    for (const auto* name : names) ::unsetenv(name);
  }
  ~Environment() {
    for (const auto* name : names) ::unsetenv(name);
  }
  void set(const char* name, const char* value) { ::setenv(name, value, 1); }

 private:
  static constexpr const char* names[] = {"SUMI_PREVIEW", "TERM", "TERM_PROGRAM",
                                          "COLORTERM",    "TMUX", "KITTY_WINDOW_ID"};
};

/// A pseudo terminal's other end, so that isatty() is true.
class Terminal {
 public:
  Terminal() : controller_(::posix_openpt(O_RDWR | O_NOCTTY)) {
    ::grantpt(controller_);
    ::unlockpt(controller_);
    terminal_ = ::open(::ptsname(controller_), O_RDWR | O_NOCTTY);
  }
  ~Terminal() {
    ::close(terminal_);
    ::close(controller_);
  }
  int descriptor() const { return terminal_; }

 private:
  int controller_, terminal_;
};

TEST(Preview, IsChosenFromTheEnvironment) {
  Environment environment;
  const Terminal terminal;
  ASSERT_GE(terminal.descriptor(), 0);
  const auto chosen = [&] { return detect_terminal_graphics(terminal.descriptor()); };
  EXPECT_EQ(chosen(), TerminalGraphics::none);
  environment.set("TERM", "xterm-256color");
  EXPECT_EQ(chosen(), TerminalGraphics::none);
  environment.set("COLORTERM", "truecolor");
  EXPECT_EQ(chosen(), TerminalGraphics::half_blocks);
  environment.set("TERM_PROGRAM", "iTerm.app");
  EXPECT_EQ(chosen(), TerminalGraphics::iterm2);
  environment.set("TERM_PROGRAM", "");
  environment.set("TERM", "foot");
  EXPECT_EQ(chosen(), TerminalGraphics::sixel);
  environment.set("TERM", "xterm-kitty");
  EXPECT_EQ(chosen(), TerminalGraphics::kitty);
  environment.set("TMUX", "/tmp/tmux-0/default,1,0");
  EXPECT_EQ(chosen(), TerminalGraphics::half_blocks);
  environment.set("TERM", "dumb");
  EXPECT_EQ(chosen(), TerminalGraphics::none);
  environment.set("SUMI_PREVIEW", "sixel");
  EXPECT_EQ(chosen(), TerminalGraphics::sixel);
  environment.set("SUMI_PREVIEW", "ascii");
  EXPECT_THAT(problem_of([&] { chosen(); }), HasSubstr("ascii"));
}

TEST(Preview, IsNothingWithoutATerminal) {
  Environment environment;
  const TemporaryDirectory folder;
  environment.set("TERM", "xterm-kitty");
  const int file = ::open((folder.path() / "out").c_str(), O_CREAT | O_WRONLY, 0600);
  EXPECT_EQ(detect_terminal_graphics(file), TerminalGraphics::none);
  ::close(file);
  EXPECT_EQ(terminal_preview(noise_image(4, 4, 3), 10, TerminalGraphics::none), "");
}

}  // namespace
}  // namespace sumi
