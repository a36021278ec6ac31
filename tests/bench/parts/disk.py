# SPDX-License-Identifier: MIT
"""An image on a real disk, where the disk's time is what counts."""
import report
import stage
import ways
from measure import Table, Work

TITLE = "On a disk"
IMAGE_BYTES = 1 << 30

WORKS = [
    Work("read 4K qd1", "randread", engine="psync"),
    Work("read 4K qd32", "randread", depth=32),
    Work("write 4K qd32", "randwrite", depth=32),
    Work("read 1M qd4", "read", block="1M", depth=4),
    Work("write 1M qd4", "write", block="1M", depth=4),
    Work("write 4K + fdatasync", "randwrite", engine="psync",
         options=("--zero_buffers", "--fdatasync=1")),
]


def measure(settings):
    possible, left_out = ways.possible(
        [ways.ITSELF, ways.LOOP_DIRECT, ways.raw_volume("fuse-uring"), ways.raw_volume("dev")],
        settings.has_uring)
    with stage.scratch(settings.disk) as place:
        ways.image_make(place, "raw", IMAGE_BYTES)
        result = Table("disk", possible, WORKS).measure(place, settings.rounds, settings.seconds)
    result["left_out"] |= left_out
    result["disk"] = stage.run("findmnt", "--noheadings", "--output", "SOURCE,FSTYPE", "--target",
                               settings.disk).strip()
    return result


def markdown(result):
    return report.section(
        TITLE, f"{result['disk']}. Thousand I/Os a second, GB/s for 1 MiB.", report.rates(result),
        report.left_out(result), "As ratios to the image itself:",
        report.ratios(result, ways.ITSELF.key),
        "Latency in microseconds, mean / p99 / p99.9; of the fdatasync in the last column:",
        report.joined(result, "mean_us", "p99_us", "p999_us"))
