# SPDX-License-Identifier: MIT
"""Four psync jobs with files of 1500 MB on ext4 over a loop device: what loop devices cost besides
the work. The workload is the one that loop's direct I/O was measured with when it came into Linux
(2015)."""
import contextlib
import dataclasses

import report
import stage
import ways
from measure import Table, Target, Work

TITLE = "Four psync jobs"
IMAGE_BYTES = 7 << 30
DISK = "9G"
JOBS = 4
FILE_BYTES = 1500 << 20

WORKS = [Work(pattern, pattern, engine="psync", jobs=JOBS,
              options=("--zero_buffers", f"--size={FILE_BYTES}"))
         for pattern in ("randread", "read", "randwrite", "write")]


def with_filesystem(way):
    """The folder of the ext4 that the way leads to."""
    @contextlib.contextmanager
    def up(place):
        with way.up(place) as below, stage.mounted(below.path, f"{place}/data") as folder:
            yield Target(folder, below.pids)
    return dataclasses.replace(way, up=up)


def lay_out_files(place):
    """Once: all ways lead to the same image. Their names are fio's."""
    with ways.LOOP_DIRECT.up(place) as target:
        stage.ext4_make(target.path)
    with with_filesystem(ways.LOOP_DIRECT).up(place) as target:
        for job in range(JOBS):
            ways.zeros_write(f"{target.path}/bench.{job}.0", FILE_BYTES)


def measure(settings):
    possible, left_out = ways.possible(
        [ways.LOOP_BUFFERED, ways.LOOP_DIRECT,
         *map(ways.loop_above, [*ways.RAW, ways.passthrough_volume(settings.transport)])],
        settings.has_uring)
    with stage.memory_disk(f"{settings.folder}/psync", DISK) as place:
        ways.image_make(place, "raw", IMAGE_BYTES)
        lay_out_files(place)
        table = Table("psync", [with_filesystem(way) for way in possible], WORKS)
        result = table.measure(place, settings.rounds, settings.seconds)
    result["left_out"] |= left_out
    return result


def row(way, work, found):
    medians = found["median"]
    return [work, way["title"],
            report.number(medians["rate"] / 1e3) + (" ~" if found["flags"] else ""),
            report.number(medians["switches"]), report.mebibytes(medians["buffers_bytes"]),
            report.mebibytes(medians["cached_bytes"])]


def markdown(result):
    return report.section(
        TITLE,
        "ext4 over a loop device, files of 1500 MB; most growth of Buffers and Cached while it ran. "
        "`~`: the rounds scatter by more than 20 %, or time was stolen.",
        report.table(["pattern", "loop device", "thousand IOPS", "context switches an I/O",
                      "Buffers, MiB more", "Cached, MiB more"],
                     [row(way, work["title"], result["figures"][way["key"]][work["title"]])
                      for way in result["ways"] for work in result["works"]]),
        report.left_out(result))
