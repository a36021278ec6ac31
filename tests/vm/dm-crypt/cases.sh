# SPDX-License-Identifier: MIT
# shellcheck shell=bash
# The lines of `specs`, each a case with a window of its own: at the same place of ours.img, which
# platterfs writes, and of every KERNEL.img, which the guest writes.

# All 64 keys of the largest sectors, and a bit.
LENGTH=$((66 * 4096))
# From window to window: the longest offset= fits in, and between them stay zeros.
STRIDE=$((320 * 1024))
# The bytes of every plaintext; only the keys tell the cases apart.
SEED=1

spec=() bits=() sector=() offset=() skip=() large=() refused=() control=()

cases_read() {
    local words option n
    while read -r -a words; do
        [[ ${#words[@]} -gt 0 && ${words[0]} != \#* ]] || continue
        n=${#spec[@]}
        spec[n]=${words[0]} bits[n]=${words[1]} sector[n]=${words[2]} offset[n]=0 skip[n]=0
        for option in "${words[@]:3}"; do
            case $option in
            iv-large-sectors) large[n]=yes ;;
            offset=*) offset[n]=${option#*=} ;;
            skip=*) skip[n]=${option#*=} ;;
            refused) refused[n]=expected ;;
            *) fail "specs: no such option: $option" ;;
            esac
        done
    done <"$CASE/specs"
}

# Cases where the guest is told something else than platterfs. They must differ in every respect, or
# the comparison is worth nothing.
controls_add() {
    local what n
    for what in key skip; do
        n=${#spec[@]}
        spec[n]=aes-xts-plain64 bits[n]=512 sector[n]=512 offset[n]=0 skip[n]=0 control[n]=$what
    done
}

case_title() { # NUMBER
    local n=$1 title
    title="${spec[n]}, ${bits[n]} bits, ${sector[n]} bytes${large[n]:+, iv-large-sectors}"
    echo "$title, offset=${offset[n]}, skip=${skip[n]}"
}

# The guest's line, in dm-crypt's terms.
case_line() { # NUMBER
    local n=$1 key iv=${skip[$1]} options=()
    key=$(od -An -v -tx1 "key-$n" | tr -d ' \n')
    case ${control[n]:-} in
    key) key=$(tr 0-9a-f 1-9a-f0 <<<"$key") ;;
    skip) iv=1 ;;
    esac
    [[ ${sector[n]} -eq 512 ]] || options=("sector_size:${sector[n]}")
    [[ -z ${large[n]:-} ]] || options+=(iv_large_sectors)
    echo "$n $((n * STRIDE / 512 + offset[n])) $((LENGTH / 512)) ${spec[n]} $key $iv ${options[*]}"
}

# A comma in an option's value is written "\,", as everywhere in FUSE's options.
case_mount() { # NUMBER IMAGE
    local n=$1 options
    options="type=plain,cipher=${spec[n]//,/\\,},key-size=${bits[n]},keyfile=$SCRATCH/key-$n"
    options+=",sector-size=${sector[n]},offset=${offset[n]},skip=${skip[n]}"
    options+="${large[n]:+,iv-large-sectors}"
    options+=",start=$((n * STRIDE)),length=$((offset[n] * 512 + LENGTH))"
    platterfs mount -o "$options" "$SCRATCH/$2" "$SCRATCH/v"
}

# First other bytes, then the right ones in pieces of odd sizes, several at once, so that parts of
# sectors are read, decrypted, changed and encrypted again.
case_write() { # NUMBER
    local n=$1
    bytes pattern $((1000 + n)) 0 $((bits[n] / 8)) >"key-$n"
    case_line "$n" >>cases
    if ! case_mount "$n" ours.img 2>refusal; then
        refused[n]="${refused[n]:+${refused[n]} }$(cat refusal)"
        return
    fi
    bytes write v/ours.img 0 $LENGTH $((SEED + 1)) direct
    scatter --depth=4 --min=1 --max=20000 --random=$((n + 1)) v/ours.img 0 $LENGTH $SEED
    volumes_unmount "$SCRATCH/v"
}

# Everything in the window, so that a byte beside the payload shows too.
case_compare() { # NUMBER IMAGE
    local n=$1 at
    at=$(cmp -i $((n * STRIDE)) -n $STRIDE ours.img "$2" | sed 's/.*byte \([0-9]*\).*/\1/') || true
    [[ -z $at ]] && return
    at=$((at - 1 - offset[n] * 512))
    echo "the images differ, first in sector $((at / sector[n])), byte $((at % sector[n]))"
}

case_read() { # NUMBER IMAGE
    case_mount "$1" "$2" 2>refusal || { echo "platterfs cannot open what the kernel wrote: $(cat refusal)" && return; }
    bytes check "v/$2" 0 $LENGTH $SEED 2>check || echo "platterfs reads something else: $(cat check)"
    volumes_unmount "$SCRATCH/v"
}

# A line for each way in which the two differ.
case_differences() { # NUMBER IMAGE CHECKSUM
    [[ $3 == "$plaintext" ]] || echo "the kernel reads something else"
    case_compare "$1" "$2"
    case_read "$1" "$2"
}
