# SPDX-License-Identifier: MIT
"""The same work through every way to an image, on a disk in memory."""
import report
import stage
import ways
from measure import Table, Work

TITLE = "Beside the kernel's loop device and the peers"
IMAGE_BYTES = 1 << 30
DISK = "12G"
BASE = ways.LOOP_DIRECT.key

# A file of FUSE has no NOWAIT, so a client that uses io_uring reaches it through a worker thread
# of the kernel: that is a cost of the client, and psync shows the difference at depth 1.
WORKS = [
    Work("read 4K qd1, psync", "randread", engine="psync"),
    Work("read 4K qd1, io_uring", "randread"),
    Work("read 4K qd32", "randread", depth=32),
    Work("read 4K qd32, libaio", "randread", depth=32, engine="libaio"),
    Work("write 4K qd1, psync", "randwrite", engine="psync"),
    Work("write 4K qd1, io_uring", "randwrite"),
    Work("write 4K qd32", "randwrite", depth=32),
    Work("read 1M qd4", "read", block="1M", depth=4),
    Work("write 1M qd4", "write", block="1M", depth=4),
    Work("write 4K + fdatasync", "randwrite", engine="psync",
         options=("--zero_buffers", "--fdatasync=1")),
]


def chosen(settings):
    everything = ways.everything(settings.transport)
    if not settings.quick:
        return everything
    main = {"image", BASE, "platterfs-fuse-uring", "platterfs-dev", "qemu-luks1",
            f"loop-platterfs-{settings.transport}", "platterfs-passthrough",
            "loop-platterfs-passthrough",
            f"platterfs-{settings.transport}-{ways.AES_XTS}-4096"}
    return [way for way in everything if way.key in main]


def measure(settings):
    possible, left_out = ways.possible(chosen(settings), settings.has_uring)
    with stage.memory_disk(f"{settings.folder}/peers", DISK) as place:
        failed = ways.images_make(place, possible, IMAGE_BYTES)
        left_out |= {way.key: failed[way.image] for way in possible if way.image in failed}
        table = Table("peers", [way for way in possible if way.image not in failed], WORKS)
        result = table.measure(place, settings.rounds, settings.seconds)
    result["left_out"] |= left_out
    return result | {"base": BASE}


def markdown(result):
    return report.section(
        TITLE,
        "Thousand I/Os a second, GB/s for 1 MiB. `~`: the rounds scatter by more than 20 %, or time "
        "was stolen. `†`: zram compresses, so a write of zeros costs this disk another time in the "
        "clear than encrypted: not to be compared with raw writes. (Reading ciphertext also costs it "
        "more than reading zeros; the part `ciphers` reads ciphertext both ways.)",
        report.rates(result), report.left_out(result),
        "The same, as ratios to the kernel's loop device with direct I/O:",
        report.ratios(result, BASE),
        "Latency in microseconds, mean / p99 / p99.9; of the fdatasync in the last column:",
        report.joined(result, "mean_us", "p99_us", "p999_us"),
        "CPU time an I/O in microseconds: client / daemon / whole system without the client / whole "
        "system. The work of the kernel's loop device is in the third alone:",
        report.joined(result, "client_us", "server_us", "others_us", "system_us"),
        "Context switches an I/O, of the whole system:", report.joined(result, "switches"),
        "Memory, the most of all columns:", report.memory(result))
