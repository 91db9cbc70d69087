#include "data/report_page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/base64.h"
#include "core/error.h"
#include "media/colour.h"
#include "media/reduced.h"
#include "media/resize.h"

namespace sumi {
namespace {

constexpr int kThumbnailPx = 132;
constexpr std::size_t kSheet = 18;
constexpr std::size_t kGroups = 12;
constexpr std::size_t kInGroup = 6;

constexpr const char* kStyle = R"(
:root{--ink:#26241f;--soft:#77726a;--line:#e6e2da;--paper:#faf9f6;--card:#fff;--bar:#7b93a8;--warn:#b4552d}
@media(prefers-color-scheme:dark){:root{--ink:#e8e5df;--soft:#9b958b;--line:#35322d;--paper:#1b1a18;--card:#242320;--bar:#7f9bb3;--warn:#e08a5f}}
*{box-sizing:border-box}
body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
main{max-width:1120px;margin:0 auto;padding:44px 28px 80px}
h1{font-size:30px;line-height:1.2;font-weight:600;letter-spacing:-.01em;margin:0 0 6px;overflow-wrap:anywhere}
h2{font-size:19px;font-weight:600;margin:56px 0 4px}
h3{font-size:14px;font-weight:600;margin:0 0 2px}
p{margin:0 0 14px;max-width:76ch}.soft,figcaption,.axis{color:var(--soft)}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(120px,1fr));gap:12px;margin:26px 0 0}
.tile,.card{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:14px 16px;min-width:0}
.tile b{display:block;font-size:24px;font-weight:600;line-height:1.2;font-variant-numeric:tabular-nums}
.tile span{color:var(--soft);font-size:13px}.tile.warn b{color:var(--warn)}
.grid{display:grid;align-items:start;grid-template-columns:repeat(auto-fill,minmax(310px,1fr));gap:14px;margin-top:16px}
.bars{display:flex;align-items:flex-end;gap:2px;height:84px;margin:10px 0 4px;border-bottom:1px solid var(--line)}
.bars i{flex:1;background:var(--bar);border-radius:2px 2px 0 0;min-height:0}
.bars i.out{background:var(--warn)}
.axis{display:flex;justify-content:space-between;font-size:12px;font-variant-numeric:tabular-nums}
table{border-collapse:collapse;width:100%;font-size:14px}th{color:var(--soft);font-size:12px;font-weight:400;text-align:left;padding:0}th.n{text-align:right;padding-left:12px}td{padding:3px 0;vertical-align:top;overflow-wrap:anywhere}
td.n{text-align:right;white-space:nowrap;padding-left:12px;font-variant-numeric:tabular-nums;width:1%}
td.b{width:34%;padding-left:12px}td.b i{display:block;height:8px;margin-top:7px;background:var(--bar);border-radius:2px}
.sheet{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:14px;margin-top:14px}
figure{margin:0;min-width:0}figure div{background:var(--card);border:1px solid var(--line);border-radius:8px;height:150px;display:flex;align-items:center;justify-content:center;overflow:hidden}
figure img{max-width:100%;max-height:100%;display:block}
figcaption{font-size:12px;line-height:1.35;margin-top:5px;overflow-wrap:anywhere;display:-webkit-box;-webkit-line-clamp:3;-webkit-box-orient:vertical;overflow:hidden}
figcaption b{color:var(--ink);font-weight:600}
.family{border-top:1px solid var(--line);padding-top:12px;margin-top:18px}
ul{margin:8px 0 0;padding-left:20px;font-size:13.5px}li{overflow-wrap:anywhere}
.fine{color:var(--soft);font-size:13px}
)";

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  return out;
}

/// 12345 -> "12 345", with a thin space.
std::string grouped(std::uint64_t value) {
  auto digits = std::to_string(value);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3)
    digits.insert(static_cast<std::size_t>(at), "\u202F");
  return digits;
}

std::string shortest(double value) {
  return std::abs(value) >= 1000 ? grouped(static_cast<std::uint64_t>(std::lround(value)))
                                 : fmt::format("{:.3g}", value);
}

