// The command line: parsing and exit codes (0 ok, 1 failed or invalid, 2 usage).
#pragma once

namespace meridian {

int RunCli(int argc, char** argv);

}  // namespace meridian
