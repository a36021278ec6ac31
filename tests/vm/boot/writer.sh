# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# In the guest, until it is stopped or the machine is: writes on a volume's filesystem, synchronously,
# and only then counts that, on the host's side.
set -euo pipefail
. /share/vocabulary.sh
log=/mnt/$1/log
counter=/share/count-$1
count=$(cat "$counter")
bytes open "$log" w create
while :; do
    bytes write "$log" $((count * PIECE)) $PIECE $SEED dsync
    count=$((count + 1))
    echo $count >"$counter.new"
    mv "$counter.new" "$counter"
done
