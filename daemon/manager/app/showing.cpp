// What is shown of units and lies on a file system, which may hang: a helper looks.
#include "daemon/manager/app/app.h"
#include "libinit/api/message.h"

namespace init::manager {
namespace {

constexpr Duration kShowLimit = std::chrono::seconds(2);

}  // namespace

void App::show(const control::CallId& call, api::Method method, api::Reply reply) {
  Showing showing{call, method, std::move(reply), monotonic_now() + kShowLimit};
  const auto started = helpers_->start(++last_helper_, [this, &showing] {
    look_at_disk(view_context(), showing.reply);
    std::string text = api::encode_reply(showing.reply, false);
    text.pop_back();  // the NUL that ends a message
    return text;
  });
  if (!started) return show_without_disk(std::move(showing));
  showing_.emplace(last_helper_, std::move(showing));
}

bool App::take_shown(const Helpers::Done& done) {
  const auto at = showing_.find(done.key);
  if (at == showing_.end()) return false;
  Showing showing = std::move(at->second);
  showing_.erase(at);
  auto whole = api::decode_reply(done.answer, showing.method);
  auto* reply = whole ? std::get_if<api::Reply>(&whole->body) : nullptr;
  if (reply != nullptr) {
    server_->reply(showing.call, std::move(*reply));
  } else {
    show_without_disk(std::move(showing));
  }
  return true;
}

void App::show_what_is_late(MonotonicTime now) {
  while (!showing_.empty() && showing_.begin()->second.until <= now) {
    auto late = showing_.extract(showing_.begin());
    helpers_->cancel(late.key());
    show_without_disk(std::move(late.mapped()));
  }
}

void App::show_without_disk(Showing showing) {
  leave_out_disk(showing.reply);
  server_->reply(showing.call, std::move(showing.reply));
}

}  // namespace init::manager