/// What a reason means to people.
const char* explained(const std::string& reason) {
  static const std::map<std::string, const char*> kTexts = {
      {"broken", "cannot be read"},
      {"too_small", "smaller than asked for"},
      {"aspect", "very long or very wide"},
      {"blurred", "blurred"},
      {"noisy", "noisy"},
      {"blocky", "JPEG blocks show"},
      {"low_quality", "saved at a low JPEG quality"},
      {"flat", "nearly one colour"},
      {"plain", "almost all plain ground"},
      {"border", "bars or a frame"},
      {"watermark", "perhaps a mark in a corner"},
      {"no_caption", "no caption"},
      {"short_caption", "short caption"},
      {"long_caption", "long caption"},
      {"mismatch", "caption does not fit"}};
  const auto found = kTexts.find(reason);
  return found == kTexts.end() ? reason.c_str() : found->second;
}

class Page {
 public:
  Page(const Survey& survey, const Json& summary, const Thresholds& thresholds)
      : survey_(survey), summary_(summary), thresholds_(thresholds) {}

  std::string make(const std::string& title) {
    add("<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" "
        "content=\"width=device-width\"><meta http-equiv=\"Content-Security-Policy\" "
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\"><title>{}</title>"
        "<style>{}</style><main><h1>{}</h1>",
        escaped(title), kStyle, escaped(title));
    add_head();
    add_findings();
    add_distributions();
    add_buckets();
    add_captions();
    add_balance();
    add_families();
    add_sheets();
    add_lists();
    add("</main></html>\n");
    return std::move(html_);
  }

 private:
  template <class... Values>
  void add(fmt::format_string<Values...> text, Values&&... values) {
    html_ += fmt::format(text, std::forward<Values>(values)...);
  }

  void add_head() {
    add("<p class=soft>{} pictures, {:.1f} MB, read and measured in {} at {} pictures a minute and "
        "core.</p>",
        grouped(summary_["pictures"].get<std::size_t>()),
        static_cast<double>(summary_["bytes"].get<std::uint64_t>()) / 1e6,
        format_duration(survey_.seconds),
        grouped(
            static_cast<std::uint64_t>(summary_["pictures_per_minute_and_core"].get<double>())));
    add("<div class=tiles>");
    tile(summary_["pictures"], "pictures", false);
    tile(summary_["broken"]["count"], "cannot be read", true);
    tile(summary_["without_caption"]["count"], "without a caption", true);
    tile(summary_["captions_without_picture"]["count"], "captions without a picture", true);
    tile(summary_["exact_duplicates"], "exact copies", true);
    tile(summary_["near_duplicates"], "near-duplicates", true);
    tile(summary_["opted_out"], "ask to be left out", true);
    tile(summary_["captions"]["vocabulary"], "different words", false);
    add("</div>");
  }

  void tile(const Json& count, const char* label, bool bad) {
    const auto value = count.get<std::uint64_t>();
    add("<div class=\"tile{}\"><b>{}</b><span>{}</span></div>", bad && value > 0 ? " warn" : "",
        grouped(value), label);
  }

  void row(const std::string& name, std::size_t count, std::size_t most) {
    add("<tr><td>{}<td class=n>{}<td class=b><i style=\"width:{:.1f}%\"></i>", escaped(name),
        grouped(count),
        most == 0 ? 0.0 : 100.0 * static_cast<double>(count) / static_cast<double>(most));
  }

  void add_findings() {
    add("<h2>What stands out</h2><p class=soft>How many pictures lie beyond the thresholds that "
        "<code>sumi data curate</code> would use. One picture can count several times.</p>");
    const auto& reasons = summary_["beyond_thresholds"];
    if (reasons.empty()) return add("<p>Nothing.</p>");
    std::size_t most = 0;
    for (const auto& [reason, count] : reasons.items())
      most = std::max(most, count.get<std::size_t>());
    add("<div class=card><table>");
    for (const auto& [reason, count] : reasons.items())
      row(explained(reason), count.get<std::size_t>(), most);
    add("</table></div>");
  }

