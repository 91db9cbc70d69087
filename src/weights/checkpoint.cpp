#include "weights/checkpoint.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <functional>
#include <vector>

#include "core/error.h"
#include "core/files.h"
#include "core/stored_bytes.h"
#include "weights/names.h"
#include "weights/safetensors.h"
#include "weights/state_dict.h"

namespace sumi {
namespace fs = std::filesystem;
namespace {

Tensor halves_swapped(const Tensor& x) {
  const auto halves = x.chunk(2, 0);
  return torch::cat({halves[1], halves[0]});
}

Tensor to_ours(const Tensor& theirs, const PlacedTensor& placed) {
  switch (placed.change) {
    case KeyChange::none:
      return theirs;
    case KeyChange::matrix:
      return theirs.view(placed.shape);
    case KeyChange::transposed:
      return theirs.t().contiguous();
    case KeyChange::third:
      return theirs.narrow(0, placed.part * placed.shape[0], placed.shape[0]);
    case KeyChange::swapped:
      return halves_swapped(theirs);
  }
  return theirs;
}

StateDict make_tensors(const PlacedTensors& placed, const std::shared_ptr<const void>& owner) {
  StateDict state;
  for (const auto& [name, tensor] : placed)
    state.emplace(name, to_ours(to_tensor(tensor.view, owner), tensor));
  return state;
}

/// A tensor of ours, with its scales where bytes shall be multiplied out.
struct Part {
  const Tensor* value = nullptr;
  const Tensor* scale = nullptr;
};

/// What one tensor of a file is made from: one of ours, or three.
struct Recipe {
  std::vector<Part> parts;
  KeyChange change = KeyChange::none;
};

Tensor made(const Part& part, const std::string& name) {
  if (!part.scale) return *part.value;
  return multiplied_out(*part.value, checked_scale(*part.scale, *part.value, name, "the weights"));
}

Tensor to_theirs(const Recipe& recipe, const std::string& name) {
  const Tensor first = made(recipe.parts.front(), name);
  switch (recipe.change) {
    case KeyChange::none:
      return first;
    case KeyChange::matrix:
      return first.dim() == 2 ? first.reshape({first.size(0), first.size(1), 1, 1}) : first;
    case KeyChange::transposed:
      return first.t();
    case KeyChange::third:
      return torch::cat({first, made(recipe.parts[1], name), made(recipe.parts[2], name)});
    case KeyChange::swapped:
      return halves_swapped(first);
  }
  return first;
}

/// The weight that scales of this name belong to, if it is one of bytes.
bool is_scale(const StateDict& state, const std::string& name) {
  const std::string end = scale_name("");
  if (!name.ends_with(end)) return false;
  const auto weight = state.find(name.substr(0, name.size() - end.size()));
  return weight != state.end() && weight->second.scalar_type() == torch::kChar;
}

/// A tensor of `state`; bytes without their scales are an Error.
Part part_of(const StateDict& state, const std::string& name, const Tensor& tensor,
             StoredBytes bytes) {
  if (bytes == StoredBytes::kept || tensor.scalar_type() != torch::kChar) return {&tensor, nullptr};
  const auto scale = state.find(scale_name(name));
  if (scale == state.end())
    throw Error(fmt::format("{} is missing: {} cannot be multiplied out", scale_name(name), name),
                "the file is damaged or was written by another program; get it again");
  return {&tensor, &scale->second};
}

std::vector<std::int64_t> their_shape(const Recipe& recipe) {
  std::vector<std::int64_t> shape = recipe.parts.front().value->sizes().vec();
  if (recipe.change == KeyChange::matrix && shape.size() == 2) shape.resize(4, 1);
  if (recipe.change == KeyChange::transposed) std::swap(shape.at(0), shape.at(1));
  if (recipe.change == KeyChange::third) shape.at(0) *= 3;
  return shape;
}

Tensor converted(const Tensor& tensor, DType dtype, const std::string& name) {
  const Tensor result = tensor.detach().to(torch::kCPU).to(scalar_type(dtype)).contiguous();
  // float16 ends at 65504; what was finite must stay so.
  if (dtype == DType::f16 && tensor.scalar_type() != torch::kFloat16 &&
      !torch::isfinite(result).all().item<bool>() && torch::isfinite(tensor).all().item<bool>())
    throw Error(fmt::format("tensor {} holds values beyond the range of float16", in_quotes(name)),
                "write bf16 or f32 instead");
  return result;
}

/// Writes one file, making and converting a tensor at a time. `as_they_are` names are never
/// converted.
void write_recipes(const fs::path& file, const std::map<std::string, Recipe>& recipes,
                   std::optional<DType> dtype, const std::function<bool(const std::string&)>& stays,
                   std::map<std::string, std::string> metadata = {}) {
  std::vector<TensorPlan> plans;
  std::vector<const Recipe*> order;
  for (const auto& [name, recipe] : recipes) {
    const Part& first = recipe.parts.front();
    const bool convert = dtype && (first.scale || first.value->is_floating_point()) && !stays(name);
    const DType own = first.scale ? DType::f32 : dtype_of(*first.value);
    plans.push_back({name, convert ? *dtype : own, their_shape(recipe)});
    order.push_back(&recipe);
  }
  Tensor current;
  const auto make = [&](std::size_t i) {
    current = converted(to_theirs(*order[i], plans[i].name), plans[i].dtype, plans[i].name);
    return bytes_of(current);
  };
  metadata["format"] = "pt";
  write_safetensors(file, plans, make, metadata);
}

int transformer_blocks(const Checkpoint& checkpoint) {
  const auto found = checkpoint.components.find("transformer");
  int blocks = 0;
  while (found != checkpoint.components.end() &&
         found->second.contains(fmt::format("transformer_blocks.{}.norm1.linear.weight", blocks)))
    ++blocks;
  return blocks;
}

const KeyTable& naming_for(const Checkpoint& checkpoint, const fs::path& file) {
  if (checkpoint.family == "sd1") return sd1_single_file();
  if (checkpoint.family == "sd2") return sd2_single_file();
  if (checkpoint.family == "sd3") return sd3_single_file(transformer_blocks(checkpoint));
  if (checkpoint.family == "vae") return vae_single_file();
  throw Error(fmt::format("{}: this family has no single-file layout here", file.string()),
              "write a diffusers folder instead");
}

std::map<std::string, Recipe> plan_single_file(const fs::path& file, const Checkpoint& checkpoint,
                                               const KeyTable& naming) {
  std::map<std::string, Recipe> recipes;
  std::vector<std::string> homeless;
  for (const auto& [component, state] : checkpoint.components) {
    for (const auto& [name, tensor] : state) {
      if (is_scale(state, name)) continue;
      const KeyPair* pair = naming.to_theirs(component, name);
      if (!pair) {
        homeless.push_back(component + "." + name);
        continue;
      }
      Recipe& recipe = recipes[pair->theirs];
      recipe.change = pair->change;
      recipe.parts.resize(pair->change == KeyChange::third ? 3 : 1);
      recipe.parts[static_cast<std::size_t>(pair->part)] =
          part_of(state, name, tensor, StoredBytes::multiplied_out);
    }
  }
  for (const auto& [name, recipe] : recipes)
    for (const Part& part : recipe.parts)
      if (!part.value) homeless.push_back(name);
  if (!homeless.empty())
    throw Error(
        fmt::format("{}: {} weights have no place in the layout {}, the first is {}", file.string(),
                    homeless.size(), naming.name(), in_quotes(homeless.front())),
        "only networks built like SD 1.x, 2.x and 3 have a single-file layout; write a diffusers "
        "folder instead");
  for (const auto& [name, tensor] : checkpoint.unused)
    recipes.emplace(name, Recipe{{{&tensor}}, KeyChange::none});
  return recipes;
}

/// Number of the layer in "text_model.encoder.layers.N.…", -1 for other names.
int layer_number(std::string_view name) {
  static constexpr std::string_view kPrefix = "text_model.encoder.layers.";
  if (!name.starts_with(kPrefix)) return -1;
  int number = -1;
  std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), number);
  return number;
}

