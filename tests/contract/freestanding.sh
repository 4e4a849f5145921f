#!/bin/sh
# freestanding.sh NM OBJECT...: these objects run in PID 1 or between fork and exec; they may want only what is allowed
# here: no heap, no exceptions, no streams, no locale. Names of this project are other objects of the same kind.
set -u
nm=${1:?}
shift
[ $# -gt 0 ] || { echo "no objects named"; exit 2; }
allowed='memcpy|memset|memmove|memcmp|memchr|strlen|strncmp'
allowed="$allowed|epoll_create1|epoll_ctl|epoll_wait|close|__errno_location"
# What ends the process where an index or a size is out of range; the stack protector.
allowed="$allowed|__mem(cpy|set|move)_chk|_ZSt21__glibcxx_assert_failPKciS0_S0_|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_"
allowed="$allowed|_ZNK?4init[A-Za-z0-9_]*"

failed=0
for object in "$@"; do
  wanted=$("$nm" --undefined-only --format=posix "$object") || exit 2
  strange=$(printf '%s\n' "$wanted" | cut -d' ' -f1 | grep -vE "^($allowed)?\$")
  if [ -n "$strange" ]; then
    printf '%s wants:\n%s\n' "$object" "$strange"
    failed=1
  fi
done
exit $failed
