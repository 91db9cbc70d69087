#include "cli/tuned.h"

#include "cli/machine.h"

namespace sumi {

std::string tuned_processor() {
  const auto machine = read_machine();
  return fmt::format("{}, {} cores", machine.processor, machine.cores_usable);
}

void apply_tuning(GenerateRequest& request, MachineOptions& machine) {
  if (machine.device != "cpu") return;
  const auto tuning = find_tuning(model_identity(find_model(request.model)), tuned_processor(),
                                  request.width, request.height);
  if (!tuning) return;
  if (machine.threads == 0) machine.threads = tuning->threads;
  if (request.precision == "auto") request.precision = tuning->precision;
  if (request.batch_size == 0) request.batch_size = tuning->batch_size;
}

}  // namespace sumi
