// A folder that lives as long as the object. MERIDIAN_KEEP_TEMP=1 keeps it for a look at logs and configs.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace meridian::testing {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  const std::string& path() const { return path_; }
  std::string File(std::string_view name) const { return path_ + "/" + std::string(name); }
  std::string MakeFolder(std::string_view name) const;

 private:
  std::string path_;
};

void WriteFile(const std::string& path, std::string_view content);
// A file of `size` zero bytes that takes no room on the disk.
void WriteSparseFile(const std::string& path, uint64_t size);
// Empty if the file does not exist.
std::string ReadFile(const std::string& path);
std::vector<std::string> Lines(std::string_view text);
// Without the last one if no newline ends it: of a log that is being written it is a part, cut anywhere.
std::vector<std::string> WholeLines(std::string_view text);

// `size` bytes that look random and are the same for the same seed, on every machine.
std::string PatternBytes(size_t size, uint64_t seed = 1);
std::string Sha256(std::string_view bytes);         // in hex
std::string Sha256OfFile(const std::string& path);  // read in blocks
std::string Sha256OfZeros(uint64_t size);

}  // namespace meridian::testing
