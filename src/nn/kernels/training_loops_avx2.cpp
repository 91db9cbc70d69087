#include "nn/kernels/training_loops_body.h"

namespace sumi {
namespace detail {

extern const TrainingLoops avx2_training_body;
const TrainingLoops avx2_training_body = kTrainingBody;

}  // namespace detail
}  // namespace sumi
