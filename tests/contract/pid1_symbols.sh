#!/bin/sh
# pid1_symbols.sh NM LIST OBJECT...: what the objects of initd take from outside of themselves must stand in LIST. So no
# heap, no names, no stdio streams, no C++ runtime gets into PID 1 unseen. __read_chk counts as read: _FORTIFY_SOURCE's.
nm=$1
list=$2
shift 2
used=$("$nm" -u "$@" | sed -n 's/^ *[Uw] //p' | grep -v '^_ZNK\{0,1\}4init' | sed 's/^__\(.*\)_chk$/\1/; s/^__v\{0,1\}\([a-z]*printf\)$/\1/' | sort -u)
[ -n "$used" ] || { echo "no symbols: wrong objects?"; exit 2; }
unknown=$(echo "$used" | grep -vxF -f "$list")
[ -z "$unknown" ] && exit 0
echo "not on the list of PID 1:"
echo "$unknown"
exit 1
