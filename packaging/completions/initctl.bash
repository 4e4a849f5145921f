# bash completion of initctl: initctl itself knows its verbs, their options and the units.
_initctl() {
  local word=${COMP_WORDS[COMP_CWORD]} verb='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == -* ]] || { verb=${COMP_WORDS[i]}; break; }
  done
  mapfile -t COMPREPLY < <(compgen -W "$(initctl complete $verb 2>/dev/null)" -- "$word")
}
complete -o default -F _initctl initctl
