// Work that may hang in a file system, and a loop that goes on.
#include "control/file_thread.h"

#include <gtest/gtest.h>

#include <future>
#include <memory>
#include <thread>

namespace meridian {
namespace {

using namespace std::chrono_literals;

void RunUntilNotBusy(Loop& loop, const FileThread& thread) {
  while (thread.busy()) loop.RunTurn(true);
}

TEST(FileThread, WorksElsewhereAndTellsTheLoop) {
  Loop loop;
  FileThread thread(loop);
  for (int i = 0; i < 3; ++i) {
    const auto worked_on = std::make_shared<std::thread::id>();
    bool told = false;
    thread.Run([worked_on] { *worked_on = std::this_thread::get_id(); }, [&] { told = true; });
    EXPECT_TRUE(thread.busy());
    EXPECT_FALSE(told);
    RunUntilNotBusy(loop, thread);
    EXPECT_TRUE(told);
    EXPECT_NE(*worked_on, std::thread::id());
    EXPECT_NE(*worked_on, std::this_thread::get_id());
  }
}

TEST(FileThread, IsLeftBehindWithWorkThatHangs) {
  const auto release = std::make_shared<std::promise<void>>();
  const auto begun = std::make_shared<std::promise<void>>();
  const auto returned = std::make_shared<std::promise<void>>();
  std::future<void> over = returned->get_future();
  bool told = false;
  {
    Loop loop;
    auto thread = std::make_unique<FileThread>(loop);
    thread->Run(
        [begun, release, returned] {
          begun->set_value();
          release->get_future().wait();
          returned->set_value();
        },
        [&] { told = true; });
    begun->get_future().wait();
    for (int i = 0; i < 3; ++i) loop.RunTurn(false);
    EXPECT_TRUE(thread->busy()) << "and the loop has gone on";
    thread.reset();
  }
  release->set_value();
  over.wait();
  EXPECT_FALSE(told) << "there is nobody to tell";
}

TEST(FileThread, WorkThatEndsWithItsOwnerTellsNobody) {
  Loop loop;
  bool told = false;
  for (int i = 0; i < 100; ++i) {
    auto thread = std::make_unique<FileThread>(loop);
    thread->Run([] {}, [&] { told = true; });
    if (i % 2) std::this_thread::yield();
    thread.reset();
    loop.RunTurn(false);
  }
  EXPECT_FALSE(told);
}

}  // namespace
}  // namespace meridian
