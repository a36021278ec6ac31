# SPDX-License-Identifier: MIT
"""The ways to the bytes of an image: by itself, through the kernel's loop device, through platterfs,
through its peers. A way is brought up on a place, a folder that holds:

    raw/bench.img       and so on, the images, each in a folder of its own
    mnt/                where daemons mount
    key, passphrase     of all encrypted images
"""
import contextlib
import dataclasses
import os
import shutil
from collections.abc import Callable

import stage
from measure import Target, say

IMAGE = "bench.img"
AES_XTS = "aes-xts-plain64"
TRANSPORTS = {
    "fuse-uring": "engine=io_uring,transport=fuse-uring",
    "dev": "engine=io_uring,transport=dev",
    "threads": "engine=threads",
}


@dataclasses.dataclass(frozen=True)
class Way:
    """up(place) is a context manager: a Target while the way is up."""
    key: str
    title: str
    family: str
    up: Callable
    image: str = "raw"
    encrypted: bool = False
    needs: tuple = ()

    @property
    def is_uring(self):
        """It needs FUSE over io_uring."""
        return "fuse-uring" in self.key


def image_path(place, image):
    return f"{place}/{image}/{IMAGE}"


# --- The kernel's

@contextlib.contextmanager
def itself_up(place):
    yield Target(image_path(place, "raw"))


def loop_up(direct):
    @contextlib.contextmanager
    def up(place):
        with stage.loop(image_path(place, "raw"), direct) as device:
            yield Target(device)
    return up


# --- platterfs

def volume_up(image, options):
    """Options may name files of the place: {place}."""
    @contextlib.contextmanager
    def up(place):
        point = f"{place}/mnt"
        with stage.platterfs(options.format(place=place), f"{place}/{image}", point) as pid:
            yield Target(f"{point}/{IMAGE}", (pid,))
    return up


def loop_above(way):
    """The way of a loop device on what another way offers."""
    @contextlib.contextmanager
    def up(place):
        with way.up(place) as below, stage.loop(below.path) as device:
            yield Target(device, below.pids)
    return dataclasses.replace(way, key=f"loop-{way.key}", title=f"loop on {way.title}",
                               family="loop on platterfs", up=up)


def raw_volume(transport, image="raw"):
    return Way(f"platterfs-{transport}", f"platterfs, {transport}", "platterfs",
               volume_up(image, f"type=raw,{TRANSPORTS[transport]}"), image=image)


def passthrough_volume(transport):
    """The kernel does it, but for what the daemon must see: a client of O_DIRECT only."""
    return Way("platterfs-passthrough", "platterfs, passthrough", "platterfs",
               volume_up("raw", f"type=raw,passthrough,{TRANSPORTS[transport]}"))


def plain_options(cipher, sector):
    bits = 512 if "-xts-" in cipher else 256
    return (f"type=plain,cipher={cipher},key-size={bits},sector-size={sector},"
            "keyfile={place}/key")


def plain_volume(transport, cipher, sector):
    return Way(f"platterfs-{transport}-{cipher}-{sector}", f"platterfs, plain {cipher}, {sector}",
               "platterfs encrypted",
               volume_up("plain", f"{plain_options(cipher, sector)},{TRANSPORTS[transport]}"),
               image="plain", encrypted=True)


def luks2_volume(transport):
    return Way(f"platterfs-{transport}-luks2", "platterfs, LUKS2", "platterfs encrypted",
               volume_up("luks2", "type=luks,keyfile={place}/passphrase,"
                         + TRANSPORTS[transport]),
               image="luks2", encrypted=True)


def encrypted_volumes(transport):
    return [plain_volume(transport, AES_XTS, 4096), plain_volume(transport, AES_XTS, 512),
            luks2_volume(transport)]


# --- The peers

def qemu_command(image, point, passphrase):
    command = ["qemu-storage-daemon", "--blockdev",
               f"driver=file,node-name=image,filename={image},cache.direct=on,aio=io_uring"]
    node = "image"
    if passphrase:
        command += ["--object", f"secret,id=passphrase,file={passphrase}", "--blockdev",
                    "driver=luks,node-name=volume,file=image,key-secret=passphrase"]
        node = "volume"
    return command + ["--export", f"type=fuse,id=export,node-name={node},mountpoint={point},"
                                  "writable=on,growable=off,allow-other=off"]


def qemu_up(image):
    @contextlib.contextmanager
    def up(place):
        point = f"{place}/mnt-file"
        open(point, "a", encoding="ascii").close()
        command = qemu_command(image_path(place, image), point,
                               f"{place}/passphrase" if image == "luks1" else None)
        with stage.daemon(command, lambda: stage.is_mounted(point)) as pid:
            yield Target(point, (pid,))
    return up


@contextlib.contextmanager
def nbdkit_up(place):
    socket, point = f"{place}/nbd.socket", stage.make_folder(place, "mnt")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(socket)
    serve = ["nbdkit", "--foreground", "--exit-with-parent", "--unix", socket, "--filter=luks",
             "file", image_path(place, "luks1"), f"passphrase=+{place}/passphrase"]
    with stage.daemon(serve, lambda: os.path.exists(socket)) as server:
        with stage.fuse(["nbdfuse", f"{point}/{IMAGE}", "--unix", socket], point) as client:
            yield Target(f"{point}/{IMAGE}", (server, client))


