#include "meridian/status_set.h"

namespace meridian {

std::string StatusSet::ToString() const {
  std::string text;
  for (int first = kMin; first <= kMax; ++first) {
    if (!Contains(first)) continue;
    int last = first;
    while (Contains(last + 1)) ++last;
    if (!text.empty()) text += ", ";
    text += std::to_string(first);
    if (last > first) text += "-" + std::to_string(last);
    first = last;
  }
  return text;
}

}  // namespace meridian
