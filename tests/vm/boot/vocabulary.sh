# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2034
# What the guest's scripts share, and the case itself.
PATH=/share/tools:$PATH
VOLUMES=(raw safe plain above deep)
LENGTH=200000 # of the file that each boot leaves on each of them
# Of the writers.
WRITTEN=(raw above deep)
PIECE=4096
SEED=99

say() {
    echo "<5>guest: $*" >/dev/kmsg
}

die() {
    say "FAILED: $*"
    exit 1
}
