# SPDX-License-Identifier: MIT
"""The stage: a scratch folder, disks in memory, images, mounts, loop devices and daemons. Each comes
as a context manager that takes it down again, whatever happened above it."""
import contextlib
import ctypes
import errno
import fcntl
import glob
import json
import os
import shutil
import struct
import subprocess
import tempfile
import threading
import time

import machine

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLATTERFS = os.environ.get("PLATTERFS", f"{REPOSITORY}/build/src/platterfs")
UMOUNT = (PLATTERFS, "umount")
URING_SWITCH = "/sys/module/fuse/parameters/enable_uring"
PATIENCE_SECONDS = 30
# loop(4), linux/loop.h
LOOP_CONFIGURE, LOOP_CTL_GET_FREE, LO_FLAGS_DIRECT_IO = 0x4C0A, 0x4C82, 16
# Key derivation is not what is measured.
CHEAP_LUKS = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]


class Failed(Exception):
    """A step failed; the text is one line."""


def last_line(text):
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no reason given"


# Set when we are told to stop: from then on things are only taken down. Otherwise a failure on the
# way out would be taken for one of the way that was up.
stopping = threading.Event()


def run(*command, **options):
    if stopping.is_set():
        raise KeyboardInterrupt
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, check=False, **options)
    if done.returncode != 0:
        raise Failed(f"{os.path.basename(command[0])}: {last_line(done.stderr or done.stdout)}")
    return done.stdout


def quietly(*command):
    """Whether it succeeded."""
    return subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, check=False).returncode == 0


def wait_until(condition, what, seconds=PATIENCE_SECONDS):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"waited {seconds} s in vain for {what}")
        time.sleep(0.005)


def write(path, text):
    with open(path, "w", encoding="ascii") as file:
        file.write(str(text))


# --- Folders and disks

def is_mounted(point):
    return any(mount == point for mount, _ in machine.mountpoints())


def unmount(point, command=("umount",)):
    """By its own command; where that fails, as when the daemon is dead, by the kernel's."""
    wait_until(lambda: not is_mounted(point) or quietly(*command, point)
               or quietly("umount", point), f"{point} to be unmounted")


def loops_within(folder):
    for path in glob.glob("/sys/block/loop*/loop/backing_file"):
        if machine.read(path).startswith(folder + "/"):
            yield "/dev/" + path.split("/")[3]


def mounts_within(folder):
    """The latest first."""
    return [point for point, _ in machine.mountpoints() if point.startswith(folder + "/")][::-1]


def release(folder):
    """Takes down what an interrupt left there, having come between a step and its own undoing."""
    def one_round():
        for point in mounts_within(folder):
            quietly("umount", point)
        for device in loops_within(folder):
            quietly("losetup", "-d", device)
        return not mounts_within(folder) and not list(loops_within(folder))
    wait_until(one_round, f"{folder} to be free")


@contextlib.contextmanager
def scratch(parent="/var/tmp"):
    """A folder of our own."""
    folder = tempfile.mkdtemp(prefix="platterfs-bench.", dir=parent)
    try:
        yield folder
    finally:
        # Fails if something stays mounted: nothing must be deleted there.
        release(folder)
        shutil.rmtree(folder, ignore_errors=True)


def make_folder(*parts):
    folder = os.path.join(*parts)
    os.makedirs(folder, exist_ok=True)
    return folder


@contextlib.contextmanager
def mounted(source, point, *options):
    try:
        run("mount", *options, source, make_folder(point))
        yield point
    finally:
        release(point)
        unmount(point)


def zram_remove(number):
    """It may be busy for a moment after it was unmounted."""
    try:
        write("/sys/class/zram-control/hot_remove", number)
        return True
    except OSError:
        return False


@contextlib.contextmanager
def zram(size):
    """A disk in memory, so that the software's own cost shows: its device."""
    control = "/sys/class/zram-control"
    if not os.path.exists(control):
        quietly("modprobe", "zram")
    number = machine.read(f"{control}/hot_add")
    if not number:
        raise Failed("no disk in memory: this kernel has no zram")
    try:
        write(f"/sys/block/zram{number}/disksize", size)
        wait_until(lambda: os.path.exists(f"/dev/zram{number}"), f"/dev/zram{number}")
        yield f"/dev/zram{number}"
    finally:
        wait_until(lambda: zram_remove(number), f"zram{number} to be removed")


def ext4_make(device, *options):
    run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0,nodiscard", *options,
        device)


@contextlib.contextmanager
def memory_disk(folder, size, *options):
    """ext4 on zram, mounted at the folder."""
    with zram(size) as device:
        ext4_make(device, *options)
        with mounted(device, folder):
            yield folder


