#include "control/file_text.h"

#include <cerrno>
#include <cstdio>
#include <memory>

namespace meridian {
namespace {

struct FileCloser {
  void operator()(FILE* file) const { std::fclose(file); }
};

}  // namespace

bool ReadFileUpTo(size_t limit, const std::string& path, std::string* text, std::error_code* error) {
  const std::unique_ptr<FILE, FileCloser> file(std::fopen(path.c_str(), "re"));
  if (file == nullptr) {
    *error = std::error_code(errno, std::generic_category());
    return false;
  }
  text->resize(limit + 1);
  text->resize(std::fread(text->data(), 1, text->size(), file.get()));
  if (std::ferror(file.get()) != 0) *error = std::error_code(errno, std::generic_category());
  return !*error;
}

}  // namespace meridian
