// Every test of the loop runs on every backend.
#pragma once
#include <gtest/gtest.h>

#include <functional>
#include <memory>
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

inline std::string backend_name(const testing::TestParamInfo<NamedBackend>& of) {
  return of.param.name;
}

#define INIT_ON_EVERY_BACKEND(Suite) \
  INSTANTIATE_TEST_SUITE_P(All, Suite, testing::ValuesIn(all_backends()), backend_name)

}  // namespace init::loop
