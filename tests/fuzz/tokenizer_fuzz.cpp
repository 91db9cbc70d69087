#include "core/files.h"
#include "input.h"
#include "text/bpe_learner.h"
#include "text/chunks.h"

namespace {

sumi::ClipTokenizer small_tokenizer() {
  const sumi::TemporaryDirectory folder;
  const std::vector<std::string> captions = {"a fox and a cat", "a cat and a dog",
                                             "the dog and the fox", "aaaa abab caf\u00e9s"};
  sumi::save_tokenizer_folder(folder.path(), sumi::learn_bpe(captions, 560), 16);
  return sumi::ClipTokenizer::from_folder(folder.path());
}

}  // namespace

/// Any text as a prompt: cleaned in each way, encoded, laid out in chunks and decoded.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto tokenizer = small_tokenizer();
  const std::string text(sumi::as_text(data, size));
  sumi::answer([&] {
    for (const auto cleaning :
         {sumi::Cleaning::openai, sumi::Cleaning::transformers, sumi::Cleaning::transformers_plain})
      tokenizer.decode(tokenizer.encode(text, cleaning));
    const std::vector<sumi::Fragment> fragments = {{text, 1.1, false}};
    for (const auto& chunk : sumi::lay_out(tokenizer, fragments, {}).chunks)
      sumi::require(chunk.ids.size() == 16 && chunk.weights.size() == 16);
  });
  return 0;
}
