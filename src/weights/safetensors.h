#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "weights/weight_file.h"

namespace sumi {

/// Reads a safetensors file that lies in memory; the views point into `bytes`, nothing is copied.
/// Refused with an Error naming `origin`, tensor and offset: a header over 100,000,000 bytes,
/// offsets that leave holes, overlap or do not cover the file, duplicate or over-long names (4
/// KiB), rank over 8, unknown dtypes, sizes that overflow or differ from shape and dtype.
WeightFile read_safetensors(std::span<const std::byte> bytes, const std::string& origin);

/// Tensors in the order they shall be written, each with its name.
using NamedViews = std::vector<std::pair<std::string, TensorView>>;

/// Writes a safetensors file, complete or not at all. Tensors are streamed from where they lie;
/// wide elements go first, so that with the header padded to 8 bytes every tensor lies aligned.
void write_safetensors(const std::filesystem::path& file, const NamedViews& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// A tensor that will be written, by what the header says about it.
struct TensorPlan {
  std::string name;
  DType dtype = DType::f32;
  std::vector<std::int64_t> shape;
};

/// The same for tensors that are made one at a time: `bytes_of(i)` is called once for every plan,
/// and what it returns must stay valid until the next call.
void write_safetensors(const std::filesystem::path& file, const std::vector<TensorPlan>& plans,
                       const std::function<std::span<const std::byte>(std::size_t)>& bytes_of,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace sumi
