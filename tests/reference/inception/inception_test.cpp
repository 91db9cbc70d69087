// Inception's features against those that pytorch-fid and torchvision make of the same weights and
// pictures, and its distance; weight files that are something else.

#include "models/inception.h"

#include <gmock/gmock.h>

#include "core/error.h"
#include "core/files.h"
#include "formulas.h"
#include "reference_case.h"
#include "training/distances.h"
#include "training/picture_tensor.h"
#include "weights/state_dict.h"

namespace sumi {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr double kAllowed = 1e-4;

fs::path folder() { return reference_folder() / "inception"; }

Tensor features_of(const Inception& network, const std::vector<Image>& pictures) {
  return network.features(tensor_of(pictures));
}

/// Both files of formula weights, written once.
class ReferenceInception : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    files_ = new TemporaryDirectory;
    for (const auto* kind : {"inception_2015", "torchvision"})
      write_formula_weights(file(kind), inception_plans(folder(), kind));
  }
  static void TearDownTestSuite() { delete files_; }
  static fs::path file(const std::string& kind) { return files_->path() / (kind + ".safetensors"); }

  /// The file of that kind with `change` made to its tensors has to be refused.
  template <class Change>
  static void expect_refused(const std::string& kind, Change&& change,
                             const std::string& complaint) {
    StateDict state = load_state_dict(file(kind));
    change(state);
    const TemporaryDirectory other;
    const auto changed = other.path() / "changed.safetensors";
    save_state_dict(changed, state);
    try {
      open_inception(changed);
      ADD_FAILURE() << "taken, in spite of: " << complaint;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("changed.safetensors"));
      EXPECT_THAT(error.what(), HasSubstr(complaint));
      EXPECT_FALSE(error.hint().empty());
    }
  }

  static inline TemporaryDirectory* files_ = nullptr;
};

TEST_F(ReferenceInception, SeesWhatThePublishedNetworksSee) {
  const auto golden = load_state_dict(folder() / "goldens.safetensors");
  const auto sizes = read_json(folder() / "goldens.json").at("heights_and_widths");
  for (const auto* kind : {"inception_2015", "torchvision"}) {
    const auto network = open_inception(file(kind));
    ASSERT_EQ(sizes.size(), 2u);
    for (int i = 0; i < 2; ++i) {
      const auto picture = formula_picture(sizes[i][0], sizes[i][1]);
      const double error = relative_error(features_of(network, {picture})[0], golden.at(kind)[i]);
      EXPECT_LE(error, kAllowed) << kind << ", picture " << i;
      printf("%s, picture %d: largest relative error %.2e\n", kind, i, error);
    }
  }
}

TEST_F(ReferenceInception, TellsTheTwoNetworksApart) {
  EXPECT_EQ(open_inception(file("inception_2015")).kind(), InceptionKind::tensorflow_2015);
  EXPECT_EQ(open_inception(file("torchvision")).kind(), InceptionKind::torchvision);
  const auto golden = load_state_dict(folder() / "goldens.safetensors");
  EXPECT_GT(relative_error(golden.at("torchvision"), golden.at("inception_2015")), 100 * kAllowed);
}

TEST_F(ReferenceInception, SeesEachPictureOfABatchAsAlone) {
  const auto network = open_inception(file("inception_2015"));
  std::vector<Image> pictures = {formula_picture(40, 56), formula_picture(41, 56)};
  pictures[1].pixels.resize(pictures[0].pixels.size());
  pictures[1].height = 40;
  for (auto& value : pictures[1].pixels) value = static_cast<std::uint8_t>(255 - value);
  const Tensor both = features_of(network, pictures);
  EXPECT_GT(relative_error(both[0], both[1]), 1e-2);
  for (int i = 0; i < 2; ++i)
    EXPECT_LT(relative_error(both[i], features_of(network, {pictures[i]})[0]), 1e-5) << i;
}

TEST_F(ReferenceInception, RefusesOtherWeights) {
  const auto erase = [](const char* name) {
    return [name](StateDict& state) { ASSERT_EQ(state.erase(name), 1u); };
  };
  const auto put = [](const char* name, Tensor value) {
    return [=](StateDict& state) { state[name] = value; };
  };
  expect_refused("inception_2015", erase("Mixed_6e.branch7x7dbl_3.bn.running_mean"),
                 "missing: Mixed_6e.branch7x7dbl_3.bn.running_mean");
  expect_refused("inception_2015", erase("fc.weight"), "has no fc.weight");
  expect_refused("torchvision", put("fc.weight", at::zeros({10, 2048})), "has 10 classes");
  expect_refused("torchvision", put("fc.weight", at::zeros({1008, 2048})),
                 "has 1008 classes, auxiliary ones too");
  expect_refused("inception_2015",
                 put("Mixed_5b.branch1x1.conv.weight", at::zeros({64, 192, 3, 3})),
                 "Mixed_5b.branch1x1.conv.weight is [64, 192, 3, 3] instead of [64, 192, 1, 1]");
  expect_refused("inception_2015", put("Mixed_8a.conv.weight", at::zeros({1})),
                 "unexpected: Mixed_8a.conv.weight");
  expect_refused("inception_2015", put("Conv2d_3b_1x1.bn.running_var", at::full({80}, -0.5)),
                 "Conv2d_3b_1x1.bn.running_var holds negative variances");
  expect_refused("inception_2015", put("Conv2d_3b_1x1.bn.bias", at::full({80}, NAN)),
                 "Conv2d_3b_1x1.bn.bias holds NaN");
  expect_refused(
      "inception_2015",
      [](StateDict& state) {
        state = {{"unet.weight", at::ones({3})}};
      },
      "its tensors have other names");
}

TEST_F(ReferenceInception, TakesFilesWithoutCountsOfBatches) {
  // Files of before PyTorch 0.4.1 do not count batches.
  StateDict state = load_state_dict(file("torchvision"));
  std::erase_if(state, [](const auto& entry) {
    return entry.first.ends_with("num_batches_tracked") || entry.first.starts_with("AuxLogits.");
  });
  const TemporaryDirectory other;
  save_state_dict(other.path() / "plain.safetensors", state);
  EXPECT_EQ(open_inception(other.path() / "plain.safetensors").kind(), InceptionKind::torchvision);
}

TEST(ReferenceFrechet, IsThatOfPytorchFid) {
  const auto rows = [](const char* name, std::int64_t count) {
    const Formula formula(name);
    Tensor values = at::empty({count, 48}, torch::kDouble);
    for (std::int64_t i = 0; i < values.numel(); ++i)
      values.data_ptr<double>()[i] = formula(static_cast<std::uint32_t>(i));
    return values;
  };
  const Tensor mixing = at::eye(48, torch::kDouble) + 0.1;
  const Tensor first = rows("first", 90), second = rows("second", 120).mm(mixing) + 0.25;
  const double theirs = read_json(folder() / "goldens.json").at("frechet_distance");
  EXPECT_NEAR(frechet_distance(gaussian_of(first), gaussian_of(second)), theirs, 1e-7 * theirs);
}

}  // namespace
}  // namespace sumi
