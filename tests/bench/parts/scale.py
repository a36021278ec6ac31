# SPDX-License-Identifier: MIT
"""How cost grows: with depth, clients, the size of an image, its extents, and the images of a folder.
A series is {"x", "y": titles, "ways": {title: [[x, y], ...]}}."""
import contextlib
import os
import statistics

import machine
import report
import stage
import ways
from measure import Table, Work, say
from stage import Failed

TITLE = "How cost grows"
DEPTHS = [1, 2, 4, 8, 16, 32, 64, 128, 256]
CLIENTS = [1, 2, 4, 8, 16, 32, 64]
# ext4 with blocks of 4 KiB ends a block short of 16 TiB.
SIZES = [1 << 30, 1 << 34, 1 << 38, 1 << 42, (1 << 44) - 4096]
EXTENTS = [1, 100, 10_000, 1_000_000]
FOLDERS = [1, 10, 100, 1_000, 10_000]
FRAGMENTED_BYTES = 4096 * 1_000_000
# There are many figures: each takes a third of the other parts' time.
FRACTION = 3


def both(settings):
    return [ways.LOOP_DIRECT, ways.raw_volume(settings.transport)]


def measured(settings, name, place, some_ways, works):
    result = Table(name, some_ways, works).measure(place, settings.rounds,
                                                   settings.seconds / FRACTION)
    for way, reason in result["left_out"].items():
        settings.left_out[f"{name}: {way}"] = reason
    return result


def series(x, y, points):
    """Of [(title, x, y)]."""
    found = {}
    for title, at, value in points:
        found.setdefault(title, []).append([at, value])
    return {"x": x, "y": y, "ways": found}


def rates(result, x_of):
    """(title, x, thousand I/Os a second) of a table's figures."""
    return [(way["title"], x_of(work["title"]),
             report.values(result, way["key"], work["title"])["rate"] / 1e3)
            for way in result["ways"] for work in result["works"]]


def times(settings, source):
    """Medians of the seconds to mount a folder and to open a volume of it."""
    options = f"type=raw,{ways.TRANSPORTS[settings.transport]}"
    rounds = [stage.platterfs_time(options, source, f"{settings.folder}/mnt-times")
              for _ in range(settings.rounds)]
    return [statistics.median(seconds) for seconds in zip(*rounds)]


# --- Depth and clients

def load(settings):
    """Both on the same image."""
    works = {
        "depth": [Work(str(n), "randread", depth=n) for n in DEPTHS],
        "clients": [Work(str(n), "randread", engine="psync", jobs=n) for n in CLIENTS],
    }
    some_ways, _ = ways.possible([ways.LOOP_DIRECT, ways.raw_volume("fuse-uring"),
                                  ways.raw_volume("dev")], settings.has_uring)
    with stage.memory_disk(f"{settings.folder}/load", "3G") as place:
        ways.image_make(place, "raw", 1 << 30)
        return {name: series({"depth": "requests in flight", "clients": "clients, psync"}[name],
                             "read 4K, thousand I/Os a second",
                             rates(measured(settings, name, place, some_ways, some), int))
                for name, some in works.items()}


# --- Size

def sized(settings, place, size):
    """(points of time, of reads at depth 1, at depth 32) for an image of that size, all a hole."""
    works = [Work("qd1", "randread", engine="psync"), Work("qd32", "randread", depth=32)]
    folder = stage.make_folder(place, "raw")
    with open(f"{folder}/{ways.IMAGE}", "wb") as file:
        file.truncate(size)
    mount_seconds, _ = times(settings, folder)
    points = rates(measured(settings, f"size {size / (1 << 30):.0f} GiB", place, both(settings),
                            works), str)
    at = size / (1 << 30)
    return ([("platterfs", at, mount_seconds)],
            [(way, at, rate) for way, work, rate in points if work == "qd1"],
            [(way, at, rate) for way, work, rate in points if work == "qd32"])


