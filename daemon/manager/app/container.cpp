// The exit of a container: initd ends with the units that initd.toml names as its main ones.
#include <algorithm>

#include "daemon/manager/app/app.h"

namespace init::manager {
namespace {

// As a shell tells it: the code, or 128 + the signal's number.
int exit_code(const core::UnitView& view) {
  if (view.last_exit.kind == core::Exit::Kind::Code) return view.last_exit.value;
  if (view.last_exit.kind == core::Exit::Kind::None) return view.state == core::PublicState::Failed ? 1 : 0;
  return 128 + view.last_exit.value;
}

bool has_ended(const core::UnitView& view) {
  const bool down = view.state == core::PublicState::Inactive || view.state == core::PublicState::Failed;
  return down && view.next_try == MonotonicTime::never();
}

}  // namespace

void App::end_with_main_units(core::UnitIndex changed) {
  const auto& system = configuration_.system;
  const auto& graph = *engine_->graph();
  const auto& mains = system.container_main;
  const bool concerned = std::find(mains.begin(), mains.end(), graph.name(changed)) != mains.end();
  if (!concerned || intents_.header().shutdown != 0 || !has_ended(engine_->view(changed))) return;
  const auto ended = [this, &graph](const std::string& name) {
    const auto unit = graph.find(name);
    return !unit || has_ended(engine_->view(*unit));
  };
  const auto view = engine_->view(changed);
  bool end = false;
  switch (system.container_exit) {
    case unit::ContainerExit::AllEnded:
      end = std::all_of(mains.begin(), mains.end(), ended);
      break;
    case unit::ContainerExit::OneEnded:
      end = true;
      break;
    case unit::ContainerExit::OneFailed:
      end = view.state == core::PublicState::Failed;
      break;
    case unit::ContainerExit::Never:
      break;
  }
  auto& header = intents_.header();
  if (header.main_exit_known == 0) {
    header.main_exit_known = 1;
    header.exit_code = exit_code(view);
  }
  if (end) submit_shutdown({core::PowerKind::Exit, header.exit_code, 0}, {});
}

}  // namespace init::manager
