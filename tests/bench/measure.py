# SPDX-License-Identifier: MIT
"""One figure: fio does a piece of work on a target while the machine's counters are watched. And a
table of figures, in rounds."""
import contextlib
import dataclasses
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import threading

import machine
from stage import PATIENCE_SECONDS, Failed, forget, last_line

SPREAD_LIMIT = 0.20
WATCH_SECONDS = 0.05


@dataclasses.dataclass(frozen=True)
class Target:
    """What a way offers to clients, and the processes that serve it."""
    path: str
    pids: tuple = ()


@dataclasses.dataclass(frozen=True)
class Work:
    """A column of a table: what fio does."""
    title: str
    pattern: str
    block: str = "4k"
    depth: int = 1
    engine: str = "io_uring"
    jobs: int = 1
    options: tuple = ("--zero_buffers",)

    @property
    def in_bytes(self):
        """Large blocks are told in bytes a second, small ones in I/Os a second."""
        return self.block == "1M"

    @property
    def writes(self):
        return "write" in self.pattern


def say(text):
    print(text, file=sys.stderr, flush=True)


# --- One figure

class MemoryWatch(threading.Thread):
    """Reads Buffers and Cached until it is told to stop."""

    def __init__(self):
        super().__init__(daemon=True)
        self.stopped = threading.Event()
        self.seen = []

    def run(self):
        while not self.stopped.wait(WATCH_SECONDS):
            text = machine.read("/proc/meminfo")
            self.seen.append((float(machine.read("/proc/uptime").split()[0]),
                              machine.meminfo(text, "Buffers"), machine.meminfo(text, "Cached")))

    def growth(self, begin, end):
        """The most of (Buffers, Cached) above what was at the beginning, in bytes."""
        during = [(b, c) for t, b, c in self.seen if begin["time"] <= t <= end["time"]]
        during.append((end["buffers"], end["cached"]))
        return (max(b for b, _ in during) - begin["buffers"],
                max(c for _, c in during) - begin["cached"])


def fio_command(work, target, seconds, folder):
    """fio's own start and end are not part of a figure: it takes the samples itself, when its job
    begins (the first of several jobs) and ends (the last)."""
    sample = machine.sample_command(target.pids)
    begin, end = f"{folder}/begin", f"{folder}/end"
    where = "directory" if os.path.isdir(target.path) else "filename"
    return ["fio", "--name=bench", f"--{where}={target.path}", "--direct=1",
            f"--rw={work.pattern}", f"--bs={work.block}", f"--iodepth={work.depth}",
            f"--ioengine={work.engine}", f"--numjobs={work.jobs}", "--group_reporting",
            f"--runtime={round(seconds * 1000)}ms", "--time_based",
            # No map of the blocks that were done, and random numbers that reach all of 16 TiB.
            "--norandommap", "--random_generator=tausworthe64",
            f"--exec_prerun=[ -e {begin} ] || {{ {sample} >{begin}.$$; mv {begin}.$$ {begin}; }}",
            f"--exec_postrun={sample} >{end}.$$; mv {end}.$$ {end}",
            "--lat_percentiles=1", "--output-format=json", *work.options]


