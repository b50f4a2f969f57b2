#include "control/watched_files.h"

#include <sys/stat.h>

namespace meridian {
namespace {

int64_t Nanoseconds(const timespec& t) { return static_cast<int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec; }

}  // namespace

WatchedFiles::WatchedFiles(std::vector<std::string> files) : files_(std::move(files)), read_(Look()), seen_(read_) {}

std::vector<WatchedFiles::File> WatchedFiles::Look() const {
  std::vector<File> found;
  for (const std::string& path : files_) {
    File& file = found.emplace_back();
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) continue;
    file = {info.st_dev, info.st_ino, info.st_size, Nanoseconds(info.st_mtim), Nanoseconds(info.st_ctim)};
  }
  return found;
}

bool WatchedFiles::Changed() {
  if (files_.empty()) return false;
  std::vector<File> now = Look();
  const bool still = now == seen_;
  seen_ = now;
  if (!still || now == read_) return false;
  read_ = std::move(now);
  return true;
}

}  // namespace meridian
