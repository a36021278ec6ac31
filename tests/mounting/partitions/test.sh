#!/bin/bash
# SPDX-License-Identifier: MIT
# With -o partitions each partition of an image is a volume: where the kernel has it, byte for byte,
# encrypted or not, several at once, beside nobody else; and no table, however wrong, does any harm.
. "$(dirname "$0")/../../integration/lib.sh"
. "$(dirname "$0")/../mounting.sh"

command -v sfdisk >/dev/null || skip "sfdisk is not installed (fdisk)"

# What the kernel makes of it, "NUMBER START SIZE" in bytes; of a copy, so that the image is ours.
# A container of logical partitions is 1 KiB there.
kernel_partitions() { # IMAGE
    local part name
    cp --sparse=always "$1" "$SCRATCH/copy"
    loop_new "$SCRATCH/copy" -P
    name=${loop#/dev/}
    [[ -e /sys/block/$name/${name}p1 ]] || partx -a "$loop" 2>/dev/null || true
    for part in /sys/block/"$name"/"$name"p*; do
        [[ ! -e $part || $(cat "$part/size") == 2 ]] ||
            echo "${part##*p} $(($(cat "$part/start") * 512)) $(($(cat "$part/size") * 512))"
    done | sort -n
    loop_end "$loop"
}

# The same from our names, where each begins being found by its bytes: see the pattern.
our_partitions() { # IMAGE-NAME
    local volume
    for volume in v/"$1".p*; do
        echo "${volume##*.p} $(volume_start "$volume") $(stat -c %s "$volume")"
    done | sort -n
}

# Each sector's number is written in it, beside the tables.
image_number() { # IMAGE
    python3 - "$1" <<'PYTHON'
import os, sys
size = os.stat(sys.argv[1]).st_size // 512
with open(sys.argv[1], "r+b") as file:
    file.write(b"".join((i * 512).to_bytes(8, "little") + bytes(504) for i in range(size)))
PYTHON
}

volume_start() { # VOLUME
    bytes read "$1" 0 8 | od -An -t u8 | tr -d ' '
}

table_make() { # IMAGE SCRIPT
    image_number "$1"
    sfdisk -q --no-reread --no-tell-kernel --wipe never "$1" <<<"$2"
}

logged() { # TEXT
    grep -qF -- "$1" "$SCRATCH/daemon.log"
}

# What a table costs nothing, and who looks changes nothing.
expect_untouched() { # IMAGE COPY
    cmp "$1" "$2" || fail "$1 was changed"
}

state_is() { # VOLUME STATE
    [[ $(status_field "$SCRATCH/v" ".volumes[] | select(.name == \"$1\").state") == "$2" ]]
}

# Mounted with a log, until folder_end.
folder_begin() { # OPTIONS
    volumes_mount_logged daemon "$1" images "$SCRATCH/v"
}

folder_end() {
    volumes_unmount "$SCRATCH/v"
    poll 10 "the daemon to end" process_gone "$daemon"
}

mkdir images v
head -c 32 /dev/urandom >key

step "where the kernel has them: GPT, MBR with logical partitions"
truncate -s 48M images/gpt.img images/mbr.img images/none.img
table_make images/gpt.img 'label: gpt
1: start=2048, size=32768
2: start=36864, size=40960
5: start=34816, size=77'
table_make images/mbr.img 'label: dos
1: start=63, size=1000, type=83
2: start=4096, size=40960, type=5
4: start=65536, size=9, type=83
5: start=4200, size=2048, type=83
6: start=8192, size=8192, type=83
7: start=20480, size=111, type=82'
image_number images/none.img
sync images/*
for image in images/*; do
    dd if="$image" iflag=nocache count=0 status=none
done
folder_begin partitions
for image in gpt.img mbr.img; do
    kernel_partitions "images/$image" >kernel
    [[ $(wc -l <kernel) -ge 3 ]] || fail "the kernel sees: $(cat kernel)"
    expect_equal "partitions of $image" "$(our_partitions "$image")" "$(cat kernel)"
done
expect_equal "the rest" "$(cd v && echo none.img*)" none.img
expect_equal "names" "$(cd v && echo *)" \
    "gpt.img gpt.img.p1 gpt.img.p2 gpt.img.p5 mbr.img mbr.img.p1 mbr.img.p4 mbr.img.p5 mbr.img.p6 mbr.img.p7 none.img"
for name in gpt.img.p3 gpt.img.p01 gpt.img.p0 mbr.img.p2 none.img.p1 gpt.img.p256 gpt.img.p1.p1 .p1; do
    not test -e "v/$name" || fail "$name is there"
done
expect_equal "pages in memory" "$(pages_cached images/gpt.img) $(pages_cached images/mbr.img) $(pages_cached images/none.img)" "0 0 0"
expect_equal "volumes in the status" "$(status_field "$SCRATCH/v" '.volumes | length')" 11
expect_equal "info" "$(platterfs info --json images/gpt.img | jq -r .type)" raw

step "bytes, two of them at once"
cp images/gpt.img before
# Before anything is open: it would keep that.
volumes_mount partitions images "$SCRATCH/w"
exec 8<>v/gpt.img.p1 9<>v/gpt.img.p2
bytes write @8 0 1000000 1
bytes write @9 4096 1000000 2
bytes write @8 $((32768 * 512 - 1)) 1 3
bytes fsync @8
bytes fsync @9
expect_errno ENOSPC bytes write @8 $((32768 * 512)) 1 1
not bytes read v/gpt.img.p2 $((40960 * 512)) 1 >beyond 2>&1 || fail "something lies behind its end"
expect_equal "states" "$(status_field "$SCRATCH/v" '.volumes[] | select(.state == "open") | "\(.name) \(.image) \(.writes > 0)"')" \
    $'gpt.img.p1 gpt.img true\ngpt.img.p2 gpt.img true'

step "one opener: qemu, another platterfs, the whole image"
not qemu-img convert -f raw -O raw images/gpt.img converted 2>qemu.out || fail "qemu-img opened it"
grep -qi lock qemu.out || fail "qemu-img said: $(cat qemu.out)"
for volume in gpt.img gpt.img.p1 gpt.img.p5; do
    expect_errno EBUSY bytes open w/$volume rw
    expect_errno EBUSY bytes open w/$volume r
done
bytes open w/mbr.img.p1 rw
expect_errno EBUSY bytes open v/gpt.img rw
expect_errno EBUSY bytes open v/gpt.img r
logged "gpt.img: in use: a partition of it is open" || fail "the log: $(cat daemon.log)"
expect_refused 1 "a partition of it is open" "$PLATTERFS" resize images/gpt.img 96M
expect_equal "size" "$(stat -c %s images/gpt.img)" $((48 << 20))
exec 8>&-
poll 5 "p1 to be closed" state_is gpt.img.p1 closed
expect_errno EBUSY bytes open w/gpt.img rw
bytes open v/gpt.img.p1 rw
exec 9>&-
poll 5 "the image to be free" bytes open w/gpt.img rw
poll 5 "the image to be free" bytes open v/gpt.img rw
volumes_unmount "$SCRATCH/w"
exec 8<>v/gpt.img
for mode in r rw; do
    expect_errno EBUSY bytes open v/gpt.img.p5 $mode
done
logged "gpt.img.p5: in use: all of its image is open" || fail "the log: $(cat daemon.log)"
exec 8>&-
expect_equal "pages in memory" "$(pages_cached images/gpt.img)" 0
cp --sparse=always images/gpt.img after
python3 - <<'PYTHON'
before, after = open("before", "rb").read(), open("after", "rb").read()
at = lambda start, length: range(start, start + length)
changed = [at(1048576, 1000000), at(36864 * 512 + 4096, 1000000), at(1048576 + 32768 * 512 - 1, 1)]
expected = bytearray(before)
for part in changed:
    expected[part.start:part.stop] = after[part.start:part.stop]
    assert before[part.start:part.stop] != after[part.start:part.stop], part
assert expected == after, "bytes beside the partitions"
PYTHON
cmp <(bytes pattern 1 0 1000000) <(bytes read images/gpt.img 1048576 1000000)
cmp <(bytes pattern 2 4096 1000000) <(bytes read images/gpt.img $((36864 * 512 + 4096)) 1000000)
folder_end

# A filesystem by us, read by the kernel on its own partition, and the other way round. The image is
# nobody else's meanwhile: we have closed it.
step "ext4: the kernel reads what we wrote, and the other way round"
mkdir mnt
platterfs create --size 64M images/fs.img >/dev/null
sfdisk -q --no-reread --no-tell-kernel images/fs.img <<<$'label: gpt\n1: start=2048, size=40960\n2: start=43008, size=81920'
folder_begin partitions
mkfs.ext4 -q -E nodiscard v/fs.img.p1
loop_new "$SCRATCH/v/fs.img.p1" --direct-io=on
mount "$loop" mnt
seq 100000 >mnt/ours
umount mnt
loop_end "$loop"
folder_end
loop_new "$SCRATCH/images/fs.img" -P
[[ -b ${loop}p1 ]] || partx -a "$loop"
mount "${loop}p1" mnt
seq 100000 | cmp - mnt/ours
seq 50000 >mnt/theirs
umount mnt
loop_end "$loop"
folder_begin partitions
loop_new "$SCRATCH/v/fs.img.p1" --direct-io=on
e2fsck -fn "$loop" >fsck.out 2>&1 || fail "e2fsck: $(cat fsck.out)"
mount -o ro "$loop" mnt
seq 50000 | cmp - mnt/theirs
umount mnt
loop_end "$loop"

step "LUKS2 in a partition"
truncate -s 30M luks
platterfs create --type luks2 --size 24M --key-file key --pbkdf pbkdf2 --pbkdf-force-iterations 1000 luks.img >/dev/null
poll 5 "p2 to be writable" dd if=luks.img of=v/fs.img.p2 bs=1M conv=notrunc status=none
poll 5 "p2 to be locked" state_is fs.img.p2 locked
expect_errno ENOKEY bytes open v/fs.img.p2 rw
expect_refused 1 "not encrypted" "$PLATTERFS" unlock v/fs.img.p1
platterfs unlock --key-file key v/fs.img.p2
header=$(cryptsetup luksDump luks.img | awk '$1 == "offset:" { print $2; exit }')
expect_equal "size" "$(stat -c %s v/fs.img.p2)" $((81920 * 512 - header))
exec 8<>v/fs.img.p1
bytes write v/fs.img.p2 12345 1000000 4
bytes check v/fs.img.p2 12345 1000000 4
exec 8>&-
platterfs lock v/fs.img.p2
expect_errno ENOKEY bytes open v/fs.img.p2 r
folder_end
if command -v cryptsetup >/dev/null && cryptsetup --version >/dev/null; then
    loop_new "$SCRATCH/images/fs.img" -o $((43008 * 512)) --sizelimit $((81920 * 512))
    if cryptsetup open --key-file key "$loop" "partition-$ID" 2>dm.out; then
        undo "dmsetup remove partition-$ID 2>/dev/null"
        cmp <(bytes pattern 4 12345 1000000) <(tail -c +12346 "/dev/mapper/partition-$ID" | head -c 1000000)
        cryptsetup close "partition-$ID"
    else
        skip_part "dm-crypt: $(head -1 dm.out)"
    fi
    loop_end "$loop"
fi

step "its key in a table, and a name"
cat >table <<TABLE
disk fs.img none partitions
secret fs.img.p2 $SCRATCH/key luks
TABLE
folder_begin "table=$SCRATCH/table"
expect_equal "names" "$(cd v && echo disk* secret)" "disk disk.p1 secret"
expect_equal "the image's own name" "$(cd v && echo fs*)" "fs*"
bytes check v/secret 12345 1000000 4
expect_equal "other images" "$(cd v && echo gpt*)" gpt.img
expect_equal "in the status" "$(status_field "$SCRATCH/v" '.volumes[] | select(.name == "secret") | "\(.state) \(.reads > 0)"')" "closed true"
folder_end
echo "fs.img.p2 fs.img $SCRATCH/key luks" >table
folder_begin "partitions,table=$SCRATCH/table"
bytes check v/fs.img.p2 12345 1000000 4
folder_end
echo "fs.img.p1 fs.img.p1 $SCRATCH/key" >table
folder_begin "partitions,table=$SCRATCH/table"
logged "fs.img.p1: stays locked: a key is named, but there is no LUKS header" || fail "the log: $(cat daemon.log)"
expect_errno EINVAL bytes open v/fs.img.p1 rw
folder_end

step "one image; its key; a file as the mount point"
for keyfile in "$SCRATCH/key" -; do
    volumes_mount "partitions,keyfile=$keyfile" images/fs.img "$SCRATCH/v" <key
    expect_equal "names" "$(cd v && echo *)" "fs.img fs.img.p1 fs.img.p2"
    bytes check v/fs.img.p2 12345 1000000 4
    bytes open v/fs.img.p1 rw
    bytes open v/fs.img rw
    volumes_unmount "$SCRATCH/v"
done
touch file
expect_refused 1 "partitions: needs a folder" "$PLATTERFS" mount -o partitions images/fs.img file
expect_refused 2 "partitions: not with start=" "$PLATTERFS" mount -o partitions,start=1M images/fs.img v
expect_refused 2 "not a value" "$PLATTERFS" mount -o partitions=1 images/fs.img v
expect_refused 1 "partitions: is for platterfs mount" "$PLATTERFS" attach -o partitions images/fs.img
expect_refused 1 "partitions: start=" "$PLATTERFS" mount --fs -o partitions images/fs.img v
not mountpoint -q v || fail "something is mounted"

step "read-only"
volumes_mount partitions,ro images "$SCRATCH/v"
exec 8<v/gpt.img.p1 9<v/gpt.img
expect_errno EROFS bytes open v/gpt.img.p2 rw
qemu-img convert -f raw -O raw images/gpt.img converted
exec 8<&- 9<&-
volumes_unmount "$SCRATCH/v"
echo "gpt.img.p1 gpt.img.p1 none ro" >table
volumes_mount "partitions,table=$SCRATCH/table" images "$SCRATCH/v"
exec 8<v/gpt.img.p1
expect_errno EROFS bytes open v/gpt.img.p1 rw
bytes write v/gpt.img.p2 0 4096 5
exec 8<&-
volumes_unmount "$SCRATCH/v"

step "another table"
folder_begin partitions
exec 8<>v/mbr.img.p6
bytes write @8 0 4096 6
sfdisk -q --no-reread --no-tell-kernel --delete images/mbr.img 6
not test -e v/mbr.img.p7 || fail "p7 is still there"
expect_equal "p6, which was p7" "$(stat -c %s v/mbr.img.p6)" $((111 * 512))
bytes write @8 4096 4096 6
bytes fsync @8
# It lies beside what is open.
bytes open v/mbr.img.p6 rw
sfdisk -q --no-reread --no-tell-kernel --wipe never images/mbr.img <<<$'label: dos\n2: start=4096, size=40960, type=5\n5: start=8000, size=1000'
expect_errno EBUSY bytes open v/mbr.img.p5 rw
logged "mbr.img.p5: a partition that is open has a block" || fail "the log: $(cat daemon.log)"
exec 8>&-
poll 5 "p5 to open" bytes open v/mbr.img.p5 rw
cmp <(bytes pattern 6 0 8192) <(bytes read images/mbr.img $((8192 * 512)) 8192)

# With locks of its own, each volume would undo what the other one does to the block.
step "two in one block of a disk with blocks of 4096 bytes"
folder_end
disk_mount big ext4 32M --sector-size 4096
truncate -s 4M "$folder/old.img"
table_make "$folder/old.img" $'label: dos\n1: start=63, size=1000\n2: start=1063, size=1001\n3: start=2064, size=8'
cp "$folder/old.img" before
volumes_mount_logged daemon partitions "$folder" "$SCRATCH/v"
expect_equal "inodes" "$(stat -c %i v/* | sort -u | wc -l)" "$(cd v && printf '%s\n' * | wc -l)"
exec 8<>v/old.img.p1
expect_errno EBUSY bytes open v/old.img.p2 rw
bytes open v/old.img.p3 rw
bytes write @8 $((999 * 512 + 1)) 511 8
bytes fsync @8
exec 8>&-
poll 5 "p2 to open" bytes open v/old.img.p2 rw
bytes write v/old.img.p2 1 511 9
folder_end
cmp <(bytes read before 0 $((1062 * 512 + 1))) <(bytes read "$folder/old.img" 0 $((1062 * 512 + 1)))
cmp <(bytes pattern 8 $((999 * 512 + 1)) 511) <(bytes read "$folder/old.img" $((1062 * 512 + 1)) 511)
cmp <(bytes pattern 9 1 511) <(bytes read "$folder/old.img" $((1063 * 512 + 1)) 511)
cmp <(tail -c +$((1064 * 512 + 1)) before) <(tail -c +$((1064 * 512 + 1)) "$folder/old.img")
volumes_mount partitions,ro "$folder" "$SCRATCH/v"
exec 8<v/old.img.p1
bytes open v/old.img.p2 r
exec 8>&-
volumes_unmount "$SCRATCH/v"

step "a flush that fails is the others', too"
export PLATTERFS_FAULT=$SCRATCH/fault
volumes_mount_logged daemon engine=threads,partitions images "$SCRATCH/v" \
    env LD_PRELOAD="$(dirname "$(command -v bytes)")/libfault.so"
exec 7<>v/gpt.img.p5 8<>v/gpt.img.p1 9<>v/gpt.img.p2
: >fault.sync
expect_errno EIO bytes fsync @8
rm fault.sync
for fd in 7 8 9; do
    expect_errno EIO bytes fsync @$fd
done
expect_equal "states" "$(status_field "$SCRATCH/v" '.volumes | map(select(.state == "failed").name) | join(" ")')" \
    "gpt.img.p1 gpt.img.p2 gpt.img.p5"
exec 9>&-
poll 5 "p2 to be closed" state_is gpt.img.p2 closed
bytes write v/gpt.img.p2 0 4096 1 dsync
exec 7>&- 8>&-
poll 5 "p1 to be closed" state_is gpt.img.p1 closed
bytes write v/gpt.img.p1 0 4096 1 dsync

step "so is that of a close, to who was opened meanwhile"
exec 8<>v/gpt.img.p1
bytes write @8 0 4096 2
: >fault.slow
exec 8>&-
poll 5 "p1 to flush" test -e fault.slowed
exec 9<>v/gpt.img.p2
bytes write @9 0 4096 2
: >fault.sync
rm fault.slow
poll 5 "p2 to fail" state_is gpt.img.p2 failed
rm fault.sync
expect_errno EIO bytes fsync @9
exec 9>&-
poll 5 "p2 to be closed" state_is gpt.img.p2 closed
bytes write v/gpt.img.p2 0 4096 1 dsync
volumes_unmount_failed "$SCRATCH/v"

step "holes in one are no surprise to the others"
volumes_mount partitions,discard=punch images "$SCRATCH/v"
exec 8<>v/gpt.img.p1 9<>v/gpt.img.p2
fallocate -p -o 0 -l 8M v/gpt.img.p2
bytes write @8 0 4096 7
bytes fsync @8
exec 8>&- 9>&-
volumes_unmount "$SCRATCH/v"

step "damaged tables: nothing is shown, nothing is written"
table_make images/gpt.img $'label: dos\n1: start=2048, size=4096'
cp images/gpt.img images/outside.img
truncate -s 2M images/outside.img
printf 'label: gpt\nstart=2048, size=4096\nstart=8192, size=4096\n' >gpt
for image in broken absurd overlap; do
    truncate -s 16M images/$image.img
    sfdisk -q images/$image.img <gpt
done
python3 - <<'PYTHON'
import struct, zlib
def gpt(name, change):
    with open(f"images/{name}.img", "r+b") as file:
        disk = bytearray(file.read())
        for sector in 1, len(disk) // 512 - 1:
            header = bytearray(disk[sector * 512:sector * 512 + 92])
            entries = struct.unpack_from("<Q", header, 72)[0] * 512
            change(disk, header, entries)
            struct.pack_into("<I", header, 88, zlib.crc32(disk[entries:entries + 128 * 128]))
            struct.pack_into("<I", header, 16, 0)
            struct.pack_into("<I", header, 16, zlib.crc32(header))
            disk[sector * 512:sector * 512 + 92] = header
        file.seek(0)
        file.write(disk)
gpt("overlap", lambda disk, header, entries: struct.pack_into("<Q", disk, entries + 128 + 32, 6143))
gpt("absurd", lambda disk, header, entries: struct.pack_into("<I", header, 80, 1 << 24))
with open("images/broken.img", "r+b") as file:
    for sector in 1, 16 * 2048 - 1:
        file.seek(sector * 512 + 20)
        file.write(b"garbage")
with open("images/noise.img", "wb") as file:
    file.write(bytes((i * 7 + 3) % 251 for i in range(510)) + b"\x55\xaa" + bytes(1 << 20))
open("images/empty.img", "wb")
PYTHON
cp -a images images.before
folder_begin partitions
expect_equal "volumes" "$(cd v && echo {absurd,broken,empty,noise,outside,overlap}.img*)" \
    "absurd.img broken.img empty.img noise.img outside.img overlap.img"
for image in absurd broken empty noise outside overlap; do
    for number in 1 2; do
        expect_errno ENOENT bytes open v/$image.img.p$number r
    done
    cmp images/$image.img images.before/$image.img
done
for line in "outside.img.p1: not shown: it lies outside" "overlap.img.p1: not shown: it overlaps" \
    "overlap.img.p2: not shown: it overlaps" "broken.img: no partitions: its GPT is damaged" \
    "absurd.img: no partitions: its GPT has an absurd number"; do
    expect_equal "lines '$line'" "$(grep -cF -- "$line" daemon.log)" 1
done

step "a file that has the name of a partition"
expect_equal "size of the partition" "$(stat -c %s v/gpt.img.p1)" $((4096 * 512))
image_sparse images/gpt.img.p1 12345
expect_equal "size of the file" "$(stat -c %s v/gpt.img.p1)" 12345
expect_equal "names" "$(cd v && echo gpt.img*)" "gpt.img gpt.img.p1"
logged "gpt.img.p1: not shown: a file of the folder has its name" || fail "the log: $(cat daemon.log)"
exec 8<>v/gpt.img.p1
bytes open v/gpt.img rw
exec 8>&-
folder_end

step "not asked for"
volumes_mount ro images "$SCRATCH/v"
expect_equal "names" "$(cd v && echo mbr.img*)" mbr.img
not test -e v/mbr.img.p1 || fail "mbr.img.p1 is there"
volumes_unmount "$SCRATCH/v"
