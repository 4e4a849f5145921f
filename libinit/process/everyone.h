// All processes that this one is responsible for at its end: as PID 1 of a namespace those of the namespace,
// else its descendants.
#pragma once

namespace init::process {

// Descendants get the signal the deepest first, so that nobody's death moves the rest of a list elsewhere.
// What threads other than the first have forked is not found, and nobody is where /proc lists no children
// (false).
bool signal_everyone(int signal) noexcept;

}  // namespace init::process
