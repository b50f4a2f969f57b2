// The version of the program, from CMake's project().
#pragma once

namespace meridian {

#ifndef MERIDIAN_VERSION
#error "MERIDIAN_VERSION comes from CMakeLists.txt"
#endif
inline constexpr char kVersion[] = MERIDIAN_VERSION;

}  // namespace meridian
