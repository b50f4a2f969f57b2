// Bytes of an HTTP/2 origin, after good SETTINGS or as they are. However they are cut, they are read alike.
#include "fuzz/h2_pieces.h"
#include "support/h2_reading.h"

using namespace meridian::testing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes = InputText(data + 1, size - 1);
  const char* method = data[0] & 2 ? "HEAD" : "GET";
  ExpectSameInPieces(bytes, data[0], [&](const std::vector<size_t>& cuts) {
    return H2ClientReading(method, bytes, cuts, data[0] & 1, BrokenBodies::kLeftOut);
  });
  return 0;
}
