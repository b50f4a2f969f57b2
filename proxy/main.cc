#include "server/cli.h"

int main(int argc, char** argv) { return meridian::RunCli(argc, argv); }
