#!/bin/bash
# SPDX-License-Identifier: MIT
# What platterfs writes a real dm-crypt reads, and the other way round, bit for bit: every line of
# `specs` on each kernel, and LUKS volumes that either side makes. docs/compatibility.md must say
# just what was seen; tests/vm/compatibility writes it.
. "$(dirname "$0")/../lib.sh"
. "$CASE/cases.sh"
. "$CASE/luks.sh"

SUITES=(bookworm bookworm-backports)
GUEST_SECONDS=420

# --- Our half: everything is written once, for all kernels

ours_write() {
    local n
    image_mapped ours.img $((${#spec[@]} * STRIDE))
    for ((n = 0; n < ${#spec[@]}; n++)); do case_write $n; done
    for ((n = 0; n < ${#luks[@]}; n++)); do luks_write $n; done
}

# --- What Debian leaves out of its kernels

# In the order in which they are loaded; and which ciphers need them.
MODULES=(aria_generic sm3 sm3_generic sm4 sm4_generic)
ADDED='aria|sm3|sm4'

# Builds them from the source of the same kernel.
modules_build() { # FOLDER
    local source=$VM_CACHE/source/$kernel_release files=("${MODULES[@]/#/crypto/}") n
    kernel_build_get || return
    kernel_source_get "$source" "${files[@]/%/.c}" || return
    printf 'obj-m += %s.o\n' "${MODULES[@]}" >"$source/crypto/Kbuild"
    make -s -C "$kernel_build" M="$source/crypto" CONFIG_DEBUG_INFO_BTF_MODULES= modules \
        >modules.log 2>&1 || return
    mkdir "$1"
    for ((n = 0; n < ${#MODULES[@]}; n++)); do
        cp "$source/crypto/${MODULES[n]}.ko" "$1/$n-${MODULES[n]}.ko"
    done
}

# --- Their half: all guests at once. $kernels has those that there are, as "6.1".

kernels=()
complete=yes

without() { # WHAT AND WHY
    skip_part "$1"
    complete=no
}

guest_start() { # KERNEL
    local n drives=()
    cp "$CASE/guest.sh" plaintext passphrase cases luks "$1.share"
    truncate -s "$(stat -c %s ours.img)" "$1.img"
    drives=(-drive "file=ours.img,format=raw,if=virtio,readonly=on"
        -drive "file=$1.img,format=raw,if=virtio")
    for ((n = 0; n < ${#luks[@]}; n++)); do
        truncate -s $LUKS_BYTES "$1.luks-$n.img"
        drives+=(-drive "file=ours.luks-$n.img,format=raw,if=virtio,readonly=on"
            -drive "file=$1.luks-$n.img,format=raw,if=virtio")
    done
    vm_start "$1" "$SCRATCH/$1.share" $GUEST_SECONDS "${drives[@]}"
}

guests_start() {
    local suite
    for suite in "${SUITES[@]}"; do
        kernel_get "$suite" >why || { without "$suite: $(cat why)" && continue; }
        kernels+=("$kernel_version")
        mkdir "$kernel_version.share"
        modules_build "$kernel_version.share/modules" ||
            without "$suite: its modules for ARIA and SM4 cannot be built here"
        step "Linux $kernel_release starts"
        guest_start "$kernel_version"
    done
    [[ ${#kernels[@]} -gt 0 ]] || skip "no kernel for a guest"
}

# --- The verdicts: lines "NAME VERDICT" in KERNEL.verdicts

declare -A saw # by a guest, of read-N or luks-N: a checksum, "refused", or nothing
wrong=0

guest_results() { # KERNEL
    local words
    saw=()
    while read -r -a words; do
        case ${words[0]} in
        refused) saw[${words[1]}]=refused ;;
        *) saw[${words[-1]}]=${words[0]} ;;
        esac
    done <"$1.share/results"
}

# Goes on after a difference, so that one run tells all of them.
verdict() { # KERNEL NAME TITLE VERDICT DIFFERENCES
    local verdict=$4
    if [[ -n $5 ]]; then
        [[ $verdict == refused ]] || verdict=different
        wrong=$((wrong + 1))
        printf -- "-- WRONG: Linux $1: $3: %s\n" "${5//$'\n'/; }"
    fi
    echo "$2 $verdict" >>"$1.verdicts"
}

case_judge() { # KERNEL NUMBER
    local n=$2 seen=${saw[read-$2]:-} differences='' verdict=identical
    if [[ -z $seen ]]; then
        differences="the guest says nothing of it"
    elif [[ ${refused[n]:-} == expected ]]; then
        differences="platterfs does not refuse it"
    elif [[ ${refused[n]:-} == "expected "* ]]; then
        verdict=refused
    elif [[ -n ${refused[n]:-} ]]; then
        verdict=refused differences=${refused[n]}
    elif [[ $seen == refused ]]; then
        verdict=absent
    else
        differences=$(case_differences "$n" "$1.img" "$seen")
        [[ ! ${spec[n]} =~ $ADDED ]] || verdict=added
    fi
    verdict "$1" "$n" "$(case_title "$n")" "$verdict" "$differences"
}

control_judge() { # KERNEL NUMBER
    local differences seen=${saw[read-$2]:-refused}
    [[ $seen != refused && -z ${refused[$2]:-} ]] || fail "Linux $1: a control has not run"
    differences=$(case_differences "$2" "$1.img" "$seen")
    [[ $(wc -l <<<"$differences") -eq 3 ]] ||
        fail "Linux $1: another ${control[$2]} makes no difference: $differences"
}

luks_judge() { # KERNEL NUMBER
    local seen=${saw[luks-$2]:-} differences
    differences=$(luks_differences "$1.luks-$2.img" "$seen")
    verdict "$1" "luks-$2" "${luks[$2]}" identical "$differences"
}

kernel_judge() { # KERNEL
    local n
    guest_results "$1"
    for ((n = 0; n < ${#spec[@]}; n++)); do
        if [[ -n ${control[n]:-} ]]; then control_judge "$1" $n; else case_judge "$1" $n; fi
    done
    for ((n = 0; n < ${#luks[@]}; n++)); do luks_judge "$1" $n; done
    step "Linux $1: $(grep -c 'identical\|added' "$1.verdicts") identical," \
        "$(grep -c absent "$1.verdicts") not in this kernel"
}

# --- The document

# Made even of a run that fails, so that it never says more than was seen.
document_make() {
    python3 "$CASE/document.py" "$CASE" "${kernels[@]}" >compatibility.md
    [[ -z ${PLATTERFS_COMPATIBILITY:-} ]] || cp compatibility.md "$PLATTERFS_COMPATIBILITY"
}

document_check() {
    if [[ -n ${PLATTERFS_COMPATIBILITY:-} ]]; then
        [[ $complete == yes ]] || fail "the document would be without what is missing"
    elif [[ $complete == no ]]; then
        skip_part "docs/compatibility.md: not compared, without what is missing"
    else
        diff -u "$REPOSITORY/docs/compatibility.md" compatibility.md ||
            fail "docs/compatibility.md says something else: tests/vm/compatibility writes it"
    fi
}

mkdir v
cases_read
controls_add
luks_read
bytes pattern $SEED 0 $LENGTH >plaintext
plaintext=$(sha256sum <plaintext)
plaintext=${plaintext%% *}
step "${#spec[@]} cases and ${#luks[@]} LUKS volumes, written by platterfs"
ours_write
guests_start
for kernel in "${kernels[@]}"; do
    vm_wait "$kernel" || fail "Linux $kernel: guest.sh failed"
done
for kernel in "${kernels[@]}"; do
    step "Linux $kernel is compared"
    kernel_judge "$kernel"
done
document_make
((wrong == 0)) || fail "$wrong differences"
document_check
