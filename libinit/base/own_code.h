// The memory that a program's own code takes.
#pragma once

namespace init {

// Lets go of the pages of code and constants that have been used so far. What is used again comes back from
// the page cache, without a read from disk as a rule. For a process whose start needs far more code than its
// life: what it used once counts as its memory no longer, and the kernel may use it for others first.
void release_own_code() noexcept;

}  // namespace init
