# SPDX-License-Identifier: MIT
# shellcheck shell=bash disable=SC2086,SC2207
# bash completion of platterfs(1). Needs nothing but bash; asks no daemon, which may be stuck.

declare -A _platterfs_options=(
    [mount]="-f --foreground --fs -o --options -h --help"
    [umount]="-h --help"
    [create]="-t --type -s --size --sparse -c --cipher --key-size --hash --sector-size
        --iv-large-sectors -d --key-file --keyfile-offset -l --keyfile-size --pbkdf
        --pbkdf-force-iterations --header --offset -h --help"
    [prepare]="-h --help"
    [resize]="--shrink --noise -h --help"
    [info]="--json --map -h --help"
    [doctor]="--json -h --help"
    [attach]="-r --read-only -P --partscan -o --options --kernel -h --help"
    [detach]="-h --help"
    [status]="--json -h --help"
    [top]="-1 --once -i --interval --json -h --help"
    [unlock]="-d --key-file --keyfile-offset -l --keyfile-size -h --help"
    [lock]="-h --help"
)

# Of -o; a name that has a value ends in "=".
_platterfs_mount_options="type= luks plain tcrypt bitlk start= length= expect= require= discard= partitions passthrough ro
    readonly read-only keyfile= keyfile-offset= keyfile-size= key-slot= header= cipher= key-size=
    size= hash= sector-size= iv-large-sectors offset= skip= tcrypt-hidden tcrypt-system
    tcrypt-veracrypt veracrypt-pim= table= engine= transport= lanes= depth= auto_unmount allow_other
    allow_root dev nodev suid nosuid exec noexec atime noatime sync async dirsync defaults rw auto
    noauto nofail user users nouser owner group _netdev default_permissions diratime nodiratime
    relatime norelatime strictatime lazytime nolazytime iversion noiversion nosymfollow mand
    nomand silent loud"

# What a value can be: of -o NAME= and of --NAME; @file: a path.
declare -A _platterfs_values=(
    [type=]="auto raw luks plain tcrypt bitlk"
    [expect=]="ext4 xfs btrfs vfat ntfs gpt dos LVM2_member"
    [require=]="mapped any"
    [discard=]="keep zero punch"
    [engine=]="auto io_uring threads"
    [transport=]="auto fuse-uring dev"
    [cipher=]="aes-xts-plain64 aes-cbc-essiv:sha256 aes-cbc-plain serpent-xts-plain64
        twofish-xts-plain64 camellia-xts-plain64 xchacha12,aes-adiantum-plain64"
    [hash=]="plain ripemd160 sha1 sha256 sha512"
    [sector-size=]="512 1024 2048 4096"
    [key-size=]="128 256 512"
    [size=]="128 256 512"
    [keyfile=]="none %user: %cred: @file"
    [header=]="@file"
    [table=]="@file"
    [--type]="raw luks1 luks2 plain"
    [--fs]="ext2 ext3 ext4 squashfs erofs"
    [--cipher]="aes-xts-plain64 aes-cbc-essiv:sha256 serpent-xts-plain64 twofish-xts-plain64
        camellia-xts-plain64"
    [--key-size]="256 512"
    [--hash]="sha256 sha512 ripemd160 plain"
    [--sector-size]="512 1024 2048 4096"
    [--pbkdf]="argon2id argon2i pbkdf2"
    [--key-file]="- %user: %cred: @file"
    [--header]="@file"
    [--size]=""
    [--keyfile-offset]=""
    [--keyfile-size]=""
    [--pbkdf-force-iterations]=""
    [--offset]=""
    [--interval]="0.5 1 2 5"
)

declare -A _platterfs_letters=(
    [-t]=--type [-s]=--size [-c]=--cipher [-d]=--key-file [-l]=--keyfile-size [-i]=--interval
    [-o]=--options
)

# Those that begin with what is typed, without what readline takes for words of its own.
_platterfs_offer() { # WORD...
    local word strip=
    [[ $COMP_WORDBREAKS != *[=:]* ]] || strip=${cur%"${cur##*[=:]}"}
    for word; do
        [[ $word != "$cur"* ]] || COMPREPLY+=("${word#"$strip"}")
        [[ $word != "$cur"*[=:/,] ]] || compopt -o nospace 2>/dev/null
    done
}

