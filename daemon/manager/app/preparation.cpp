#include "daemon/manager/app/preparation.h"

#include <algorithm>
#include <cerrno>

#include "daemon/manager/app/answer.h"
#include "daemon/manager/app/key_errors.h"
#include "daemon/manager/os/credentials.h"
#include "daemon/manager/os/directories.h"
#include "daemon/manager/os/terminal.h"

namespace init::manager {

template <class V, unit::Like<Identity> T>
void visit(V& v, T& identity) {
  v(identity.uid, identity.gid, identity.groups, identity.name, identity.home, identity.shell);
}
template <class V, unit::Like<Owner> T>
void visit(V& v, T& owner) {
  v(owner.uid, owner.gid);
}
template <class V, unit::Like<Prepared> T>
void visit(V& v, T& prepared) {
  v(prepared.identity, prepared.output_owners[0], prepared.output_owners[1], prepared.variables);
}

namespace {

bool touches_terminal(const unit::ServiceConfig& service) {
  const auto& tty = service.context.tty;
  return service.standard_input.kind == unit::InputKind::Tty && (tty.reset || tty.hangup || tty.disallocate);
}

Result<> read_files(const unit::Unit& unit, Variables& into) {
  const auto read = [&](const std::string& path, bool may_miss, const char* key) -> Result<> {
    auto variables = read_environment_file(path);
    if (!variables && may_miss && variables.error().code == ENOENT) return {};
    if (!variables) return at_key(unit, "service", key, variables.error());
    std::move(variables->begin(), variables->end(), std::back_inserter(into));
    return {};
  };
  for (const auto& path : unit.service.environment_files) {
    const bool may_miss = path.starts_with('-');
    if (auto done = read(path.substr(may_miss ? 1 : 0), may_miss, "environment-files"); !done) return done;
  }
  for (const auto& path : unit.service.optional_environment_files) {
    if (auto done = read(path, true, "optional-environment-files"); !done) return done;
  }
  return {};
}

Result<> find_owners(const unit::Unit& unit, Accounts accounts, Prepared& prepared) {
  const std::array outputs{&unit.service.standard_output, &unit.service.standard_error};
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto owner = resolve_owner(*outputs[i], prepared.identity, accounts);
    if (!owner) return at_key(unit, "service", i == 0 ? "stdout" : "stderr", owner.error());
    prepared.output_owners[i] = *owner;
  }
  return {};
}

Result<> make_directories(const unit::Unit& unit, const Identity& identity) {
  for (const auto& directory : unit.service.directories) {
    if (auto made = make_unit_directory(directory, identity.uid, identity.gid); !made)
      return at_key(unit, "directories", unit::word(directory.kind), made.error());
  }
  return {};
}

Result<> copy_credentials(const unit::Unit& unit, const std::string& place, const Identity& identity) {
  const auto& credentials = unit.service.context.credentials;
  if (credentials.empty()) return {};
  auto made = make_credentials(place, unit.id, credentials, identity.uid, identity.gid);
  if (made) return made;
  const auto bad = std::find_if(credentials.begin(), credentials.end(), [&made](const auto& credential) {
    return made.error().object.starts_with(credential.path) || made.error().object == credential.name;
  });
  return at_key(unit, "credentials", bad == credentials.end() ? credentials.front().name : bad->name,
                made.error());
}

}  // namespace

std::string credentials_place(const Options& options) {
  return options.runtime + "/credentials";
}

bool may_block_probe(const unit::ServiceConfig& service) {
  return !service.environment_files.empty() || !service.optional_environment_files.empty();
}

bool may_be_known_elsewhere(const unit::ServiceConfig& service) {
  const auto owned = [](const unit::Output& output) { return !output.user.empty() || !output.group.empty(); };
  return !service.user.empty() || !service.group.empty() || !service.extra_groups.empty() ||
         owned(service.standard_output) || owned(service.standard_error);
}

bool may_block(const unit::ServiceConfig& service) {
  return may_block_probe(service) || !service.context.credentials.empty() || touches_terminal(service) ||
         std::any_of(service.directories.begin(), service.directories.end(),
                     [](const auto& directory) { return directory.kind != unit::DirectoryKind::Runtime; });
}

Result<Prepared> prepare_probe(const unit::Unit& unit, Accounts accounts) {
  Prepared prepared;
  auto identity = resolve_identity(unit.service, accounts);
  if (!identity) return at_key(unit, "service", identity.error().step, identity.error());
  prepared.identity = std::move(*identity);
  if (auto found = find_owners(unit, accounts, prepared); !found) return Failure(found.error());
  if (auto read = read_files(unit, prepared.variables); !read) return Failure(read.error());
  return prepared;
}

Result<Prepared> prepare(const unit::Unit& unit, const Options& options, Accounts accounts, bool first) {
  auto prepared = prepare_probe(unit, accounts);
  if (!prepared) return prepared;
  if (auto made = make_directories(unit, prepared->identity); !made) return Failure(made.error());
  if (!first) return prepared;
  if (auto made = copy_credentials(unit, credentials_place(options), prepared->identity); !made)
    return Failure(made.error());
  if (touches_terminal(unit.service)) {
    if (auto done = prepare_terminal(unit.service.context.tty); !done)
      return at_key(unit, "tty", "path", done.error());
  }
  return prepared;
}

std::string pack(const Result<Prepared>& prepared) {
  return pack_answer(prepared);
}

Result<Prepared> unpack(std::string_view bytes) {
  return unpack_answer<Prepared>(bytes);
}

}  // namespace init::manager