  /// Sixteen bars between the 0.5 and the 99.5 percentile; bars beyond a threshold are marked.
  void histogram(const char* measure, const char* title, const char* note, double low, double high,
                 bool logarithmic = false) {
    auto values = values_of(survey_, measure);
    if (values.empty()) return;
    std::sort(values.begin(), values.end());
    const auto scale = [&](double v) { return logarithmic ? std::log(std::max(v, 0.01)) : v; };
    const auto unscale = [&](double v) { return logarithmic ? std::exp(v) : v; };
    const auto edge = [&](double share) {
      return scale(
          values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))]);
    };
    constexpr int kBars = 24;
    double from = edge(0.005), to = edge(0.995);
    if (!(to - from > 1e-9)) from -= 0.5, to += 0.5;
    std::array<std::size_t, kBars> bars{};
    for (const double value : values)
      ++bars[static_cast<std::size_t>(
          std::clamp((scale(value) - from) / (to - from) * kBars, 0.0, kBars - 1.0))];
    const auto most = *std::max_element(bars.begin(), bars.end());
    add("<div class=card><h3>{}</h3><span class=fine>{}</span><div class=bars>", title, note);
    for (int i = 0; i < kBars; ++i) {
      const double middle = unscale(from + (to - from) * (i + 0.5) / kBars);
      const auto count = bars[static_cast<std::size_t>(i)];
      add("<i{} style=\"height:{:.1f}%\" title=\"{} near {}\"></i>",
          middle < low || middle > high ? " class=out" : "",
          count == 0 ? 0.0 : 2 + 98.0 * static_cast<double>(count) / static_cast<double>(most),
          count, shortest(middle));
    }
    add("</div><div class=axis><span>{}</span><span>median {}</span><span>{}</span></div></div>",
        shortest(unscale(from)), shortest(values[values.size() / 2]), shortest(unscale(to)));
  }

  void add_distributions() {
    constexpr double kAny = 1e300;
    const auto& t = thresholds_;
    add("<h2>Pictures</h2><p class=soft>Bars in rust lie beyond a threshold. The outermost half "
        "per "
        "cent at each end is gathered in the first and last bar.</p><div class=grid>");
    histogram("side", "Shorter side", "pixels", t.min_side, kAny, true);
    histogram("aspect", "Width over height", "1 is square", 1 / t.max_aspect, t.max_aspect, true);
    histogram("sharpness", "Sharpness", "variance of the Laplacian; low is blurred",
              t.min_sharpness, kAny, true);
    histogram("noise", "Noise", "in 8-bit levels, in the quietest quarter", -kAny, t.max_noise);
    histogram("jpeg_quality", "JPEG quality", "as the files' tables tell", t.min_jpeg_quality,
              kAny);
    histogram("blockiness", "JPEG blocks", "steps along an 8 px grid over steps elsewhere, minus 1",
              -kAny, t.max_blockiness);
    histogram("contrast", "Contrast", "standard deviation of the brightness", t.min_contrast, kAny);
    histogram("plain", "Plain ground", "share of pixels of one brightness", -kAny, t.max_plain);
    histogram("watermark", "Marks in a corner", "0 to 1, a likelihood", -kAny, t.max_watermark);
    add("</div>");
  }

  void add_buckets() {
    const auto& buckets = summary_["buckets"];
    add("<h2>Shapes</h2><p class=soft>Which bucket pictures fall into when a world of {} px keeps "
        "their shapes (<code>\"buckets\": {{\"step_px\": {}, \"max_aspect\": {}}}</code>). {:.1f} "
        "% of "
        "their area is cut away then; as squares, {:.1f} %.</p><div "
        "class=card><table><tr><th>bucket"
        "<th class=n>pictures<th class=n>cut away<th class=n>scaled up<th>",
        buckets["size_px"].get<int>(), buckets["step_px"].get<int>(),
        buckets["max_aspect"].get<double>(), 100 * buckets["cropped"].get<double>(),
        100 * buckets["cropped_as_squares"].get<double>());
    std::size_t most = 1;
    for (const auto& size : buckets["sizes"])
      most = std::max(most, size["pictures"].get<std::size_t>());
    for (const auto& size : buckets["sizes"]) {
      const auto count = size["pictures"].get<std::size_t>();
      add("<tr><td>{} × {}<td class=n>{}<td class=n>{}<td class=n>{}<td class=b><i "
          "style=\"width:{:.1f}%\"></i>",
          size["width"].get<int>(), size["height"].get<int>(), grouped(count),
          count == 0 ? "–" : fmt::format("{:.1f} %", 100 * size["cropped"].get<double>()),
          grouped(size["enlarged"].get<std::size_t>()),
          100 * static_cast<double>(count) / static_cast<double>(most));
    }
    add("</table></div>");
  }

  void table(const char* title, const Json& list, const std::string& note = "") {
    add("<div class=card><h3>{}</h3>", title);
    if (!note.empty()) add("<span class=fine>{}</span>", escaped(note));
    if (list.empty()) return add("<p class=soft>none</p></div>");
    std::size_t most = 0;
    for (const auto& entry : list) most = std::max(most, entry["count"].get<std::size_t>());
    add("<table>");
    std::size_t shown = 0;
    for (const auto& entry : list)
      if (shown++ < 15) row(entry["name"].get<std::string>(), entry["count"], most);
    add("</table></div>");
  }

  void add_captions() {
    const auto& captions = summary_["captions"];
    add("<h2>Captions</h2><p class=soft>{} different captions of {} different words, {} of them "
        "seen once only. {} captions stand at more than one picture.</p><div class=grid>",
        grouped(captions["different"].get<std::uint64_t>()),
        grouped(captions["vocabulary"].get<std::uint64_t>()),
        grouped(captions["words_seen_once"].get<std::uint64_t>()),
        grouped(captions["repeated"].get<std::uint64_t>()));
    histogram("words", "Length", "words", thresholds_.min_words, thresholds_.max_words);
    table("Languages", captions["languages"], "a guess; und: too short to tell");
    table("Most frequent words", captions["most_frequent_words"]);
    table("Most repeated captions", captions["most_repeated"]);
    add("</div>");
  }

  void add_balance() {
    add("<h2>Balance</h2><p class=soft>Evenness is 1 when all occur equally often. Over- and "
        "under-represented is what occurs four times more or less often than the mean.</p>"
        "<div class=grid>");
    constexpr std::pair<const char*, const char*> kKinds[] = {
        {"groups", "Groups"}, {"tags", "Tags"}, {"styles", "Styles"}, {"licences", "Licences"}};
    for (const auto& [key, title] : kKinds) {
      const auto& balance = summary_["balance"][key];
      if (balance["different"].get<int>() == 0) continue;
      table(title, balance["most"],
            fmt::format("{} different, evenness {:.2f}", balance["different"].get<std::size_t>(),
                        balance["evenness"].get<double>()));
      if (!balance["over_represented"].empty())
        table(fmt::format("{}: over-represented", title).c_str(), balance["over_represented"]);
      if (!balance["under_represented"].empty())
        table(fmt::format("{}: under-represented", title).c_str(), balance["under_represented"],
              fmt::format("{} in all", balance["under_represented_count"].get<std::size_t>()));
    }
    table("Formats", summary_["formats"]);
    add("</div>");
  }

  std::string thumbnail(std::size_t index) const {
    const auto& own = survey_.data.pictures[index].row;
    try {
      Image image;
      if (is_vector(own)) {
        image = load_picture(own, kThumbnailPx);
      } else {
        const PictureBytes opened(own);
        image = decode_reduced(opened.bytes(), own.id, kThumbnailPx).image;
      }
      if (std::max(image.width, image.height) > kThumbnailPx)
        image = resize_to_fit(image, kThumbnailPx, kThumbnailPx, Filter::bilinear);
      if (image.channels == 4) image = flatten(image, {255, 255, 255});
      SaveOptions options;
      options.format = ImageFormat::webp;
      options.quality = 72;
      return "<img alt=\"\" src=\"data:image/webp;base64," + base64(encode_image(image, options)) +
             "\">";
    } catch (const Error&) {
      return "<span class=soft>not readable</span>";
    }
  }

  void figure(std::size_t index, const std::string& label) {
    const auto& picture = survey_.data.pictures[index];
    const auto name = shown_name(picture.row);
    const auto words =
        picture.has_caption ? picture.row.caption : std::filesystem::path(name).filename().string();
    add("<figure title=\"{}\"><div>{}</div><figcaption>{}{}</figcaption></figure>", escaped(name),
        thumbnail(index), label.empty() ? "" : "<b>" + escaped(label) + "</b> ", escaped(words));
  }

  void add_families() {
    std::map<std::uint32_t, std::vector<std::size_t>> families;
    for (std::size_t i = 0; i < survey_.facts.size(); ++i)
      families[survey_.facts[i].group].push_back(i);
    std::vector<const std::vector<std::size_t>*> largest;
    for (const auto& [first, members] : families)
      if (members.size() > 1) largest.push_back(&members);
    if (largest.empty()) return;
    std::stable_sort(largest.begin(), largest.end(),
                     [](const auto* a, const auto* b) { return a->size() > b->size(); });
    add("<h2>Near-duplicates</h2><p class=soft>{} families; the largest first. A family is joined "
        "by chains of likeness, so its ends can differ; splits never part one.</p>",
        grouped(largest.size()));
    for (std::size_t i = 0; i < std::min(kGroups, largest.size()); ++i) {
      const auto& members = *largest[i];
      add("<div class=family><span class=fine>{} pictures{}</span><div class=sheet>",
          members.size(), members.size() > kInGroup ? fmt::format(", the first {}", kInGroup) : "");
      for (std::size_t m = 0; m < std::min(kInGroup, members.size()); ++m)
        figure(members[m], survey_.facts[members[m]].exact_of == members[m] ? "" : "copy");
      add("</div></div>");
    }
  }

  void sheet(const char* title, const char* note, auto&& badness, double least, bool show = true) {
    std::vector<std::pair<double, std::size_t>> worst;
    for (std::size_t i = 0; i < survey_.facts.size(); ++i)
      if (survey_.facts[i].error.empty() && survey_.facts[i].exact_of == i)
        if (const double value = badness(i); value >= least) worst.emplace_back(value, i);
    if (worst.empty()) return;
    const auto shown = std::min(kSheet, worst.size());
    std::partial_sort(worst.begin(), worst.begin() + static_cast<std::ptrdiff_t>(shown),
                      worst.end(), [](const auto& a, const auto& b) {
                        return a.first != b.first ? a.first > b.first : a.second < b.second;
                      });
    add("<h2>{}</h2><p class=soft>{}</p><div class=sheet>", title, note);
    for (std::size_t i = 0; i < shown; ++i)
      figure(worst[i].second, show ? shortest(std::abs(worst[i].first)) : "");
    add("</div>");
  }

  void add_sheets() {
    const auto ranks = quality_ranks(survey_);
    const auto measures = [&](std::size_t i) -> const PictureMeasures& {
      return survey_.facts[i].measures;
    };
    sheet(
        "Best", "Large, sharp, quiet and rich in contrast, by the mean of these ranks.",
        [&](std::size_t i) { return ranks[i]; }, 0, false);
    sheet(
        "Least sharp", "The number is the variance of the Laplacian.",
        [&](std::size_t i) { return -measures(i).sharpness; }, -4 * thresholds_.min_sharpness);
    sheet(
        "Noisiest", "The number is the noise in 8-bit levels.",
        [&](std::size_t i) { return measures(i).noise; }, thresholds_.max_noise / 3);
    sheet(
        "Blocks of JPEG", "The number is how much stronger steps are along the grid.",
        [&](std::size_t i) { return measures(i).blockiness; }, thresholds_.max_blockiness / 2);
    sheet(
        "Flattest", "The number is the standard deviation of the brightness.",
        [&](std::size_t i) { return -measures(i).contrast; }, -3 * thresholds_.min_contrast);
    sheet(
        "Bars and frames", "The number is their share of the area.",
        [&](std::size_t i) { return measures(i).border; }, thresholds_.max_border / 2);
    sheet(
        "Perhaps a mark in a corner", "The number is a likelihood; look before you believe it.",
        [&](std::size_t i) { return measures(i).watermark; }, thresholds_.max_watermark);
    sheet(
        "Caption and picture fit least", "As measured by the model given.",
        [&](std::size_t i) { return survey_.facts[i].match ? -*survey_.facts[i].match : -2; }, -1);
  }

  void list(const char* title, const Json& named) {
    const auto count = named["count"].get<std::size_t>();
    if (count == 0) return;
    add("<h2>{}</h2><ul>", title);
    for (const auto& name : named["first"]) add("<li>{}", escaped(name.get<std::string>()));
    const auto shown = named["first"].size();
    if (count > shown) add("<li class=soft>and {} more", grouped(count - shown));
    add("</ul>");
  }

  void add_lists() {
    list("Cannot be read", summary_["broken"]);
    list("Records that cannot be read", summary_["unreadable_records"]);
    list("Captions without a picture", summary_["captions_without_picture"]);
    list("Pictures without a caption", summary_["without_caption"]);
  }

  const Survey& survey_;
  const Json& summary_;
  const Thresholds& thresholds_;
  std::string html_;
};

}  // namespace

std::string report_page(const Survey& survey, const Json& summary, const Thresholds& thresholds,
                        const std::string& title) {
  return Page(survey, summary, thresholds).make(title);
}

}  // namespace sumi
