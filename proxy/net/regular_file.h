// Files that an operator names, read whole and with a bound. Any thread; a file system that hangs still can hold it up.
#pragma once

#include <cstddef>
#include <string>

namespace meridian {

// Regular files only: a pipe would be waited for, and a device has no end. Not more than one byte over `limit`, so that
// a longer *text is too long. False: *why says it, behind "cannot be read: ".
bool ReadRegularFile(const std::string& path, size_t limit, std::string* text, std::string* why);

}  // namespace meridian
