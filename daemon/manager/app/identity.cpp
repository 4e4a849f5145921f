#include "daemon/manager/app/identity.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <optional>

#include "libinit/base/account_text.h"
#include "libinit/base/accounts.h"
#include "libinit/base/text.h"
#include "libinit/process/command.h"

namespace init::manager {
namespace {

constexpr Duration kPatience = std::chrono::seconds(10);

Failure unknown(const char* key, const std::string& name, const char* what) {
  auto error = failure(0, key, name);
  error.value().hint = std::string("no such ") + what + "; add it or change the key";
  return error;
}

// What getent(1) prints; empty when there is no such account, or no getent.
Result<std::string> ask_name_service(const char* key, const char* database, const std::string& name) {
  auto asked = process::Command("getent")
                   .args({database, name})
                   .parent_death_signal(SIGKILL)
                   .standard_error(process::Stdio::null())
                   .output(kPatience);
  if (!asked && asked.error().code == ENOENT) return std::string();
  if (!asked) {
    auto error = failure(asked.error().code, key, name);
    if (asked.error().code == ETIMEDOUT)
      error.value().hint = "getent has not answered within " + duration_text(kPatience);
    return error;
  }
  return asked->status.success() ? std::move(asked->standard_output) : std::string();
}

// "alice  100 27": the groups of getent initgroups.
std::vector<gid_t> groups_in(std::string_view text) {
  std::vector<gid_t> groups;
  text = text.substr(0, text.find('\n'));
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (const auto gid = account_id(word)) groups.push_back(*gid);
  }
  return groups;
}

Result<User> user_named(const std::string& name, Accounts accounts) {
  if (auto user = find_user(name)) return std::move(*user);
  if (accounts == Accounts::Local) return unknown("user", name, "user");
  const auto text = ask_name_service("user", "passwd", name);
  if (!text) return Failure(text.error());
  const auto line = find_user_in(*text, name);
  if (!line) return unknown("user", name, "user");
  const auto groups = ask_name_service("user", "initgroups", std::string(line->name));
  if (!groups) return Failure(groups.error());
  return User{std::string(line->name),  line->uid,         line->gid, std::string(line->home),
              std::string(line->shell), groups_in(*groups)};
}

Result<gid_t> group_id(const std::string& name, const char* key, Accounts accounts) {
  if (const auto found = find_group(name)) return *found;
  if (accounts == Accounts::Local) return unknown(key, name, "group");
  const auto text = ask_name_service(key, "group", name);
  if (!text) return Failure(text.error());
  const auto found = find_group_in(*text, name);
  return found ? Result<gid_t>(*found) : unknown(key, name, "group");
}

bool same(const timespec& a, const timespec& b) {
  return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

// The account that initd runs as. Every unit without a user needs it, so the file is read again only when it
// changed.
const std::optional<User>& own_account() {
  static struct stat seen {};
  static std::optional<User> account;
  struct stat now {};
  const bool there = stat("/etc/passwd", &now) == 0;
  if (!there || now.st_ino != seen.st_ino || !same(now.st_ctim, seen.st_ctim)) {
    account = find_user(std::to_string(geteuid()));
    seen = now;
  }
  return account;
}

}  // namespace

Result<Identity> resolve_identity(const unit::ServiceConfig& service, Accounts accounts) {
  Identity identity;
  identity.uid = geteuid();
  identity.gid = getegid();
  std::optional<User> account;
  if (service.user.empty()) {
    account = own_account();
  } else {
    auto named = user_named(service.user, accounts);
    if (!named) return Failure(named.error());
    identity.groups = named->groups;
    account = std::move(*named);
  }
  if (account) {
    identity.uid = account->uid;
    identity.gid = account->gid;
    identity.name = account->name;
    identity.home = account->home;
    identity.shell = account->shell;
  }
  if (!service.group.empty()) {
    auto gid = group_id(service.group, "group", accounts);
    if (!gid) return Failure(gid.error());
    identity.gid = *gid;
  }
  for (const auto& name : service.extra_groups) {
    auto gid = group_id(name, "extra-groups", accounts);
    if (!gid) return Failure(gid.error());
    identity.groups.push_back(*gid);
  }
  std::sort(identity.groups.begin(), identity.groups.end());
  identity.groups.erase(std::unique(identity.groups.begin(), identity.groups.end()), identity.groups.end());
  return identity;
}

Result<Owner> resolve_owner(const unit::Output& output, const Identity& identity, Accounts accounts) {
  Owner owner{identity.uid, identity.gid};
  if (!output.user.empty()) {
    const auto account = user_named(output.user, accounts);
    if (!account) return Failure(account.error());
    owner = {account->uid, account->gid};
  }
  if (!output.group.empty()) {
    const auto gid = group_id(output.group, "group", accounts);
    if (!gid) return Failure(gid.error());
    owner.gid = *gid;
  }
  return owner;
}

}  // namespace init::manager
