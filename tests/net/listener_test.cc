#include "net/listener.h"

#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vector>

#include "net/tcp_socket.h"
#include "support/run_loop.h"

namespace meridian {
namespace {

using testing::RunUntil;

class Door final : public ListenerSink {
 public:
  ~Door() {
    for (int fd : accepted) close(fd);
  }
  void OnAccept(int fd, const Endpoint& peer) override {
    accepted.push_back(fd);
    peers.push_back(peer);
  }
  void OnAcceptPaused() override { ++pauses; }
  std::vector<int> accepted;
  std::vector<Endpoint> peers;
  int pauses = 0;
};

int Connect(const Endpoint& to) {
  Error error;
  return StartConnect(to, &error);
}

TEST(ListenerTest, AcceptsEveryClientAndKnowsItsAddress) {
  Loop loop;
  Door door;
  Endpoint bound;
  std::string error;
  const int fd = OpenListenSocket(*ParseHostPort("127.0.0.1:0"), true, &bound, &error);
  ASSERT_GE(fd, 0) << error;
  EXPECT_NE(bound.port, 0);
  Listener listener(loop, fd, door);
  std::vector<int> clients;
  // More than one batch.
  for (int i = 0; i < 3 * Listener::kBatch; ++i) clients.push_back(Connect(bound));
  EXPECT_TRUE(RunUntil(loop, [&] { return door.accepted.size() == clients.size(); }));
  EXPECT_EQ(IpText(door.peers[0]), "127.0.0.1");
  EXPECT_NE(door.peers[0].port, 0);
  for (int c : clients) close(c);
}

TEST(ListenerTest, APortInUseIsReportedWithItsAddress) {
  Endpoint bound;
  std::string error;
  const int first = OpenListenSocket(*ParseHostPort("127.0.0.1:0"), false, &bound, &error);
  ASSERT_GE(first, 0);
  Endpoint again;
  EXPECT_EQ(OpenListenSocket(bound, false, &again, &error), -1);
  EXPECT_EQ(error, EndpointText(bound) + ": Address already in use");
  close(first);
}

// The same, with a listener that could not have its reserve when it was made.
int ReserveComesLate() {
  Loop loop(true);
  Door door;
  Endpoint bound;
  std::string error;
  const int fd = OpenListenSocket(*ParseHostPort("127.0.0.1:0"), false, &bound, &error);
  int clients[2];
  for (int& c : clients) c = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const SockAddr to = ToSockAddr(bound);
  ListenerSink& sink = door;
  sink.OnAcceptPaused();  // as below
  std::vector<int> hoard;
  for (int h; (h = dup(fd)) >= 0;) hoard.push_back(h);
  Listener listener(loop, fd, door);
  const auto turns = [&] {
    for (int i = 0; i < 50; ++i) loop.RunTurn(false);
  };
  connect(clients[0], to.get(), to.size);
  turns();
  if (door.pauses != 2) return 1;
  // Room for one client and the reserve, for a moment.
  for (int i = 0; i < 2; ++i) {
    close(hoard.back());
    hoard.pop_back();
  }
  loop.Advance(Listener::kPause + 10ms);
  turns();
  if (door.accepted.size() != 1) return 2;
  connect(clients[1], to.get(), to.size);
  loop.Advance(Listener::kPause + 10ms);  // it may have looked for more, and paused
  turns();
  char byte;
  const ssize_t n = recv(clients[1], &byte, 1, MSG_DONTWAIT);
  return n == 0 || (n < 0 && errno == ECONNRESET) ? 0 : 3;  // let go instead of left to its timeout
}

// In a child of its own, since the limit is the process's. Returns an exit code that says what went wrong.
int OutOfDescriptors() {
  Loop loop(true);
  Door door;
  Endpoint bound;
  std::string error;
  const int fd = OpenListenSocket(*ParseHostPort("127.0.0.1:0"), false, &bound, &error);
  if (fd < 0) return 1;
  Listener listener(loop, fd, door);
  int clients[3];
  for (int& c : clients) c = Connect(bound);
  // The sanitizer looks at a virtual call's object through a pipe the first time, which needs descriptors.
  ListenerSink& sink = door;
  sink.OnAcceptPaused();
  door.pauses = 0;
  // Not one more descriptor from now on.
  std::vector<int> hoard;
  for (int h; (h = dup(fd)) >= 0;) hoard.push_back(h);
  for (int i = 0; i < 50; ++i) loop.RunTurn(false);
  if (!door.accepted.empty()) return 2;
  if (door.pauses != 1) return 3;  // it must pause, not spin
  // The reserve let one client go: that one sees its connection end.
  int ended = 0;
  for (int c : clients) {
    char byte;
    const ssize_t n = recv(c, &byte, 1, MSG_DONTWAIT);
    if (n == 0 || (n < 0 && errno == ECONNRESET)) ++ended;
  }
  if (ended != 1) return 4;
  for (int h : hoard) close(h);
  loop.Advance(Listener::kPause + 10ms);
  for (int i = 0; i < 50; ++i) loop.RunTurn(false);
  return door.accepted.size() == 2 ? 0 : 5;
}

// The exit code of `story` in a child with few descriptors.
int WithFewDescriptors(int (*story)()) {
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{64, 64};
    setrlimit(RLIMIT_NOFILE, &limit);
    _exit(story());
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) return -1;
  return WEXITSTATUS(status);
}

TEST(ListenerTest, PausesWhenDescriptorsRunOutAndServesTheRestLater) {
  EXPECT_EQ(WithFewDescriptors(&OutOfDescriptors), 0);
}

TEST(ListenerTest, AReserveThatCouldNotBeHadIsHadLater) { EXPECT_EQ(WithFewDescriptors(&ReserveComesLate), 0); }

}  // namespace
}  // namespace meridian
