#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs one case in a scratch folder of its own, with a time limit, and takes away whatever it
leaves behind, however it ended: processes, mounts, loop devices, what `undo` lists, files.

    case.py tests/integration/NAME/test.sh

Exit codes: 0 passed, 77 skipped, anything else failed. lib.sh starts this; nobody needs to.
"""
import fcntl
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BASE = "/var/tmp"
PREFIX = "platterfs-test."
LIMIT_SECONDS = int(os.environ.get("PLATTERFS_TEST_SECONDS", "240"))


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode(errors="replace")
    except OSError:
        return ""


def run_quietly(*command, seconds=30):
    """True if it succeeded within the time. A process that cannot even be killed is left alone."""
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
    try:
        return child.wait(timeout=seconds) == 0
    except subprocess.TimeoutExpired:
        child.kill()
        return False


def wait_for(condition, seconds):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def serves_fuse(pid):
    """A FUSE daemon (or fusermount, which keeps its connection): it may have something to finish."""
    try:
        folder = f"/proc/{pid}/fd/"
        return any(os.readlink(folder + fd) == "/dev/fuse" for fd in os.listdir(folder))
    except OSError:
        return False


def unescape(path):
    for code in ("040", "011", "012", "134"):
        path = path.replace("\\" + code, chr(int(code, 8)))
    return path


class Scratch:
    """A scratch folder. Its case's processes are known by the variable they inherit."""

    def __init__(self, path):
        self.path = path
        self.problems = []

    def processes(self):
        """(pid, name) of all that the case started, but not of ourselves."""
        mark = f"PLATTERFS_TEST_SCRATCH={self.path}\0"
        for pid in filter(str.isdigit, os.listdir("/proc")):
            if int(pid) == os.getpid() or mark not in read(f"/proc/{pid}/environ"):
                continue
            if read(f"/proc/{pid}/stat").rpartition(")")[2].split()[:1] != ["Z"]:
                yield int(pid), read(f"/proc/{pid}/comm").strip()

    def kill(self, spared=lambda pid: False):
        for pid, _ in self.processes():
            try:
                os.kill(pid, signal.SIGCONT if spared(pid) else signal.SIGKILL)
            except ProcessLookupError:
                pass

    def mounts(self):
        """(mountpoint, type, device number), the latest first."""
        found = []
        for line in read("/proc/self/mountinfo").splitlines():
            left, _, right = line.partition(" - ")
            point = unescape(left.split()[4])
            if point.startswith(self.path + "/"):
                found.append((point, right.split()[0], left.split()[2]))
        return reversed(found)

    def loops(self):
        for name in os.listdir("/sys/block"):
            backing = read(f"/sys/block/{name}/loop/backing_file").strip()
            if backing.startswith(self.path + "/"):
                yield "/dev/" + name

    def release(self):
        """One round, from the top of the pile downwards. True when nothing is left."""
        for point, _, _ in self.mounts():
            run_quietly("umount", point)
        for device in self.loops():
            run_quietly("losetup", "-d", device)
        return not list(self.mounts()) and not list(self.loops())

    def release_by_force(self):
        for point, kind, device in self.mounts():
            if kind.startswith("fuse"):
                try:
                    with open(f"/sys/fs/fuse/connections/{device.split(':')[1]}/abort", "w") as file:
                        file.write("1")
                except OSError:
                    pass
            run_quietly("umount", "-l", point)
        self.kill()
        return wait_for(self.release, 10)

    def clean(self):
        self.kill(spared=serves_fuse)
        if not wait_for(self.release, 10):
            self.problems.append("could not be unmounted without force")
            self.release_by_force()
        if not wait_for(lambda: not list(self.processes()), 10):
            left = ", ".join(f"{name} ({pid})" for pid, name in self.processes())
            self.problems.append(f"processes outlive their mounts: {left}")
            self.kill()
        for line in reversed(read(self.path + "/.undo").splitlines()):
            # A device may stay busy for a moment after a forced unmount.
            if not wait_for(lambda: run_quietly("bash", "-ec", line), 5):
                self.problems.append(f"could not undo: {line}")
        if list(self.mounts()):
            self.problems.append(f"still mounted: {self.path} is left as it is")
        else:
            shutil.rmtree(self.path, ignore_errors=True)


def scratch_lock(path):
    """Held as long as we live; None if someone else lives."""
    descriptor = os.open(path + "/.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return descriptor
    except BlockingIOError:
        os.close(descriptor)
        return None


def clean_stale():
    """What a killed run left behind."""
    for name in os.listdir(BASE):
        path = os.path.join(BASE, name)
        if not name.startswith(PREFIX) or os.path.islink(path) or os.stat(path).st_uid != 0:
            continue
        # Younger ones may be about to get their lock.
        if time.time() - os.stat(path).st_mtime > 5 and scratch_lock(path) is not None:
            print(f"-- cleaning up {path}, left by an earlier run", flush=True)
            Scratch(path).clean()


def run_case(test, scratch):
    environment = dict(os.environ, PLATTERFS_TEST_SCRATCH=scratch.path, LC_ALL="C.UTF-8")
    case = subprocess.Popen(["bash", test], env=environment, stdin=subprocess.DEVNULL,
                            start_new_session=True)
    try:
        return case.wait(timeout=LIMIT_SECONDS)
    except subprocess.TimeoutExpired:
        print(f"-- FAILED: still running after {LIMIT_SECONDS} s", flush=True)
        return 1


def interrupted(number, frame):
    raise KeyboardInterrupt


def main():
    test = os.path.abspath(sys.argv[1])
    name = os.path.basename(os.path.dirname(test))
    signal.signal(signal.SIGTERM, interrupted)
    clean_stale()
    scratch = Scratch(tempfile.mkdtemp(prefix=PREFIX, dir=BASE))
    os.chmod(scratch.path, 0o755)
    lock = scratch_lock(scratch.path)
    result = 1
    try:
        result = run_case(test, scratch)
    except KeyboardInterrupt:
        print("-- interrupted", flush=True)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if result not in (0, 77):
        for log in sorted(os.listdir(scratch.path)):
            if log.endswith(".log"):
                print(f"-- {log}:\n{read(scratch.path + '/' + log)[-4000:]}")
    scratch.clean()
    os.close(lock)
    for problem in scratch.problems:
        print(f"-- FAILED: clean-up: {problem}")
    if scratch.problems and result in (0, 77):
        result = 1
    if result not in (0, 77):
        suite = os.path.basename(os.path.dirname(os.path.dirname(test)))
        print(f"-- to run this case alone: tests/run {suite}/{name}", flush=True)
    return result


if __name__ == "__main__":
    sys.exit(main())
