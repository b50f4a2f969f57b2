// Bytes of an HTTP/2 client, after a good preface or as they are. However they are cut, they are read alike.
#include "fuzz/h2_pieces.h"
#include "support/h2_reading.h"

using namespace meridian::testing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes = InputText(data + 1, size - 1);
  ExpectSameInPieces(bytes, data[0], [&](const std::vector<size_t>& cuts) {
    return H2ServerReading(bytes, cuts, data[0] & 1, BrokenBodies::kLeftOut);
  });
  return 0;
}
