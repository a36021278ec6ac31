# SPDX-License-Identifier: MIT
# fish completion of platterfs(1). Asks no daemon, which may be stuck.

set -g __platterfs_commands mount umount create prepare resize info doctor attach detach status top unlock lock

function __platterfs_needs_command
    not __fish_seen_subcommand_from $__platterfs_commands
end

function __platterfs_is
    __fish_seen_subcommand_from $argv
end

# From mountinfo(5): a stat(2) of a mount would wait for its daemon.
function __platterfs_mountpoints
    string match -r '.* - fuse\.platterfs .*' </proc/self/mountinfo | while read -l line
        printf '%b\n' (string split ' ' -- $line)[5]
    end
end

function __platterfs_volumes
    set -l typed (commandline -ct)
    for point in (__platterfs_mountpoints)
        if string match -q -- "$point/*" $typed
            __fish_complete_path $typed
            return
        end
    end
    printf '%s/\n' (__platterfs_mountpoints)
end

function __platterfs_loops
    for file in /sys/block/loop*/loop/backing_file
        printf '/dev/%s\t%s\n' (string split / -- $file)[4] (cat $file)
    end
end

# -o a,b=c: the last of them; the others stay in front.
function __platterfs_list
    set -l typed (commandline -ct)
    set -l last (string match -r '[^,]*$' -- $typed)
    set -l before (string sub -l (math (string length -- $typed) - (string length -- $last)) -- $typed)
    set -l name (string replace -r '=.*' = -- $last)
    switch $last
        case 'type=*' 'require=*' 'discard=*' 'engine=*' 'transport=*' 'cipher=*' 'hash=*' 'sector-size=*' 'key-size=*' 'size=*' 'expect=*'
            printf "$before%s\n" (__platterfs_values $name)
        case 'keyfile=*' 'header=*' 'table=*'
            set -l path (string replace $name '' -- $last)
            test $name != keyfile=; or printf "$before$name%s\n" none '%%user:' '%%cred:'
            for file in (complete -C "'' $path" | string replace -r '\t.*' '')
                printf '%s%s%s\n' $before $name $file
            end
        case '*'
            __platterfs_options | while read -l option
                printf '%s%s\n' $before $option
            end
    end
end

function __platterfs_values
    switch $argv
        case 'type='
            set -f values auto raw luks plain tcrypt bitlk
        case 'require='
            set -f values mapped any
        case 'discard='
            set -f values keep zero punch
        case 'engine='
            set -f values auto io_uring threads
        case 'transport='
            set -f values auto fuse-uring dev
        case 'cipher='
            set -f values aes-xts-plain64 aes-cbc-essiv:sha256 aes-cbc-plain serpent-xts-plain64 twofish-xts-plain64 camellia-xts-plain64
        case 'hash='
            set -f values plain ripemd160 sha1 sha256 sha512
        case 'sector-size='
            set -f values 512 1024 2048 4096
        case 'key-size=' 'size='
            set -f values 128 256 512
        case 'expect='
            set -f values ext4 xfs btrfs vfat ntfs gpt dos LVM2_member
    end
    printf "$argv%s\n" $values
end

function __platterfs_options
    printf '%s\t%s\n' \
        type= 'what the image is' luks type plain type tcrypt type bitlk type \
        start= 'where the window begins' length= 'of the window' expect= 'filesystem in it' \
        partitions 'of raw images, as volumes' require= 'mapped, any' discard= 'keep, zero, punch' passthrough 'direct I/O without the daemon' ro 'read-only' readonly 'read-only' \
        read-only 'read-only' keyfile= 'passphrase or key' keyfile-offset= 'bytes to skip' \
        keyfile-size= 'bytes to read' key-slot= 'of LUKS' header= 'detached LUKS header' \
        cipher= 'of type=plain' key-size= 'bits' size= 'bits' hash= 'of type=plain' \
        sector-size= 'of encryption' iv-large-sectors 'of type=plain' offset= 'sectors' \
        skip= 'sectors' tcrypt-hidden 'of type=tcrypt' tcrypt-system 'of type=tcrypt' \
        tcrypt-veracrypt 'of type=tcrypt' veracrypt-pim= 'of type=tcrypt' \
        table= 'options for each volume' engine= 'io_uring, threads' \
        transport= 'fuse-uring, dev' lanes= 'threads' depth= 'requests a lane' \
        auto_unmount 'when the daemon dies' allow_other 'other users' allow_root 'root'
    printf '%s\tof mount(8)\n' dev nodev suid nosuid exec noexec atime noatime sync async dirsync \
        defaults rw auto noauto nofail user users nouser owner group _netdev default_permissions \
        diratime nodiratime relatime norelatime strictatime \
        lazytime nolazytime iversion noiversion nosymfollow mand nomand silent loud
