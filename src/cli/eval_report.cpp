#include "cli/eval_report.h"

#include <fmt/format.h>

namespace sumi {
namespace {

Estimate as_estimate(const Identification& found) { return {found.rate, found.low, found.high}; }

/// Every figure with an interval, in the order of the table.
Figures all_figures(const SetFigures& set) {
  Figures figures = set.comparison.figures;
  if (set.clip_score) figures.emplace_back("clip_score", *set.clip_score);
  if (set.identification)
    figures.emplace_back("prompt_identification", as_estimate(*set.identification));
  return figures;
}

void put(Json& object, const Figures& figures) {
  for (const auto& [name, figure] : figures) {
    object[name] = figure.value;
    object["intervals_95"][name] = {figure.low, figure.high};
  }
}

Json as_json(const SetFigures& set) {
  Json object = Json::object();
  put(object, all_figures(set));
  if (set.comparison.fid_infinity) object["fid_infinity"] = *set.comparison.fid_infinity;
  if (const auto& spread = set.comparison.kid_subsets)
    object["kid_subsets"] = {{"subsets", spread->subsets},
                             {"size", spread->size},
                             {"mean", spread->mean},
                             {"deviation", spread->deviation}};
  if (set.by_features)
    object["memorisation"] = {{"features", to_json(*set.by_features)},
                              {"pixels", to_json(*set.by_pixels)}};
  return object;
}

Json as_json(const ReconstructionFigures& found) {
  Json object = {{"psnr_db", found.pixels.psnr_db.value}, {"ssim", found.pixels.ssim.value}};
  object["intervals_95"] = {{"psnr_db", {found.pixels.psnr_db.low, found.pixels.psnr_db.high}},
                            {"ssim", {found.pixels.ssim.low, found.pixels.ssim.high}}};
  put(object, found.distances);
  return object;
}

std::string cell(const Estimate& figure) {
  return fmt::format("{:9.4f}  {:9.4f} to {:.4f}", figure.value, figure.low, figure.high);
}

void print_row(const std::string& name, const Estimate& generated, const Estimate& real) {
  fmt::print("{:<30}{:<34}{}\n", name, cell(generated), cell(real));
}

void print_memorisation(const char* by, const Memorisation& generated, const Memorisation& real) {
  print_row(fmt::format("nearer to training, {}", by), generated.nearer_to_training,
            real.nearer_to_training);
  fmt::print("{:<30}{:9.4f}{:25}{:9.4f}\n", "  median ratio", generated.median_ratio, "",
             real.median_ratio);
}

void print_figures(const EvalReport& report) {
  const auto generated = all_figures(report.generated), real = all_figures(report.real);
  for (std::size_t i = 0; i < generated.size(); ++i)
    print_row(generated[i].first, generated[i].second, real[i].second);
  if (const auto& infinity = report.generated.comparison.fid_infinity)
    fmt::print("{:<30}{:9.4f}{:25}{:9.4f}\n", "fid_infinity", *infinity, "",
               *report.real.comparison.fid_infinity);
  if (report.generated.by_features) {
    print_memorisation("features", *report.generated.by_features, *report.real.by_features);
    print_memorisation("pixels", *report.generated.by_pixels, *report.real.by_pixels);
  }
}

}  // namespace

Json to_json(const EvalReport& report) {
  Json object = as_json(report.generated);
  object["real"] = as_json(report.real);
  if (const auto& real = report.real.identification) {
    object["real_prompt_identification"] = real->rate;
    object["intervals_95"]["real_prompt_identification"] = {real->low, real->high};
    object["chance"] = real->chance();
  }
  if (report.reconstruction) object["reconstruction"] = as_json(*report.reconstruction);
  if (report.generated.by_features) object["memorisation"]["closest"] = report.closest;
  object["left_out"] = report.left_out;
  object["settings"] = report.settings;
  object["sheets"] = report.sheets;
  return object;
}

void print(const EvalReport& report) {
  fmt::print("{:<30}{:<34}{}\n", "", "generated, 95 % interval", "real, 95 % interval");
  print_figures(report);
  if (const auto& found = report.reconstruction) {
    fmt::print("\nreal pictures through the autoencoder\n");
    fmt::print("{:<30}{}\n{:<30}{}\n", "psnr_db", cell(found->pixels.psnr_db), "ssim",
               cell(found->pixels.ssim));
    for (const auto& [name, figure] : found->distances)
      fmt::print("{:<30}{}\n", name, cell(figure));
  }
  for (const auto& [name, why] : report.left_out) fmt::print("\nleft out: {}\n", why);
  fmt::print("\n");
  for (const auto& [name, value] : report.settings.items())
    fmt::print("{:<30}{}\n", name, value.is_string() ? value.get<std::string>() : value.dump());
  for (const auto& sheet : report.sheets) fmt::print("{:<30}{}\n", "sheet", sheet);
}

}  // namespace sumi
