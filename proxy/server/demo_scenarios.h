// The demo's stories that are also tests. Each tells what happens as it happens, sums up what clients saw, and is true
// if all of it was as promised.
#pragma once

#include "server/demo_story.h"

namespace meridian {

bool PlayFailover(DemoStory& story);
bool PlayCanary(DemoStory& story);
bool PlayDrain(DemoStory& story);

}  // namespace meridian
