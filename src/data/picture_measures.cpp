#include "data/picture_measures.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numbers>
#include <numeric>
#include <vector>

#include "data/perceptual_hash.h"
#include "media/colour.h"
#include "media/resize.h"

namespace sumi {
namespace {

/// A gray picture's rows.
struct Gray {
  const Image& image;
  const std::uint8_t* row(int y) const {
    return image.pixels.data() + static_cast<std::ptrdiff_t>(y) * image.width;
  }
};

double laplacian_variance(const Gray& gray) {
  const int width = gray.image.width, height = gray.image.height;
  if (width < 3 || height < 3) return 0;
  std::int64_t sum = 0, squares = 0;
  for (int y = 1; y + 1 < height; ++y) {
    const auto *above = gray.row(y - 1), *here = gray.row(y), *below = gray.row(y + 1);
    std::int32_t row_sum = 0;
    std::int64_t row_squares = 0;
    for (int x = 1; x + 1 < width; ++x) {
      const int value = above[x] + below[x] + here[x - 1] + here[x + 1] - 4 * here[x];
      row_sum += value;
      row_squares += value * value;
    }
    sum += row_sum;
    squares += row_squares;
  }
  const double count = static_cast<double>(width - 2) * (height - 2);
  const double mean = static_cast<double>(sum) / count;
  return static_cast<double>(squares) / count - mean * mean;
}

/// Immerkaer's estimate for each 16x16 block that is neither black nor white; of these the quarter
/// of the quietest, where structure disturbs least.
double noise_level(const Gray& gray) {
  constexpr int kBlock = 16;
  constexpr double kInner = (kBlock - 2) * (kBlock - 2);
  std::vector<double> levels;
  for (int top = 0; top + kBlock <= gray.image.height; top += kBlock)
    for (int left = 0; left + kBlock <= gray.image.width; left += kBlock) {
      std::int32_t sum = 0, light = 0;
      for (int y = top + 1; y + 1 < top + kBlock; ++y) {
        const auto *a = gray.row(y - 1) + left, *b = gray.row(y) + left,
                   *c = gray.row(y + 1) + left;
        for (int x = 1; x + 1 < kBlock; ++x) {
          sum += std::abs(a[x - 1] - 2 * a[x] + a[x + 1] - 2 * b[x - 1] + 4 * b[x] - 2 * b[x + 1] +
                          c[x - 1] - 2 * c[x] + c[x + 1]);
          light += b[x];
        }
      }
      const double mean = light / kInner;
      if (mean > 8 && mean < 247)
        levels.push_back(std::sqrt(std::numbers::pi / 2) * sum / (6 * kInner));
    }
  if (levels.empty()) return 0;
  const auto quarter = levels.begin() + static_cast<std::ptrdiff_t>(levels.size() / 4);
  std::nth_element(levels.begin(), quarter, levels.end());
  return *quarter;
}

/// Of the sums of absolute steps at each of eight phases: the largest over the mean of the others,
/// minus 1. One level of step is added to all, so that calm pictures do not divide by nothing.
double phase_excess(const std::array<double, 8>& means) {
  const auto largest = std::max_element(means.begin(), means.end());
  const double rest =
      (std::accumulate(means.begin(), means.end(), 0.0) - *largest) / (means.size() - 1);
  return (*largest + 1) / (rest + 1) - 1;
}

double blockiness_of(const Gray& gray) {
  const int width = gray.image.width, height = gray.image.height;
  if (width < 32 || height < 32) return 0;
  std::vector<std::int32_t> across(static_cast<std::size_t>(width) - 1);
  std::array<double, 8> columns{}, rows{};
  for (int y = 0; y < height; ++y) {
    const auto* here = gray.row(y);
    for (int x = 0; x + 1 < width; ++x)
      across[static_cast<std::size_t>(x)] += std::abs(here[x + 1] - here[x]);
    if (y + 1 == height) break;
    const auto* below = gray.row(y + 1);
    std::int32_t down = 0;
    for (int x = 0; x < width; ++x) down += std::abs(below[x] - here[x]);
    rows[static_cast<std::size_t>(y % 8)] += down;
  }
  for (std::size_t x = 0; x < across.size(); ++x) columns[x % 8] += across[x];
  for (std::size_t phase = 0; phase < 8; ++phase) {
    columns[phase] /= static_cast<double>(height) * ((width - 2 - static_cast<int>(phase)) / 8 + 1);
    rows[phase] /= static_cast<double>(width) * ((height - 2 - static_cast<int>(phase)) / 8 + 1);
  }
  return std::min(phase_excess(columns), phase_excess(rows));
}

void measure_levels(const Gray& gray, PictureMeasures& measures) {
  std::array<std::int64_t, 256> histogram{};
  for (const auto value : gray.image.pixels) ++histogram[value];
  const auto count = static_cast<double>(gray.image.pixels.size());
  double sum = 0, squares = 0;
  for (int level = 0; level < 256; ++level) {
    sum += static_cast<double>(histogram[level]) * level;
    squares += static_cast<double>(histogram[level]) * level * level;
  }
  measures.contrast = std::sqrt(std::max(0.0, squares / count - sum / count * (sum / count)));
  const auto mode = std::max_element(histogram.begin(), histogram.end()) - histogram.begin();
  std::int64_t plain = 0;
  for (auto level = std::max<std::ptrdiff_t>(0, mode - 2);
       level <= std::min<std::ptrdiff_t>(255, mode + 2); ++level)
    plain += histogram[static_cast<std::size_t>(level)];
  measures.plain = static_cast<double>(plain) / count;
}

/// Whether the line of `count` pixels is one colour, and how much of it differs from `colour`.
struct Line {
  bool uniform = false;
  double differs = 0;
};
Line line_of(const std::uint8_t* start, int count, std::ptrdiff_t stride, int colour) {
  int low = 255, high = 0, other = 0;
  for (int i = 0; i < count; ++i) {
    const int value = start[i * stride];
    low = std::min(low, value), high = std::max(high, value);
    other += std::abs(value - colour) > 12;
  }
  return {high - low <= 10, static_cast<double>(other) / count};
}

/// How many lines of a frame's colour come first; 0 unless the picture then begins at once along
/// most of the line, as bars do and a thing on a plain ground does not.
int bar_lines(const std::uint8_t* first, int lines, std::ptrdiff_t step, int count,
              std::ptrdiff_t stride) {
  const int colour = *first;
  for (int i = 0; i < lines / 2; ++i) {
    const auto line = line_of(first + i * step, count, stride, colour);
    if (line.uniform && line.differs < 0.01) continue;
    // A softened edge may take a line.
    const auto next = line_of(first + (i + 1) * step, count, stride, colour);
    return std::max(line.differs, next.differs) > 0.6 ? i : 0;
  }
  return 0;
}

double border_share(const Gray& gray) {
  const int width = gray.image.width, height = gray.image.height;
  if (width < 16 || height < 16) return 0;
  const auto *first = gray.row(0), *last = gray.row(height - 1);
  const int top = bar_lines(first, height, width, width, 1);
  const int bottom = bar_lines(last, height, -width, width, 1);
  const auto* inner = gray.row(top);
  const int rows = height - top - bottom;
  const int left = bar_lines(inner, width, 1, rows, width);
  const int right = bar_lines(inner + width - 1, width, -1, rows, width);
  return 1 -
         static_cast<double>(rows) * (width - left - right) / (static_cast<double>(width) * height);
}

/// Share of strong steps to the right or below in each cell of a 16x16 grid.
std::array<double, 256> stroke_density(const Gray& gray) {
  constexpr int kStep = 40;
  std::array<double, 256> density{}, pixels{};
  for (int y = 0; y + 1 < gray.image.height; ++y) {
    const auto *here = gray.row(y), *below = gray.row(y + 1);
    const auto cells = static_cast<std::size_t>(y * 16 / gray.image.height) * 16;
    for (int cell = 0; cell < 16; ++cell) {
      const int from = cell * gray.image.width / 16;
      const int to = std::min((cell + 1) * gray.image.width / 16, gray.image.width - 1);
      int strokes = 0;
      for (int x = from; x < to; ++x)
        strokes +=
            (std::abs(here[x + 1] - here[x]) > kStep) | (std::abs(below[x] - here[x]) > kStep);
      density[cells + static_cast<std::size_t>(cell)] += strokes;
      pixels[cells + static_cast<std::size_t>(cell)] += std::max(0, to - from);
    }
  }
  for (std::size_t i = 0; i < density.size(); ++i) density[i] /= std::max(1.0, pixels[i]);
  return density;
}

/// The busiest row of four cells in a corner's three rows, beside what surrounds the corner.
double watermark_score(const Gray& gray) {
  if (gray.image.width < 128 || gray.image.height < 128) return 0;
  const auto density = stroke_density(gray);
  double best = 0;
  for (const bool right : {false, true})
    for (const bool low : {false, true}) {
      const auto at = [&](int x, int y) {
        return density[static_cast<std::size_t>((low ? 15 - y : y) * 16 + (right ? 15 - x : x))];
      };
      double text = 0, around = 0;
      for (int y = 0; y < 3; ++y) {
        double row = 0;
        for (int x = 0; x < 4; ++x) row += at(x, y) / 4;
        text = std::max(text, row);
      }
      for (int x = 0; x < 8; ++x) around += (at(x, 4) + at(x, 5)) / 22;
      for (int y = 0; y < 3; ++y) around += (at(6, y) + at(7, y)) / 22;
      if (text > 0.04 && around < 0.3 * text)
        best = std::max(best, std::min(1.0, (text - around) * 5));
    }
  return best;
}

bool has_transparency(const Image& image) {
  if (image.channels != 4) return false;
  for (std::size_t i = 3; i < image.pixels.size(); i += 4)
    if (image.pixels[i] < 250) return true;
  return false;
}

}  // namespace

PictureMeasures measure_picture(const Image& image, int denominator) {
  const Image flat = image.channels == 4 ? flatten(image, {255, 255, 255}) : to_rgb(image);
  const Image luma = to_gray(flat);
  const Gray gray{luma};
  PictureMeasures measures;
  measures.hash = perceptual_hash(luma);
  const auto colours = resize(flat, 8, 8, Filter::box);
  std::copy(colours.pixels.begin(), colours.pixels.end(), measures.colours.begin());
  measures.sharpness = laplacian_variance(gray);
  measures.noise = noise_level(gray);
  // A thing that is cut out has outlines, not frames and blocks.
  const bool cut_out = has_transparency(image);
  if (denominator == 1 && !cut_out) measures.blockiness = blockiness_of(gray);
  measure_levels(gray, measures);
  if (!cut_out) measures.border = border_share(gray);
  measures.watermark = watermark_score(gray);
  return measures;
}

double colour_difference(const PictureMeasures& a, const PictureMeasures& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.colours.size(); ++i) sum += std::abs(a.colours[i] - b.colours[i]);
  return sum / static_cast<double>(a.colours.size());
}

}  // namespace sumi
