// Bytes of an HTTP/1 client. However they are cut, they are read alike; which status refuses them may differ.
#include "fuzz/input.h"
#include "support/h1_reading.h"

using namespace meridian::testing;

namespace {

std::string WithoutStatus(std::string reading) {
  for (const char* status : {"400", "414", "431", "501", "505", "..."}) {
    const size_t at = reading.rfind(status);
    if (at != std::string::npos && (at == 0 || reading.substr(0, at).ends_with(" / "))) {
      return reading.substr(0, at) + "refused";
    }
  }
  return reading;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes = InputText(data + 1, size - 1);
  const bool eof = data[0] & 1;
  const std::string whole = WithoutStatus(ServerReading(bytes, {}, eof));
  ExpectSame(whole, WithoutStatus(ServerReading(bytes, Cuts(data[0], bytes.size()), eof)));
  ExpectSame(whole, WithoutStatus(ServerReading(bytes, Bytewise(bytes.size()), eof)));
  return 0;
}