# The same, each behind PREFIX; what a value can be stands in the table.
_platterfs_offer_values() { # PREFIX NAME TYPED
    local value
    for value in ${_platterfs_values[$2]-}; do
        if [[ $value == @file ]]; then
            compopt -o nospace 2>/dev/null
            while IFS= read -r value; do
                [[ ! -d $value ]] || value+=/
                _platterfs_offer "$1$value"
            done < <(compgen -f -- "$3")
        else
            _platterfs_offer "$1$value"
        fi
    done
}

# -o a,b=c: the last of them.
_platterfs_list() {
    local last=${cur##*,} prefix name
    prefix=${cur%"$last"}
    compopt -o nospace 2>/dev/null
    if [[ $last == *=* ]]; then
        _platterfs_offer_values "$prefix${last%%=*}=" "${last%%=*}=" "${last#*=}"
        return
    fi
    for name in $_platterfs_mount_options; do
        _platterfs_offer "$prefix$name"
    done
}

# From mountinfo(5): a stat(2) of a mount would wait for its daemon.
_platterfs_mountpoints() {
    local line point
    while IFS= read -r line; do
        [[ $line == *" - fuse.platterfs "* ]] || continue
        point=${line#* * * * }
        printf '%b\n' "${point%% *}"
    done </proc/self/mountinfo
}

_platterfs_offer_mountpoints() { # SUFFIX
    local point
    while IFS= read -r point; do
        [[ $point != "$typed"* ]] || COMPREPLY+=("$(printf '%q' "$point")$1")
        [[ -z $1 ]] || compopt -o nospace 2>/dev/null
    done < <(_platterfs_mountpoints)
}

_platterfs_offer_loops() {
    local file
    for file in /sys/block/loop*/loop/backing_file; do
        [[ -e $file ]] || continue
        file=${file#/sys/block/}
        _platterfs_offer "/dev/${file%%/*}"
    done
}

_platterfs_offer_files() {
    compopt -o filenames 2>/dev/null
    COMPREPLY+=($(IFS=$'\n' && compgen -f -- "$typed"))
}

# A volume below one of the mount points, as soon as one of them is typed.
_platterfs_offer_volumes() {
    local point
    while IFS= read -r point; do
        [[ $typed != "$point"/* ]] || { _platterfs_offer_files && return; }
    done < <(_platterfs_mountpoints)
    _platterfs_offer_mountpoints /
}

_platterfs_offer_arguments() { # COMMAND
    local IFS=$'\n'
    case $1 in
    umount)
        _platterfs_offer_mountpoints ""
        _platterfs_offer_files # the folder of mount --fs
        ;;
    status | top) _platterfs_offer_mountpoints "" ;;
    unlock | lock) _platterfs_offer_volumes ;;
    detach)
        _platterfs_offer_loops
        _platterfs_offer_files
        ;;
    doctor)
        _platterfs_offer_mountpoints ""
        _platterfs_offer_files
        ;;
    *) _platterfs_offer_files ;;
    esac
}

# The command, or mount, and whether it stands there already.
_platterfs_command() {
    local word
    for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ -z ${_platterfs_options[$word]+known} ]] || {
            printf '%s' "$word"
            return
        }
        [[ $word == -* ]] || break
    done
    return 1
}

_platterfs() {
    local line=${COMP_LINE:0:COMP_POINT} cur before typed command named=yes
    cur=${line##*[[:space:]]}
    before=${line%"$cur"}
    before=${before%"${before##*[![:space:]]}"}
    before=${before##*[[:space:]]}
    typed=${COMP_WORDS[COMP_CWORD]}
    typed=${typed//\\/}
    COMPREPLY=()
    command=$(_platterfs_command) || { command=mount && named=; }
    before=${_platterfs_letters[$before]-$before}

    if [[ $before == -* && $before != "$command" && $before != --fs ]]; then
        if [[ $before == --options ]]; then
            _platterfs_list
            return
        elif [[ -n ${_platterfs_values[$before]+known} ]]; then
            _platterfs_offer_values "" "$before" "$cur"
            return
        fi
    fi
    case $cur in
    --options=*)
        cur=${cur#*=}
        _platterfs_list
        ;;
    --*=*) _platterfs_offer_values "${cur%%=*}=" "${cur%%=*}" "${cur#*=}" ;;
    -*)
        _platterfs_offer ${_platterfs_options[$command]}
        [[ -n $named ]] || _platterfs_offer --version -V
        ;;
    *)
        [[ -n $named ]] || _platterfs_offer "${!_platterfs_options[@]}"
        _platterfs_offer_arguments "$command"
        ;;
    esac
}

complete -F _platterfs platterfs
