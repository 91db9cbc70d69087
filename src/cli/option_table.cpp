#include "cli/option_table.h"

namespace sumi {
namespace {

constexpr OptionRow kRows[] = {
    {"prompt", "-p", "TEXT", "Picture"},
    {"negative_prompt", "-n", "TEXT", "Picture"},
    {"model", "-m", "MODEL", "Picture"},
    {"width", "-W", "PIXELS", "Picture"},
    {"height", "-H", "PIXELS", "Picture"},
    {"seed", "-S", "N", "Picture"},
    {"count", "-c", "N", "Picture"},
    {"batch_size", "-b", "N", "Picture"},
    {"prompt_style", "", "NAME", "Picture"},
    {"clip_skip", "", "N", "Picture"},
    {"vae", "", "MODEL", "Picture"},

    {"steps", "-s", "N", "Sampling"},
    {"sampler", "", "NAME", "Sampling"},
    {"spacing", "--scheduler", "NAME", "Sampling"},
    {"prediction_type", "", "NAME", "Sampling"},
    {"eta", "", "X", "Sampling"},
    {"guidance_scale", "-g,--cfg-scale", "X", "Sampling"},
    {"guidance_rescale", "", "X", "Sampling"},
    {"guidance_start", "", "X", "Sampling"},
    {"guidance_end", "", "X", "Sampling"},
    {"rng", "", "NAME", "Sampling"},
    {"step_cache", "", "N", "Sampling"},
    {"token_merging", "", "X", "Sampling"},

    {"image", "-i", "FILE", "Editing"},
    {"strength", "", "X", "Editing"},
    {"mask", "", "FILE", "Editing"},
    {"mask_blur", "", "PIXELS", "Editing"},
    {"image_guidance_scale", "", "X", "Editing"},
    {"hires_scale", "", "X", "Editing"},
    {"hires_steps", "", "N", "Editing"},
    {"hires_strength", "", "X", "Editing"},
    {"hires_upscaler", "", "NAME", "Editing"},

    {"output", "-o", "FILE", "Output"},
    {"quality", "-q", "N", "Output"},
    {"lossless", "", "", "Output"},
    {"preview", "", "", "Output"},

    {"device", "", "NAME", "Machine"},
    {"threads", "-t", "N", "Machine"},
    {"vae_tiling", "", "NAME", "Machine"},
    {"vae_tile", "", "PIXELS", "Machine"},
    {"precision", "", "NAME", "Machine"},
    {"verbose", "-v", "", "Machine"},
    {"json", "", "", "Machine"},

    {"to", "", "TYPE", "Options"},
    {"layout", "", "NAME", "Options"},
    {"suite", "", "NAME", "Options"},
    {"only", "", "KEY", "Options"},
    {"repeats", "", "N", "Options"},
    {"profile", "", "", "Options"},
    {"seconds", "", "X", "Options"},
    {"forget", "", "", "Options"},
    {"scorer", "", "FOLDER", "Options"},
    {"world", "", "FILE", "Options"},
    {"split", "", "NAME", "Options"},
    {"group", "", "N", "Options"},
    {"features", "", "FOLDER", "Options"},
    {"measures", "", "NAME...", "Options"},
    {"reference", "", "N", "Options"},
    {"tensors", "", "", "Options"},
    {"licences", "", "NAMES", "Options"},
    {"exclude", "", "FILE", "Options"},
    {"shards", "", "BYTES", "Options"},
    {"validation", "", "PERCENT", "Options"},
    {"held_out", "", "PERCENT", "Options"},
    {"near_distance", "", "BITS", "Options"},
    {"bucket_size", "", "PIXELS", "Options"},
    {"bucket_step", "", "PIXELS", "Options"},
    {"names", "", "", "Options"},
    {"templates", "--template", "TEXT", "Options"},
    {"replace", "", "", "Options"},

    {"processes", "--processes-per-node", "N", "Several processes"},
    {"nodes", "", "N", "Several processes"},
    {"node_rank", "", "N", "Several processes"},
    {"master", "", "HOST:PORT", "Several processes"},
    {"max_restarts", "", "N", "Several processes"},
    {"rank_timeout", "", "SECONDS", "Several processes"},

    {"min_side", "", "N", "Thresholds"},
    {"max_aspect", "", "X", "Thresholds"},
    {"min_sharpness", "", "X", "Thresholds"},
    {"max_noise", "", "X", "Thresholds"},
    {"max_blockiness", "", "X", "Thresholds"},
    {"min_jpeg_quality", "", "N", "Thresholds"},
    {"min_contrast", "", "X", "Thresholds"},
    {"max_plain", "", "X", "Thresholds"},
    {"max_border", "", "X", "Thresholds"},
    {"max_watermark", "", "X", "Thresholds"},
    {"min_words", "", "N", "Thresholds"},
    {"max_words", "", "N", "Thresholds"},
    {"max_repeats", "", "N", "Thresholds"},
    {"min_match", "", "X", "Thresholds"},
    {"keep_near", "", "", "Thresholds"},
};

constexpr OptionRow kUnlisted = {"", "", "VALUE", "Other"};

}  // namespace

const OptionRow& option_row(std::string_view field) {
  for (const auto& row : kRows)
    if (row.field == field) return row;
  return kUnlisted;
}

}  // namespace sumi
