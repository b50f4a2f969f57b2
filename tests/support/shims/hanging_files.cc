// LD_PRELOAD: a file system that does not answer, as NFS without its server: whoever looks at $MERIDIAN_HANG_PATH waits
// as long as there is a file $MERIDIAN_HANG_WHILE.
#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

extern "C" int stat(const char* path, struct stat* info) {
  static const auto real = reinterpret_cast<int (*)(const char*, struct stat*)>(dlsym(RTLD_NEXT, "stat"));
  static const char* const hangs = std::getenv("MERIDIAN_HANG_PATH");
  static const char* const gate = std::getenv("MERIDIAN_HANG_WHILE");
  if (hangs && gate && std::strcmp(path, hangs) == 0) {
    while (access(gate, F_OK) == 0) usleep(10'000);
  }
  return real(path, info);
}