def sizes(settings):
    with stage.memory_disk(f"{settings.folder}/size", "2G") as place:
        each = [sized(settings, place, size) for size in SIZES]
    mounts, qd1, qd32 = (sum(points, []) for points in zip(*each))
    x, y = "GiB of the image, sparse", "thousand I/Os a second"
    return {"size-mount": series(x, "seconds to mount", mounts),
            "size-qd1": series(x, f"read 4K qd1, {y}", qd1),
            "size-qd32": series(x, f"read 4K qd32, {y}", qd32)}


# --- Extents

@contextlib.contextmanager
def fragmented(folder, count):
    """A mapped image of that many extents: the disk is full but for as many gaps, and the image
    fills them."""
    piece = FRAGMENTED_BYTES // count // 4096 * 4096
    with stage.memory_disk(folder, "9G", "-m", "0", "-T", "largefile4") as place:
        raw = stage.make_folder(place, "raw")
        space = os.statvfs(place)
        with open(f"{place}/filler", "wb") as filler:
            os.posix_fallocate(filler.fileno(), 0, space.f_bavail * space.f_bsize - (64 << 20))
            for gap in range(count):
                stage.punch(filler.fileno(), gap * 2 * piece, piece)
            os.fsync(filler.fileno())
        stage.image_create(f"{raw}/{ways.IMAGE}", piece * count)
        yield place, stage.image_info(f"{raw}/{ways.IMAGE}")["extents"]["count"]


def extents(settings):
    opens, reads = [], []
    for count in EXTENTS[:-1] if settings.quick else EXTENTS:
        with fragmented(f"{settings.folder}/extents", count) as (place, real):
            _, seconds = times(settings, f"{place}/raw")
            say(f"scale: {real} extents: open in {seconds:.3f} s")
            result = measured(settings, f"{real} extents", place, both(settings),
                              [Work("read 4K qd32", "randread", depth=32)])
            opens.append(("platterfs", real, seconds))
            reads += rates(result, lambda title, real=real: real)
    return {"extents-open": series("extents of the image", "seconds to open", opens),
            "extents-qd32": series("extents of the image",
                                   "read 4K qd32, thousand I/Os a second", reads)}


# --- Images in the folder

def images_make(folder, count):
    for number in range(count):
        with open(f"{folder}/image-{number}", "wb") as file:
            file.truncate(4096)


def resident(settings, source):
    options = f"type=raw,{ways.TRANSPORTS[settings.transport]}"
    point = f"{settings.folder}/mnt-resident"
    with stage.platterfs(options, source, point) as pid:
        os.listdir(point)
        return machine.meminfo(machine.read(f"/proc/{pid}/status"), "VmRSS")


def folders(settings):
    mounts, memory = [], []
    for count in FOLDERS:
        source = stage.make_folder(settings.folder, f"images-{count}")
        images_make(source, count)
        seconds, _ = times(settings, source)
        mounts.append(("platterfs", count, seconds))
        memory.append(("platterfs", count, resident(settings, source) / report.MEBI))
        say(f"scale: {count} images: mounted in {seconds:.3f} s, {memory[-1][2]:.0f} MiB resident")
    return {"images-mount": series("images in the folder", "seconds to mount", mounts),
            "images-memory": series("images in the folder", "daemon resident, MiB", memory)}


# --- All of it

def measure(settings):
    settings.left_out = {}
    result = {"series": {}, "left_out": settings.left_out}
    for what in (load, sizes, folders, extents):
        try:
            result["series"] |= what(settings)
        except (Failed, OSError) as reason:
            result["left_out"][what.__name__] = str(reason)
            say(f"scale: {what.__name__}: LEFT OUT: {reason}")
    return result


def series_table(one):
    xs = sorted({point[0] for points in one["ways"].values() for point in points})
    by_way = {title: dict(map(tuple, points)) for title, points in one["ways"].items()}
    return "\n\n".join([f"{one['y']}, by {one['x']}:", report.table(
        [""] + [f"{x:g}" for x in xs],
        [[title] + [f"{points[x]:.3g}" if x in points else "-" for x in xs]
         for title, points in by_way.items()])])


def markdown(result):
    return report.section(TITLE, *map(series_table, result["series"].values()),
                          report.left_out(result))