def fio_end(fio):
    """Its jobs are processes as well, which it ends itself if it can."""
    fio.terminate()
    try:
        fio.wait(timeout=PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        os.killpg(fio.pid, signal.SIGKILL)


def fio_run(work, target, seconds, folder):
    command = fio_command(work, target, seconds, folder)
    with subprocess.Popen(command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, start_new_session=True) as fio:
        try:
            out, errors = fio.communicate(timeout=seconds + PATIENCE_SECONDS)
        except BaseException as reason:
            fio_end(fio)
            if isinstance(reason, subprocess.TimeoutExpired):
                raise Failed("fio did not end") from None
            raise
    if fio.returncode != 0:
        raise Failed(last_line(errors or out))
    # Notes about the samples precede it.
    return json.loads(out[out.index("{\n"):])["jobs"][0]


def latency(job, side):
    """Mean and percentiles in microseconds; of the fdatasync, where the work has one. Submission is
    part of it: where io_uring does the I/O at once, that is all there is."""
    times = job["sync"]["lat_ns"] if job["sync"]["total_ios"] else side["lat_ns"]
    percentile = times.get("percentile", {})
    return {"mean_us": times["mean"] / 1e3,
            "p99_us": percentile.get("99.000000", 0) / 1e3,
            "p999_us": percentile.get("99.900000", 0) / 1e3}


@contextlib.contextmanager
def held_open(path):
    """fio opens a file when its time already runs; the first open, which may be a long one, is not
    to be its."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        yield
    finally:
        os.close(descriptor)


def figure(work, target, seconds):
    """The measured values of one round. CPU times are in microseconds an I/O."""
    with held_open(target.path), tempfile.TemporaryDirectory(prefix="platterfs-fio.") as folder:
        watch = MemoryWatch()
        watch.start()
        try:
            job = fio_run(work, target, seconds, folder)
        finally:
            watch.stopped.set()
            watch.join()
        begin, end = (machine.sample_parse(machine.read(f"{folder}/{name}"))
                      for name in ("begin", "end"))
    side = job["write" if work.writes else "read"]
    count = side["total_ios"]
    if not count:
        raise Failed("fio made no I/O")
    spent = {name: end[name] - begin[name] for name in begin}
    # Of several jobs fio gives the mean percentage and the sum of their times.
    client = (job["usr_cpu"] + job["sys_cpu"]) / 100 * job["job_runtime"] / 1e3
    buffers, cached = watch.growth(begin, end)
    return {
        "rate": side["bw_bytes"] if work.in_bytes else side["iops"],
        **latency(job, side),
        "client_us": client / count * 1e6,
        "server_us": spent["server"] / count * 1e6 if target.pids else None,
        "others_us": max(0.0, spent["busy"] - client) / count * 1e6,
        "system_us": spent["busy"] / count * 1e6,
        "switches": spent["switches"] / count,
        "buffers_bytes": buffers,
        "cached_bytes": cached,
        "resident_bytes": end["resident"] if target.pids else None,
        "steal": spent["steal"] / spent["cpu"] if spent["cpu"] else 0.0,
    }


# --- A table of figures

def median(rounds):
    """Of each value over the rounds."""
    return {name: None if rounds[0][name] is None else
            statistics.median(r[name] for r in rounds) for name in rounds[0]}


def flags(rounds):
    rates = [r["rate"] for r in rounds]
    spread = (max(rates) - min(rates)) / statistics.median(rates)
    found = []
    if spread > SPREAD_LIMIT:
        found.append(f"rounds scatter by {spread:.0%}")
    if max(r["steal"] for r in rounds) > machine.STEAL_LIMIT:
        found.append(f"steal {max(r['steal'] for r in rounds):.1%}")
    return found


def rate_text(work, rate):
    return f"{rate / 1e9:.2f} GB/s" if work.in_bytes else f"{rate / 1e3:.1f} k/s"


def summary(rounds):
    return {"median": median(rounds), "flags": flags(rounds), "rounds": rounds}


class Table:
    """Figures of ways (rows) and works (columns). A round goes through the columns, and within one
    through the ways, so that the figures to compare are taken close together in time; each round
    begins with another way. A way is up for its own figure only. One that fails is left out, with
    the reason."""

    def __init__(self, name, ways, works):
        self.name, self.ways, self.works = name, ways, works
        self.rounds = {}
        self.left_out = {}

    def measure(self, place, rounds, seconds):
        for number in range(rounds):
            first = len(self.ways) * number // rounds
            for work in self.works:
                for way in self.ways[first:] + self.ways[:first]:
                    if way.key not in self.left_out:
                        self.one(place, way, work, seconds, f"{number + 1}/{rounds}",
                                 number + 1 == rounds)
        return self.result()

    def one(self, place, way, work, seconds, which, is_last):
        try:
            forget(place)
            with way.up(place) as target:
                values = figure(work, target, seconds)
        except (Failed, OSError) as reason:
            self.left_out[way.key] = f"{work.title}: {reason}"
            say(f"{self.name} {which}: {way.title}: LEFT OUT: {work.title}: {reason}")
            return
        rows = self.rounds.setdefault(way.key, {}).setdefault(work.title, [])
        rows.append(values)
        noted = flags(rows) if is_last else []
        say(f"{self.name} {which}: {way.title}: {work.title}: {rate_text(work, values['rate'])}"
            + "".join(f" [{flag}]" for flag in noted))

    def result(self):
        """Ways that were left out on their way keep the figures they have, in the JSON only."""
        return {
            "ways": [{"key": way.key, "title": way.title, "family": way.family,
                      "encrypted": way.encrypted} for way in self.ways
                     if way.key not in self.left_out],
            "works": [{"title": w.title, "in_bytes": w.in_bytes, "writes": w.writes}
                      for w in self.works],
            "figures": {key: {work: summary(rows) for work, rows in works.items()}
                        for key, works in self.rounds.items()},
            "left_out": self.left_out,
        }