/// What of a text tower its config has a place for.
bool has_place(const std::string& name, const Json& config) {
  if (!config.is_object()) return true;
  if (const auto layers = config.find("num_hidden_layers");
      layers != config.end() && layers->is_number_integer() &&
      layer_number(name) >= layers->get<int>())
    return false;
  const Json classes = config.value("architectures", Json::array());
  return name != "text_projection.weight" ||
         classes.dump().find("WithProjection") != std::string::npos;
}

/// What a file with weights of bytes says about itself.
std::map<std::string, std::string> metadata_of(const StateDict& state, StoredBytes bytes) {
  const bool has_bytes = std::any_of(state.begin(), state.end(), [](const auto& named) {
    return named.second.scalar_type() == torch::kChar;
  });
  if (!has_bytes || bytes == StoredBytes::multiplied_out) return {};
  return {{"sumi.int8", "weight[out, ...] = weight_scale[out] * weight, where weight is I8"}};
}

void write_component(const fs::path& folder, const std::string& component, const StateDict& state,
                     const Json& config, std::optional<DType> dtype, StoredBytes bytes) {
  fs::create_directory(folder);
  const bool text = component.starts_with("text_encoder");
  std::map<std::string, Recipe> recipes;
  for (const auto& [name, tensor] : state) {
    if (text && !has_place(name, config)) continue;
    if (bytes == StoredBytes::multiplied_out && is_scale(state, name)) continue;
    recipes.emplace(name, Recipe{{part_of(state, name, tensor, bytes)}, KeyChange::none});
  }
  const auto stays = [&](const std::string& name) { return is_scale(state, name); };
  write_recipes(folder / (text ? "model.safetensors" : "diffusion_pytorch_model.safetensors"),
                recipes, dtype, stays, metadata_of(state, bytes));
  write_file(folder / "config.json", config.dump(2) + "\n");
}

