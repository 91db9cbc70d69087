// Thousands of damaged models, materials, catalogues and zip archives, the same in every run.

#include "model_inputs.h"
#include "mutants.h"
#include "small_zip.h"

namespace sumi {
namespace {

TEST(ModelMutants, Models) { expect_both_ends(check_mutants(obj_seeds(), 4000, 21, &check_obj)); }

TEST(ModelMutants, Materials) {
  expect_both_ends(check_mutants(mtl_seeds(), 4000, 22, &check_mtl));
}

TEST(ModelMutants, Catalogues) {
  const auto tally = check_mutants(catalogue_seeds(), 4000, 23, &check_catalogue);
  EXPECT_EQ(tally.refused, 0) << "odd lines are passed over";
}

TEST(ModelMutants, ZipArchives) {
  const std::vector<std::string> seeds = {
      small_zip({{"a", "plain"}, {"b/c", "words, words, words"}}), small_zip({})};
  expect_both_ends(check_mutants(seeds, 4000, 24, [](const std::string& file) {
    return check_zip(std::as_bytes(std::span(file)));
  }));
}

}  // namespace
}  // namespace sumi
