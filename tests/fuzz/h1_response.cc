// Bytes of an HTTP/1 origin. However they are cut, they are read alike.
#include "fuzz/input.h"
#include "support/h1_reading.h"

using namespace meridian::testing;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes = InputText(data + 1, size - 1);
  const char* method = data[0] & 2 ? "HEAD" : "GET";
  const bool eof = data[0] & 1;
  const std::string whole = ClientReading(method, bytes, {}, eof);
  ExpectSame(whole, ClientReading(method, bytes, Cuts(data[0], bytes.size()), eof));
  ExpectSame(whole, ClientReading(method, bytes, Bytewise(bytes.size()), eof));
  return 0;
}