/// A folder beside its final place, renamed over it by commit() and removed otherwise.
class AtomicFolder {
 public:
  explicit AtomicFolder(fs::path target) : target_(std::move(target)) {
    if (!target_.has_filename()) target_ = target_.parent_path();
    std::error_code problem;
    if (fs::exists(target_, problem) &&
        !(fs::is_directory(target_, problem) && fs::is_empty(target_, problem)))
      throw Error(fmt::format("{}: already exists and is not empty", target_.string()),
                  "give another folder, or remove this one first");
    if (target_.has_parent_path()) fs::create_directories(target_.parent_path(), problem);
    for (int attempt = 0; partial_.empty() && attempt < 100; ++attempt) {
      const fs::path candidate = fmt::format("{}.{}.partial", target_.string(), attempt);
      if (fs::create_directory(candidate, problem)) partial_ = candidate;
    }
    if (partial_.empty())
      throw Error(
          fmt::format("{}: creating the folder failed: {}", target_.string(), problem.message()),
          "check the path and its permissions");
  }
  ~AtomicFolder() {
    std::error_code ignored;
    if (!partial_.empty()) fs::remove_all(partial_, ignored);
  }
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  const fs::path& path() const { return partial_; }

  void commit() {
    sync_directory(partial_);
    std::error_code problem;
    fs::rename(partial_, target_, problem);
    if (problem)
      throw Error(
          fmt::format("{}: renaming into place failed: {}", target_.string(), problem.message()),
          "check the path and its permissions");
    partial_.clear();
    sync_directory(target_.has_parent_path() ? target_.parent_path() : fs::path("."));
  }

 private:
  fs::path target_, partial_;
};

void copy_tokenizer(const fs::path& from, const fs::path& to) {
  if (from.empty()) return;
  fs::create_directory(to);
  for (const auto& entry : fs::directory_iterator(from))
    if (entry.is_regular_file())
      write_file(to / entry.path().filename(), read_text_file(entry.path()));
}

