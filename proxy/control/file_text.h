// Files that an operator names, read whole and with a bound.
#pragma once

#include <string>
#include <system_error>

namespace meridian {

// Not more than one byte over `limit`, since a path can name an endless device: a longer *text is too long. False:
// *error says why.
bool ReadFileUpTo(size_t limit, const std::string& path, std::string* text, std::error_code* error);

}  // namespace meridian
