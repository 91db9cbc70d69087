#include "nn/kernels/training_loops_body.h"

namespace sumi {
namespace detail {

extern const TrainingLoops portable_training_body;
const TrainingLoops portable_training_body = kTrainingBody;

}  // namespace detail
}  // namespace sumi
