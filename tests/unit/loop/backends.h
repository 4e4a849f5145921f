// Every test of the loop runs on every backend.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <ostream>
#include <string>

#include "libinit/loop/event_loop.h"
#ifdef INITD_SD_EVENT
#include "libinit/sd_event/sd_event_backend.h"
#endif

namespace init::loop {

struct NamedBackend {
  std::string name;
  std::function<std::unique_ptr<Backend>()> create;
};

inline std::vector<NamedBackend> all_backends() {
  std::vector<NamedBackend> all{{"Epoll", [] { return std::make_unique<EpollBackend>(); }}};
#ifdef INITD_SD_EVENT
  all.push_back({"SdEvent", [] { return std::unique_ptr<Backend>(std::move(*SdEventBackend::create())); }});
#endif
  return all;
}

class OnEveryBackend : public testing::TestWithParam<NamedBackend> {
 protected:
  EventLoop loop{GetParam().create()};
};

// What CMake calls the test by: "loop.All/Tasks.GiveErrorsAsValues/SdEvent".
inline void PrintTo(const NamedBackend& backend, std::ostream* to) {
  *to << backend.name;
}

#define INIT_ON_EVERY_BACKEND(Suite) INSTANTIATE_TEST_SUITE_P(All, Suite, testing::ValuesIn(all_backends()))

}  // namespace init::loop
