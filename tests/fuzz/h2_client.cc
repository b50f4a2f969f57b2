// Bytes of an HTTP/2 origin, after good SETTINGS or as they are.
#include "fuzz/input.h"
#include "support/h2_reading.h"

using namespace meridian::testing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes = InputText(data + 1, size - 1);
  const char* method = data[0] & 2 ? "HEAD" : "GET";
  H2ClientReading(method, bytes, {}, data[0] & 1);
  H2ClientReading(method, bytes, Cuts(data[0], bytes.size()), data[0] & 1);
  return 0;
}
