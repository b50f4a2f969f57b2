// Untrusted bytes as a JSON string.
//
// The result is plain JSON whatever comes in: quotes, backslashes and control characters (C0, DEL and C1, which a
// terminal would obey) are escaped, and each byte that is not part of valid UTF-8 becomes \u00XX, so that a reader can
// still see which byte it was.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace meridian {

// Appends `text` with quotes around it. No allocation beyond `out`'s growth.
void AppendJsonString(std::string_view text, std::string* out);
// The same with at most `most` bytes between the quotes, cut between characters. False: it was cut.
bool AppendJsonString(std::string_view text, size_t most, std::string* out);

}  // namespace meridian
