#include "support/temp_dir.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <system_error>

#include "support/harness_error.h"

namespace meridian::testing {

void ThrowErrno(const std::string& what) { throw HarnessError(what + ": " + std::strerror(errno)); }

TempDir::TempDir() {
  const char* base = std::getenv("TMPDIR");
  std::string pattern = std::string(base && *base ? base : "/tmp") + "/meridian-test-XXXXXX";
  if (!mkdtemp(pattern.data())) ThrowErrno("mkdtemp " + pattern);
  path_ = pattern;
}

TempDir::~TempDir() {
  if (std::getenv("MERIDIAN_KEEP_TEMP")) return;
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string TempDir::MakeFolder(std::string_view name) const {
  const std::string path = File(name);
  std::filesystem::create_directories(path);
  return path;
}

void WriteFile(const std::string& path, std::string_view content) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(content.data(), static_cast<std::streamsize>(content.size()));
  out.close();
  if (!out) throw HarnessError("cannot write " + path);
}

void WriteSparseFile(const std::string& path, uint64_t size) {
  WriteFile(path, "");
  if (truncate(path.c_str(), static_cast<off_t>(size)) != 0) ThrowErrno("truncate " + path);
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return std::move(text).str();
}

std::vector<std::string> Lines(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) break;
    text.remove_prefix(end + 1);
  }
  return lines;
}

std::vector<std::string> WholeLines(std::string_view text) { return Lines(text.substr(0, text.rfind('\n') + 1)); }

std::string PatternBytes(size_t size, uint64_t seed) {
  std::string bytes(size, '\0');
  uint64_t state = seed * 0x9E3779B97F4A7C15u + 1;
  for (size_t i = 0; i < size; i += sizeof(state)) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    std::memcpy(bytes.data() + i, &state, std::min(sizeof(state), size - i));
  }
  return bytes;
}

namespace {

class Hash {
 public:
  Hash() : context_(EVP_MD_CTX_new(), &EVP_MD_CTX_free) { EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr); }
  void Add(std::string_view bytes) { EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()); }
  std::string Hex() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int length = 0;
    EVP_DigestFinal_ex(context_.get(), digest, &length);
    std::string hex;
    for (unsigned int i = 0; i < length; ++i) {
      hex += "0123456789abcdef"[digest[i] >> 4];
      hex += "0123456789abcdef"[digest[i] & 15];
    }
    return hex;
  }

 private:
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

constexpr size_t kBlock = 1 << 20;

}  // namespace

std::string Sha256(std::string_view bytes) {
  Hash hash;
  hash.Add(bytes);
  return hash.Hex();
}

std::string Sha256OfFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw HarnessError("cannot read " + path);
  Hash hash;
  std::string block(kBlock, '\0');
  while (in) {
    in.read(block.data(), kBlock);
    hash.Add(std::string_view(block).substr(0, static_cast<size_t>(in.gcount())));
  }
  return hash.Hex();
}

std::string Sha256OfZeros(uint64_t size) {
  Hash hash;
  const std::string block(kBlock, '\0');
  for (; size > 0; size -= std::min<uint64_t>(size, kBlock)) {
    hash.Add(std::string_view(block).substr(0, std::min<uint64_t>(size, kBlock)));
  }
  return hash.Hex();
}

}  // namespace meridian::testing
