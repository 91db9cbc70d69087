#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sumi {

/// What happens to a tensor on its way from a foreign file to its canonical place; reversed on the
/// way back.
enum class KeyChange : std::uint8_t {
  none,
  matrix,      ///< theirs [out, in, 1, 1] is ours [out, in]
  transposed,  ///< theirs [in, out] is ours [out, in]
  third,       ///< theirs holds three of ours, one after the other along the first dimension
  swapped,     ///< ours has the two halves of the first dimension in the other order
};

/// One name inside a block, or a whole one. A final "*" stands for "weight" and for "bias"; "@" in
/// ours for q, k and v, which theirs holds in one tensor (KeyChange::third). An empty `ours` is the
/// same as `theirs`.
struct KeyLeaf {
  std::string_view theirs, ours = {};
  KeyChange change = KeyChange::none;
};

/// One row of a foreign naming, read in both directions. Braces hold block numbers as sums of i and
/// j, which run from 0 to below `i` and `j`: "input_blocks.{3i+j+1}.0." is
/// "down_blocks.{i}.resnets.{j}.". With `leaves` the two names are beginnings, and each leaf
/// completes them.
struct KeyRule {
  std::string_view theirs, ours;
  int i = 1, j = 1;
  std::span<const KeyLeaf> leaves = {};
};

/// Rules for one component of a diffusers folder ("unet", "vae", "text_encoder"); all of their
/// names there begin with `prefix`. The component "unused" holds what files carry and no model
/// needs, under its own name.
struct KeyGroup {
  std::string_view component, prefix;
  std::span<const KeyRule> rules;
};

/// Where a tensor of ours is found in theirs.
struct KeyPair {
  std::string theirs, component, ours;
  KeyChange change = KeyChange::none;
  int part = 0;  ///< which third, 0 to 2
};

/// A foreign naming with all its rules written out.
class KeyTable {
 public:
  KeyTable(std::string name, std::initializer_list<KeyGroup> groups);

  const std::string& name() const { return name_; }
  /// What a tensor of theirs holds: one pair, three for fused attention weights, none for an
  /// unknown name.
  std::vector<const KeyPair*> to_ours(const std::string& theirs) const;
  /// The tensor of theirs that holds ours; nullptr for an unknown name.
  const KeyPair* to_theirs(const std::string& component, const std::string& ours) const;
  const std::vector<KeyPair>& pairs() const { return pairs_; }

 private:
  void add(const KeyGroup& group, std::string theirs, std::string ours, KeyChange change);

  std::string name_;
  std::vector<KeyPair> pairs_;
  std::multimap<std::string, std::size_t> by_theirs_;
  std::map<std::pair<std::string, std::string>, std::size_t> by_ours_;
};

/// CompVis/stable-diffusion: one file with U-Net, VAE and CLIP's text tower (SD 1.x, also with 8 or
/// 9 input channels).
const KeyTable& sd1_single_file();

/// Stability-AI/stablediffusion: the same with OpenCLIP's text tower, whose attention is fused
/// (SD 2.x).
const KeyTable& sd2_single_file();

/// SD 1.x files whose text tower lacks the level "text_model" (written with transformers
/// before 4.18).
const KeyTable& sd1_early_single_file();

/// Stability-AI/sd3-ref, sd3.5: one file with a transformer of so many blocks, VAE and the text
/// encoders. In the last block the text's modulation has another order than in the others, hence
/// the number.
const KeyTable& sd3_single_file(int blocks);

/// A VAE alone, as it stands inside a single file but without the prefix.
const KeyTable& vae_single_file();

/// The VAE of diffusers before 0.18, which called its attention query, key, value and proj_attn.
const KeyTable& early_diffusers_vae();

/// Names that files carry and no model needs, whatever their number: EMA shadows and training
/// losses.
bool is_training_only(std::string_view theirs);

/// The shape a tensor of shape `theirs` has once it is ours; nothing when the change does not fit
/// it.
std::optional<std::vector<std::int64_t>> our_shape(const KeyPair& pair,
                                                   std::span<const std::int64_t> theirs);

}  // namespace sumi
