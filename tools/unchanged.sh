#!/usr/bin/env bash
# unchanged.sh REMEDY PATH... -- COMMAND...: runs the command and fails, printing the remedy, if the command changed one of the paths.
set -euo pipefail
remedy=$1; shift
paths=()
while [ "$1" != "--" ]; do paths+=("$1"); shift; done
shift
sum() { for p in "${paths[@]}"; do [ ! -e "$p" ] || find "$p" -type f -print0; done | sort -z | xargs -0 sha256sum; }
before=$(sum)
"$@"
if ! changed=$(diff <(echo "$before") <(sum)); then
  echo "out of date; run: $remedy" >&2
  echo "$changed" | awk '/^[<>]/ {print "  " $3}' | sort -u >&2
  exit 1
fi