@contextlib.contextmanager
def fuse_uring():
    """FUSE over io_uring, off until somebody switches it on, is on; afterwards as it was. Yields
    whether this kernel has it."""
    before = machine.read(URING_SWITCH)
    if not before:
        yield False
        return
    write(URING_SWITCH, 1)
    try:
        yield True
    finally:
        write(URING_SWITCH, before)


# --- Images

def image_create(path, size, *options):
    run(PLATTERFS, "create", "--size", str(size), *options, path)
    return path


def image_info(path):
    return json.loads(run(PLATTERFS, "info", "--json", path))


def punch(descriptor, start, length):
    """Gives these bytes of a file back to its filesystem."""
    keep_size_punch_hole = 1 | 2
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.fallocate(descriptor, keep_size_punch_hole, ctypes.c_long(start),
                      ctypes.c_long(length)) != 0:
        raise Failed(f"punching a hole: {os.strerror(ctypes.get_errno())}")


def forget(folder):
    """No page of the folder's files is in the page cache: each figure starts alike."""
    for entry in os.scandir(folder):
        if entry.is_dir():
            forget(entry.path)
        elif entry.is_file():
            with open(entry.path, "rb") as file:
                os.fsync(file.fileno())
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


# --- Loop devices and daemons

def end_loop(device):
    """`losetup -d` alone returns before the device is free, and may find it busy for a moment."""
    def gone():
        quietly("losetup", "-d", device)
        return not os.path.exists(f"/sys/block/{os.path.basename(device)}/loop")
    wait_until(gone, f"{device} to be detached")


def direct_loop(file):
    """A loop device on a file that is open with O_DIRECT, which losetup cannot do: what
    platterfs passes through depends on it."""
    control, image = os.open("/dev/loop-control", os.O_RDWR), os.open(file, os.O_RDWR | os.O_DIRECT)
    try:
        # struct loop_config: fd, block size, struct loop_info64 (flags at 52), reserved.
        config = bytearray(4 + 4 + 232 + 64)
        # Sectors as the disks in memory have them, which is what the kernel takes for an image there.
        struct.pack_into("<II", config, 0, image, 4096)
        struct.pack_into("<I", config, 8 + 52, LO_FLAGS_DIRECT_IO)
        while True:
            device = f"/dev/loop{fcntl.ioctl(control, LOOP_CTL_GET_FREE)}"
            with open(device, "rb+", buffering=0) as loop_file:
                # Somebody may have been faster.
                try:
                    fcntl.ioctl(loop_file, LOOP_CONFIGURE, config)
                    return device
                except OSError as reason:
                    if reason.errno != errno.EBUSY:
                        raise Failed(f"{device}: {reason.strerror}") from reason
    finally:
        os.close(image)
        os.close(control)


@contextlib.contextmanager
def loop(file, direct=True):
    device = direct_loop(file) if direct else run("losetup", "--find", "--show", file).strip()
    try:
        # The kernel drops direct I/O without a word where it does not fit.
        if direct and machine.read(f"/sys/block/{os.path.basename(device)}/loop/dio") != "1":
            raise Failed(f"{device} has no direct I/O")
        yield device
    finally:
        end_loop(device)


@contextlib.contextmanager
def daemon(command, ready, end=None):
    """A process in the foreground, from when ready() is true: its pid. It ends by end(), or else by
    SIGTERM; by force if it will not."""
    with tempfile.TemporaryFile("w+") as log:
        # Its own session: an interrupt from the terminal is for us, who then take it down in order.
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                 start_new_session=True)
        try:
            wait_until(lambda: ready() or child.poll() is not None, command[0])
            if child.poll() is not None:
                log.seek(0)
                raise Failed(f"{os.path.basename(command[0])}: {last_line(log.read())}")
            yield child.pid
        finally:
            daemon_end(child, end)


def daemon_end(child, end):
    try:
        if end:
            end()
        elif child.poll() is None:
            child.terminate()
        child.wait(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failed(f"{child.args[0]} did not end") from None
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


@contextlib.contextmanager
def fuse(command, point, umount=("umount",)):
    """A FUSE daemon that mounts at the point, and that ends when it is unmounted: its pid."""
    with daemon(command, lambda: is_mounted(point), lambda: unmount(point, umount)) as pid:
        yield pid


def platterfs_time(options, source, point):
    """Seconds until `platterfs mount` returns, and then until the first volume is open."""
    begun = time.monotonic()
    run(PLATTERFS, "mount", "-o", options, source, make_folder(point))
    try:
        mounted_at = time.monotonic()
        with os.scandir(source) as entries:
            name = next(entries).name
        os.close(os.open(f"{point}/{name}", os.O_RDWR))
        return mounted_at - begun, time.monotonic() - mounted_at
    finally:
        unmount(point, UMOUNT)


def platterfs(options, source, point):
    """Volumes at the point; of the daemon that serves them, the pid."""
    return fuse([PLATTERFS, "mount", "-f", "-o", options, source, make_folder(point)], point,
                UMOUNT)
