#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Checks what the library calls and what it shows: no terminal, no environment, no exit; only vzr_.
# usage: check-symbols.sh BUILD-DIR [SYMBOL-LIST]      (a build without sanitizers)
set -u
build=${1:?usage: check-symbols.sh BUILD-DIR [SYMBOL-LIST]}
list=${2:-$(dirname "$0")/symbols.list}
bad=0

# What a library that never prints, asks, ends the process or reads the environment does not call.
banned='printf|__printf_chk|vprintf|__vprintf_chk|puts|putchar|perror|stdout|stderr|stdin|exit'
banned="$banned|_Exit|quick_exit|abort|getenv|secure_getenv|setenv|putenv|system|popen|chdir"
banned="$banned|warn|warnx|err|errx|syslog|getpass"

found=0
while IFS= read -r archive; do
	found=$((found + 1))
	# Lines are "ARCHIVE[MEMBER]:" and "SYMBOL TYPE ..."
	hits=$(nm -u --format=posix "$archive" 2>/dev/null | awk '
		/\]:$/ { member = $1; sub(/.*\[/, "", member); sub(/\]:$/, "", member) }
		$2 == "U" || $2 == "w" { sub(/@.*/, "", $1); print member, $1 }' |
		grep -E " ($banned)\$")
	while read -r member symbol; do
		[ -n "$symbol" ] || continue
		echo "${archive#"$build"/}:1: $member calls $symbol"
		bad=1
	done <<<"$hits"
done < <(find "$build" -path '*/tests' -prune -o -name 'libvzr-*.a' -print | sort)
if [ "$found" -eq 0 ]; then
	echo "$build:1: no library archives there"
	exit 1
fi

library=$(find "$build/engine" -maxdepth 1 -name 'libvzroot.so*[0-9]' -type f | head -n 1)
if [ -z "$library" ]; then
	echo "$build:1: no libvzroot.so there"
	exit 1
fi
# (type A: the name of the version itself)
shown=$(nm -D --defined-only --format=posix "$library" | awk '$2 != "A" { print $1 }' |
	sed 's/@.*//' | sort -u)
foreign=$(grep -v '^vzr_' <<<"$shown")
if [ -n "$foreign" ]; then
	echo "$library:1: shows what is not vzr_: $(tr '\n' ' ' <<<"$foreign")"
	bad=1
fi
if ! difference=$(diff <(grep -v '^#' "$list" | sort -u) <(echo "$shown")); then
	echo "$list:1: differs from what libvzroot.so shows:"
	echo "$difference"
	bad=1
fi
exit $bad
