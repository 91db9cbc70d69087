#pragma once

#include <functional>
#include <memory>

#include "core/progress.h"
#include "core/runtime.h"
#include "data/survey.h"
#include "training/scorer.h"

namespace sumi {

/// A measure for SurveyOptions::also: each picture's cosine with its own caption goes into
/// PictureFacts::match, and pairs of pictures whose vectors have a cosine of `near` or more are
/// added to the near-duplicates. Pictures that cannot be read are passed over. Throws Cancelled
/// when a stop was requested.
std::function<void(Survey&)> judged_by(std::shared_ptr<const OpenedScorer> scorer, double near,
                                       const ProgressSink& progress = {},
                                       const CancelToken& cancel = {});

}  // namespace sumi
