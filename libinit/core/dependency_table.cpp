#include "libinit/core/dependency_table.h"

#include <array>

namespace init::core {
namespace {

using unit::DependencyKind;

struct Row {
  DependencyKind kind;
  std::uint16_t atoms;
};

constexpr std::uint16_t operator|(Atom a, Atom b) {
  return static_cast<std::uint16_t>(static_cast<std::uint16_t>(a) | static_cast<std::uint16_t>(b));
}
constexpr std::uint16_t operator|(std::uint16_t set, Atom atom) {
  return static_cast<std::uint16_t>(set | static_cast<std::uint16_t>(atom));
}
constexpr std::uint16_t only(Atom atom) {
  return static_cast<std::uint16_t>(atom);
}

// Order of starting is not here: libinit/unit/ordering.h makes it, for every kind that implies it.
constexpr std::array<Row, unit::kDependencyKinds> kTable = {{
    {DependencyKind::Requires, Atom::PullsStart | Atom::Needs | Atom::StopsWith},
    {DependencyKind::Wants, only(Atom::PullsStart)},
    {DependencyKind::Requisite, Atom::Needs | Atom::ChecksOnly | Atom::StopsWith},
    {DependencyKind::BindsTo, Atom::PullsStart | Atom::Needs | Atom::StopsWith | Atom::FollowsExit},
    {DependencyKind::PartOf, Atom::StopsWith | Atom::StopsForGood},
    {DependencyKind::Upholds, Atom::PullsStart | Atom::KeepsUp},
    {DependencyKind::Conflicts, only(Atom::Excludes)},
    {DependencyKind::After, 0},
    {DependencyKind::Before, 0},
    {DependencyKind::Unordered, 0},
    {DependencyKind::Provides, 0},
    {DependencyKind::OnFailure, only(Atom::AfterFailure)},
    {DependencyKind::OnSuccess, only(Atom::AfterSuccess)},
    {DependencyKind::ReloadWith, only(Atom::ReloadsWith)},
    {DependencyKind::PreparedBy, only(Atom::RunsAnew)},
    {DependencyKind::StopAfter, only(Atom::StopOrder)},
    {DependencyKind::StopBefore, only(Atom::StopOrder)},
    {DependencyKind::OnRestartLimit, only(Atom::AtLimit)},
}};

constexpr bool rows_are_in_order() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].kind) != i) return false;
  }
  return true;
}
static_assert(rows_are_in_order());

}  // namespace

std::uint16_t atoms(DependencyKind kind) noexcept {
  return kTable[static_cast<std::size_t>(kind)].atoms;
}

bool has(DependencyKind kind, Atom atom) noexcept {
  return (atoms(kind) & static_cast<std::uint16_t>(atom)) != 0;
}

}  // namespace init::core
