// A set of HTTP status codes (100–599), written in configurations as a list of codes and ranges: [500, 502-504].
#pragma once

#include <bitset>
#include <string>

namespace meridian {

class StatusSet {
 public:
  static constexpr int kMin = 100, kMax = 599;

  constexpr StatusSet() = default;
  // REQUIRES: kMin <= first <= last <= kMax.
  StatusSet& Add(int first, int last) {
    for (int s = first; s <= last; ++s) bits_.set(static_cast<size_t>(s - kMin));
    return *this;
  }
  StatusSet& Add(int status) { return Add(status, status); }
  bool Contains(int status) const {
    return status >= kMin && status <= kMax && bits_.test(static_cast<size_t>(status - kMin));
  }
  bool empty() const { return bits_.none(); }
  bool operator==(const StatusSet&) const = default;
  // "500, 502-504".
  std::string ToString() const;

 private:
  std::bitset<kMax - kMin + 1> bits_;
};

}  // namespace meridian