/// model_index.json for a checkpoint that came without one.
Json standard_index(const Checkpoint& checkpoint) {
  Json index{{"_class_name", "StableDiffusionPipeline"}};
  if (checkpoint.components.contains("transformer")) {
    index["_class_name"] = "SumiFlowPipeline";
    index["transformer"] = {"diffusers", "SD3Transformer2DModel"};
  }
  const auto scheduler = checkpoint.configs.find("scheduler");
  if (scheduler != checkpoint.configs.end())
    index["scheduler"] = {"diffusers", scheduler->second.value("_class_name", "PNDMScheduler")};
  if (checkpoint.components.contains("text_encoder"))
    index["text_encoder"] = {"transformers", "CLIPTextModel"};
  if (!checkpoint.tokenizer_folder.empty()) index["tokenizer"] = {"transformers", "CLIPTokenizer"};
  if (checkpoint.components.contains("unet")) index["unet"] = {"diffusers", "UNet2DConditionModel"};
  if (checkpoint.components.contains("vae")) index["vae"] = {"diffusers", "AutoencoderKL"};
  return index;
}

}  // namespace

Checkpoint to_checkpoint(const CheckpointFiles& files) {
  const auto owner = std::make_shared<std::vector<std::shared_ptr<const void>>>(files.owners);
  Checkpoint checkpoint;
  for (const auto& [component, placed] : files.components)
    checkpoint.components.emplace(component, make_tensors(placed, owner));
  checkpoint.unused = make_tensors(files.unused, owner);
  checkpoint.configs = files.configs;
  checkpoint.tokenizer_folder = files.tokenizer_folder;
  checkpoint.family = files.family;
  checkpoint.layout = files.layout;
  checkpoint.hints = files.hints;
  checkpoint.metadata = files.metadata;
  return checkpoint;
}

Checkpoint open_checkpoint(const fs::path& path) {
  return to_checkpoint(open_checkpoint_files(path));
}

void save_single_file(const fs::path& file, const Checkpoint& checkpoint,
                      std::optional<DType> dtype) {
  const KeyTable& naming = naming_for(checkpoint, file);
  for (const auto& [component, state] : checkpoint.components)
    if (!dtype && !metadata_of(state, StoredBytes::kept).empty())
      throw Error(fmt::format("{}: int8 weights have no single-file layout", file.string()),
                  "convert to f16, bf16 or f32, or write a diffusers folder");
  write_recipes(file, plan_single_file(file, checkpoint, naming), dtype,
                [&](const std::string& name) { return checkpoint.unused.contains(name); });
}

void save_diffusers_folder(const fs::path& folder, const Checkpoint& checkpoint,
                           std::optional<DType> dtype, StoredBytes bytes) {
  for (const auto& [component, state] : checkpoint.components)
    if (!checkpoint.configs.contains(component))
      throw Error(fmt::format("{}: the config of {} is not known", folder.string(), component),
                  "a folder needs a config.json for every part");
  AtomicFolder partial(folder);
  for (const auto& [component, state] : checkpoint.components)
    write_component(partial.path() / component, component, state, checkpoint.configs.at(component),
                    dtype, bytes);
  if (const auto scheduler = checkpoint.configs.find("scheduler");
      scheduler != checkpoint.configs.end()) {
    fs::create_directory(partial.path() / "scheduler");
    write_file(partial.path() / "scheduler" / "scheduler_config.json",
               scheduler->second.dump(2) + "\n");
  }
  copy_tokenizer(checkpoint.tokenizer_folder, partial.path() / "tokenizer");
  const auto index = checkpoint.configs.find("model_index");
  write_file(
      partial.path() / "model_index.json",
      (index != checkpoint.configs.end() ? index->second : standard_index(checkpoint)).dump(2) +
          "\n");
  partial.commit();
}

}  // namespace sumi
