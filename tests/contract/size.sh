#!/bin/sh
# size.sh LIMIT FILE...: lines that are neither blank nor comment. What must never fail is to stay small enough to be read
# in an hour; a higher limit needs its reason in docs/architecture.md.
limit=${1:?}
shift
[ $# -gt 0 ] || { echo "no files named"; exit 2; }
lines=$(grep -hcvE '^[[:space:]]*(//.*)?$' "$@" | awk '{ sum += $1 } END { print sum }')
echo "$lines lines of at most $limit"
[ "$lines" -le "$limit" ]