end

complete -c platterfs -e
complete -c platterfs -f
complete -c platterfs -s h -l help -d 'Usage'
complete -c platterfs -n __platterfs_needs_command -s V -l version -d Version

set -l word complete -c platterfs -n __platterfs_needs_command -a
$word mount -d 'Serve images as files'
$word umount -d 'Unmount, when everything is on the device'
$word create -d 'Make an image, every block written'
$word prepare -d 'Make every block of an image written, in place'
$word resize -d 'Change the size of an image'
$word info -d 'What an image is, and where it lies'
$word doctor -d 'What stands between it and one flush for each fsync'
$word attach -d 'Make a block device of an image'
$word detach -d 'Take it away'
$word status -d 'What is mounted, and what it has done'
$word top -d 'What volumes do at this moment'
$word unlock -d 'Give an encrypted volume its key'
$word lock -d 'Take the key away'

# Without a command, it mounts.
set -l mounting complete -c platterfs -n '__platterfs_needs_command; or __platterfs_is mount'
$mounting -F
$mounting -s f -l foreground -d 'Stay, and log to standard error'
$mounting -l fs -d 'Mount the filesystem in an image'
$mounting -s o -l options -x -a '(__platterfs_list)' -d 'How to serve'

set -l path complete -c platterfs -n '__platterfs_is create prepare resize info doctor attach detach umount' -F
$path
complete -c platterfs -n '__platterfs_is umount status top doctor' -a '(__platterfs_mountpoints)' -d 'Mount point'
complete -c platterfs -n '__platterfs_is unlock lock' -a '(__platterfs_volumes)'
complete -c platterfs -n '__platterfs_is detach' -a '(__platterfs_loops)'

set -l create complete -c platterfs -n '__platterfs_is create'
$create -s t -l type -x -a 'raw luks1 luks2 plain' -d 'Of the image'
$create -s s -l size -x -d 'Bytes, or with K, M, G, T'
$create -l sparse -d 'Allocate nothing but a header'
$create -s c -l cipher -x -a 'aes-xts-plain64 aes-cbc-essiv:sha256 serpent-xts-plain64 twofish-xts-plain64 camellia-xts-plain64' -d 'Cipher spec'
$create -l key-size -x -a '256 512' -d Bits
$create -l hash -x -a 'sha256 sha512 ripemd160 plain' -d 'Of the key derivation'
$create -l sector-size -x -a '512 1024 2048 4096' -d 'Of encryption'
$create -l iv-large-sectors -d 'IVs count sectors of that size'
$create -l pbkdf -x -a 'argon2id argon2i pbkdf2' -d 'Key derivation'
$create -l pbkdf-force-iterations -x -d 'Instead of measuring'
$create -l header -r -F -d 'Put the header there'
$create -l offset -x -d 'Where the data begin, in 512 bytes'

set -l key complete -c platterfs -n '__platterfs_is create unlock'
$key -s d -l key-file -r -F -d 'Instead of asking'
$key -l keyfile-offset -x -d 'Bytes to skip'
$key -s l -l keyfile-size -x -d 'Bytes to read'

complete -c platterfs -n '__platterfs_is info doctor status top' -l json -d 'For programs'
complete -c platterfs -n '__platterfs_is info' -l map -d 'Draw where it lies'
complete -c platterfs -n '__platterfs_is resize' -l shrink -d 'Allow a smaller size'
complete -c platterfs -n '__platterfs_is resize' -l noise -d 'Write noise, not zeros'

set -l attach complete -c platterfs -n '__platterfs_is attach'
$attach -s r -l read-only -d 'The device cannot be written'
$attach -s P -l partscan -d 'Partitions get devices too'
$attach -s o -l options -x -a '(__platterfs_list)' -d 'How to serve'
$attach -l kernel -d 'Without a daemon'

set -l top complete -c platterfs -n '__platterfs_is top'
$top -s 1 -l once -d 'One table'
$top -s i -l interval -x -a '0.5 1 2 5' -d Seconds
