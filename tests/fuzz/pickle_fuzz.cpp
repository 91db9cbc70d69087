#include "craft.h"
#include "seeds.h"
#include "weights/pickle.h"
#include "weights_input.h"

/// The input is a pickle: read alone, and as data.pkl of a correct archive.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  sumi::answer([&] { sumi::read_pickle(sumi::as_input(data, size), "input"); });
  const std::string archive =
      sumi::craft::archive_around({reinterpret_cast<const char*>(data), size});
  sumi::answer_weights([&] { return sumi::read_weights(sumi::craft::as_bytes(archive), "input"); });
  return 0;
}
