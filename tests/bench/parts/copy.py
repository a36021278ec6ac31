# SPDX-License-Identifier: MIT
"""A large copy with cpio into ext4 on a loop device, and its throughput in each second as cpio sees
it: it should be level, without a second at zero."""
import contextlib
import os
import re
import statistics
import subprocess
import time

import machine
import report
import stage
import ways
from measure import say

TITLE = "A large copy"
FILES = 58
FILE_BYTES = 100 << 20
IMAGE_BYTES = 7 << 30
DISK = "16G"


@contextlib.contextmanager
def source_made(folder, files):
    """The files to copy, in memory."""
    with stage.mounted("tmpfs", folder, "-t", "tmpfs", "-o", "size=7G"):
        for number in range(files):
            ways.zeros_write(f"{folder}/{number}", FILE_BYTES)
        yield folder


def written(pid):
    """Bytes that the process has written so far, as it sees it itself (proc_pid_io(5))."""
    found = re.search(r"^wchar: (\d+)", machine.read(f"/proc/{pid}/io"), re.M)
    return int(found.group(1)) if found else None


def watch_rates(child):
    """Bytes written in each whole second until the process ends."""
    rates, before, tick = [], 0, time.monotonic() + 1
    while True:
        try:
            child.wait(timeout=max(0, tick - time.monotonic()))
            return rates
        except subprocess.TimeoutExpired:
            now = written(child.pid)
            if now is not None:
                rates.append(now - before)
                before = now
            tick += 1


def copy(source, target):
    """The rates, and the seconds until everything was on the disk."""
    begun = time.monotonic()
    with subprocess.Popen(["cpio", "-pd", "--quiet", target], cwd=source, stdin=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as cpio:
        try:
            cpio.stdin.write("".join(f"{name}\n" for name in sorted(os.listdir(source))))
            cpio.stdin.close()
            rates = watch_rates(cpio)
        except BaseException:
            cpio.kill()
            raise
        if cpio.returncode != 0:
            raise stage.Failed(f"cpio: {stage.last_line(cpio.stderr.read())}")
    stage.run("sync", "-f", target)
    return rates, time.monotonic() - begun


def summary(rates, seconds):
    if len(rates) < 2:
        raise stage.Failed("the copy took less than two seconds: nothing to tell about its rate")
    mean = statistics.mean(rates)
    return {"seconds": seconds, "mean": mean, "least": min(rates),
            "variation": statistics.pstdev(rates) / mean, "zeros": rates.count(0), "rates": rates}


def one(place, way, source):
    stage.forget(place)
    with way.up(place) as below:
        stage.ext4_make(below.path)
        with stage.mounted(below.path, f"{place}/data") as folder:
            return summary(*copy(source, folder))


def chosen(settings):
    possible, left_out = ways.possible(
        [ways.LOOP_BUFFERED, ways.LOOP_DIRECT,
         *(ways.loop_above(way) for way in ways.RAW if way.key != "platterfs-threads")],
        settings.has_uring)
    return (possible[1:3] if settings.quick else possible), left_out


def on_place(place, chosen_ways, source, where, result):
    ways.image_make(place, "raw", IMAGE_BYTES)
    for way in chosen_ways:
        title = way.title + where
        try:
            result["copies"][title] = one(place, way, source)
            say(f"copy: {title}: {result['copies'][title]['mean'] / 1e6:.0f} MB/s, "
                f"coefficient of variation {result['copies'][title]['variation']:.2f}")
        except stage.Failed as reason:
            result["left_out"][title] = str(reason)
            say(f"copy: {title}: LEFT OUT: {reason}")


def measure(settings):
    chosen_ways, left_out = chosen(settings)
    result = {"copies": {}, "left_out": left_out,
              "target": ways.loop_above(ways.raw_volume(settings.transport)).title}
    files = FILES // 4 if settings.quick else FILES
    with source_made(f"{settings.folder}/source", files) as source:
        with stage.memory_disk(f"{settings.folder}/copy", DISK) as place:
            on_place(place, chosen_ways, source, "", result)
        if not settings.quick:
            with stage.scratch(settings.disk) as place:
                best = [way for way in chosen_ways if settings.transport in way.key]
                on_place(place, best, source, ", on the disk", result)
    result["bytes"] = files * FILE_BYTES
    return result


def row(title, found):
    return [title, report.number(found["seconds"]), report.number(found["mean"] / 1e6),
            report.number(found["least"] / 1e6), f"{found['variation']:.2f}", str(found["zeros"])]


def markdown(result):
    rates = "\n".join(f"- {title}: {' '.join(str(round(r / 1e6)) for r in found['rates'])}"
                      for title, found in result["copies"].items())
    return report.section(
        TITLE,
        f"{result['bytes'] / 1e9:.1f} GB with cpio into ext4 on a loop device, once each. cpio "
        "copies 512 bytes at a time, which limits it.",
        report.table(["way", "seconds", "mean MB/s", "least", "coefficient of variation",
                      "seconds at zero"],
                     [row(*item) for item in result["copies"].items()]),
        report.left_out(result), "MB/s of each second:", rates)