@contextlib.contextmanager
def gocryptfs_up(place):
    point = stage.make_folder(place, "mnt")
    command = ["gocryptfs", "-fg", "-quiet", "-nosyslog", "-passfile", f"{place}/passphrase",
               f"{place}/gocryptfs", point]
    with stage.fuse(command, point) as pid:
        yield Target(f"{point}/{IMAGE}", (pid,))


@contextlib.contextmanager
def fuse2fs_up(place):
    point = stage.make_folder(place, "mnt")
    with stage.fuse(["fuse2fs", "-f", image_path(place, "ext4"), point], point) as pid:
        yield Target(f"{point}/{IMAGE}", (pid,))


# --- All of them

ITSELF = Way("image", "the image itself, O_DIRECT", "kernel", itself_up)
LOOP_BUFFERED = Way("loop-buffered", "kernel loop, buffered", "kernel", loop_up(False))
LOOP_DIRECT = Way("loop-direct", "kernel loop, direct I/O", "kernel", loop_up(True))
RAW = [raw_volume(transport) for transport in TRANSPORTS]
PEERS = [
    Way("qemu-raw", "qemu-storage-daemon FUSE, raw", "peers", qemu_up("raw"),
        needs=("qemu-storage-daemon",)),
    Way("qemu-luks1", "qemu-storage-daemon FUSE, LUKS1", "peers", qemu_up("luks1"),
        image="luks1", encrypted=True, needs=("qemu-storage-daemon",)),
    Way("nbdkit-luks1", "nbdkit luks + nbdfuse, LUKS1", "peers", nbdkit_up,
        image="luks1", encrypted=True, needs=("nbdkit", "nbdfuse")),
    Way("gocryptfs", "gocryptfs, a file in it", "peers", gocryptfs_up,
        image="gocryptfs", encrypted=True, needs=("gocryptfs",)),
    Way("fuse2fs", "fuse2fs, a file on an ext4 image", "peers", fuse2fs_up,
        image="ext4", needs=("fuse2fs",)),
]


def everything(transport):
    """The transport is for what is measured with one only."""
    encrypted = encrypted_volumes(transport)
    raw = [*RAW, passthrough_volume(transport)]
    return [ITSELF, LOOP_BUFFERED, LOOP_DIRECT, *raw, *map(loop_above, raw),
            *encrypted, *map(loop_above, encrypted), *PEERS]


# --- Their images

def keys_make(place):
    for name, text in (("key", os.urandom(64)), ("passphrase", os.urandom(16).hex().encode())):
        with open(f"{place}/{name}", "wb") as file:
            file.write(text)


def zeros_write(path, size):
    """Every block written, past the page cache where that can be had."""
    stage.run("dd", "if=/dev/zero", f"of={path}", "bs=1M", f"count={size >> 20}", "conv=fsync",
              "status=none")


def gocryptfs_make(place, size):
    folder = stage.make_folder(place, "gocryptfs")
    stage.run("gocryptfs", "-init", "-quiet", "-scryptn", "10", "-passfile",
              f"{place}/passphrase", folder)
    with gocryptfs_up(place) as target:
        zeros_write(target.path, size)


def fuse2fs_make(place, size):
    image = stage.image_create(f"{stage.make_folder(place, 'ext4')}/{IMAGE}", size + (256 << 20))
    stage.ext4_make(image)
    # Written by the kernel's ext4: what is measured is what happens to written blocks.
    with stage.mounted(image, f"{place}/mnt-ext4", "-o", "loop"):
        zeros_write(f"{place}/mnt-ext4/{IMAGE}", size)


CREATE = {
    "raw": [],
    "plain": ["--type", "plain", "--cipher", AES_XTS, "--key-size", "512", "--key-file",
              "{place}/key"],
    "luks1": ["--type", "luks1", "--key-file", "{place}/passphrase", *stage.CHEAP_LUKS],
    "luks2": ["--type", "luks2", "--key-file", "{place}/passphrase", *stage.CHEAP_LUKS],
}


def image_make(place, image, size):
    if image == "gocryptfs":
        gocryptfs_make(place, size)
    elif image == "ext4":
        fuse2fs_make(place, size)
    else:
        path = f"{stage.make_folder(place, image)}/{IMAGE}"
        stage.image_create(path, size, *(o.format(place=place) for o in CREATE[image]))
        if not stage.image_info(path)["mapped"]:
            say(f"warning: the image {image} in {place} is not mapped")


def images_make(place, ways, size):
    """The images that these ways need, on the place; and of each that could not be made, why."""
    keys_make(place)
    failed = {}
    for image in dict.fromkeys(way.image for way in ways):
        try:
            image_make(place, image, size)
        except stage.Failed as reason:
            failed[image] = f"image {image}: {reason}"
    return failed


def missing(way, has_uring):
    """Why the way cannot be had here, or None."""
    absent = [tool for tool in way.needs if not shutil.which(tool)]
    if absent:
        return f"{', '.join(absent)} not installed"
    if way.is_uring and not has_uring:
        return "no FUSE over io_uring in this kernel (Linux 6.14)"
    return None


def possible(wanted, has_uring):
    """Those that can be had here, and of the others, why not."""
    reasons = {way.key: reason for way in wanted if (reason := missing(way, has_uring))}
    for way, reason in reasons.items():
        say(f"LEFT OUT: {way}: {reason}")
    return [way for way in wanted if way.key not in reasons], reasons
