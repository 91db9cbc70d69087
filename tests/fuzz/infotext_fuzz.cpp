// libFuzzer: prompts, infotext and text repair from any bytes end in a result or an Error.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/error.h"
#include "text/cleaning.h"
#include "text/infotext.h"
#include "text/prompt.h"
#include "text/unicode.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto infotext = sumi::parse_infotext(text);
  if (sumi::parse_infotext(sumi::write_infotext({infotext.prompt, infotext.negative_prompt, {}}))
          .prompt != infotext.prompt)
    __builtin_trap();
  try {
    sumi::parse_prompt(text, {});
    for (const auto cleaning :
         {sumi::Cleaning::openai, sumi::Cleaning::transformers, sumi::Cleaning::transformers_plain})
      sumi::clean_text(sumi::decode_utf8(text, "prompt"), cleaning);
  } catch (const sumi::Error&) {
  }
  return 0;
}
