#pragma once

#include <string>

#include "data/summary.h"

namespace sumi {

/// A survey as one HTML page without scripts and without anything outside it: findings first, then
/// distributions, captions, balance, near-duplicates side by side and contact sheets of the worst
/// and best. `summary` is summarise()'s.
std::string report_page(const Survey& survey, const Json& summary, const Thresholds& thresholds,
                        const std::string& title);

}  // namespace sumi
