#include "libinit/unit/slices.h"

#include <algorithm>
#include <set>

#include "libinit/unit/names.h"

namespace init::unit {
namespace {

constexpr std::string_view kSuffix = ".slice";

void require(Unit& unit, const std::string& slice) {
  for (const DependencyKind kind : {DependencyKind::Requires, DependencyKind::After}) {
    const auto is_it = [&](const Dependency& one) { return one.kind == kind && one.target == slice; };
    if (std::none_of(unit.dependencies.begin(), unit.dependencies.end(), is_it))
      unit.dependencies.push_back({kind, slice, {}, false});
  }
}

// What a unit lies in; empty = nothing.
std::string slice_around(const Unit& unit) {
  if (unit.kind == Kind::Service) return unit.service.context.resources.slice;
  const auto slices = unit.kind == Kind::Slice ? slices_down_to(unit.id) : std::vector<std::string>();
  return slices.size() < 2 ? std::string() : slices[slices.size() - 2];
}

}  // namespace

std::optional<std::string> slice_id(std::string_view written) {
  std::string id(written);
  if (!is_slice(written)) id += kSuffix;
  const std::string_view stem = std::string_view(id).substr(0, id.size() - kSuffix.size());
  const bool tree = !stem.ends_with('-') && stem.find("--") == std::string_view::npos;
  if (!valid_unit_name(id) || is_template(id) || !tree) return std::nullopt;
  return id;
}

std::vector<std::string> slices_down_to(std::string_view slice) {
  std::vector<std::string> slices;
  const std::string_view stem = slice.substr(0, slice.size() - std::min(slice.size(), kSuffix.size()));
  for (std::size_t at = stem.find('-'); at != std::string_view::npos; at = stem.find('-', at + 1))
    slices.push_back(std::string(stem.substr(0, at)).append(kSuffix));
  if (!slice.empty()) slices.emplace_back(slice);
  return slices;
}

std::string slice_path(std::string_view slice) {
  std::string path;
  for (const std::string& one : slices_down_to(slice)) path += (path.empty() ? "" : "/") + one;
  return path;
}

void add_slices(std::vector<Unit>& units, std::span<const std::string> absent) {
  std::set<std::string> known(absent.begin(), absent.end());
  for (const Unit& unit : units) {
    if (unit.kind == Kind::Slice) known.insert(unit.id);
  }
  for (std::size_t at = 0; at < units.size(); ++at) {  // those that are added come at the end
    const std::string slice = slice_around(units[at]);
    if (slice.empty()) continue;
    require(units[at], slice);
    if (!known.insert(slice).second) continue;
    Unit made;
    made.id = slice;
    made.kind = Kind::Slice;
    made.stop_when_unneeded = true;
    units.push_back(std::move(made));
  }
}

}  // namespace init::unit
