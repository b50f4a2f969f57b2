// Bytes of an HTTP/2 client, after a good preface or as they are.
#include "fuzz/input.h"
#include "support/h2_reading.h"

using namespace meridian::testing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes = InputText(data + 1, size - 1);
  H2ServerReading(bytes, {}, data[0] & 1);
  H2ServerReading(bytes, Cuts(data[0], bytes.size()), data[0] & 1);
  return 0;
}
