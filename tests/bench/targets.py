# SPDX-License-Identifier: MIT
"""What the figures are to be, and whether they are. Rows: target, measured, wanted, verdict."""
import ways
from report import MEBI, ratio, values

QD1 = ["read 4K qd1, psync", "read 4K qd1, io_uring", "write 4K qd1, psync",
       "write 4K qd1, io_uring"]
QD32 = ["read 4K qd32", "write 4K qd32"]
LARGE = ["read 1M qd4", "write 1M qd4"]
SYNC = ["write 4K + fdatasync"]
LUKS_PEERS = ("qemu-luks1", "nbdkit-luks1")


def row(target, measured, wanted, is_met):
    return {"target": target, "measured": measured, "wanted": wanted,
            "verdict": "met" if is_met else "**missed**"}


def at_least(target, measured, limit):
    return row(target, measured, f">= {limit:g}", measured >= limit)


def at_most(target, measured, limit):
    return row(target, measured, f"<= {limit:g}", measured <= limit)


def ratios_at_least(part, text, way, base, limits):
    """limits: {limit: works}. Only what was measured."""
    for limit, works in limits.items():
        for work in works:
            measured = ratio(part, way, base, work)
            if measured is not None:
                yield at_least(f"{text}: {work}", measured, limit)


# --- Of each part

def of_peers(part, transport):
    volume, base = f"platterfs-{transport}", ways.LOOP_DIRECT.key
    yield from ratios_at_least(part, "volume / kernel loop direct", volume, base,
                               {2.5: QD1, 1.2: QD32, 3: SYNC, 0.7: LARGE})
    yield from ratios_at_least(part, "with passthrough / kernel loop direct",
                               "platterfs-passthrough", base,
                               {2.5: QD1, 1.2: QD32, 3: SYNC, 1: LARGE})
    for key, title in ((f"{volume}-{ways.AES_XTS}-{sector}", f"AES-XTS {sector}")
                       for sector in (4096, 512)):
        yield from against_luks(part, f"{title} / best LUKS peer", key)
    yield from ratios_at_least(part, "loop on the volume / kernel loop direct", f"loop-{volume}",
                               base, {0.9: QD1 + QD32 + LARGE + SYNC})
    yield from ratios_at_least(part, "loop on it with passthrough / kernel loop direct",
                               "loop-platterfs-passthrough", base,
                               {0.9: QD1 + QD32 + LARGE + SYNC})
    yield from of_memory(part, volume)
    yield from of_cpu(part, volume, base)


def against_luks(part, text, way):
    for work in QD1 + QD32 + LARGE + SYNC:
        peers = [found["rate"] for peer in LUKS_PEERS if (found := values(part, peer, work))]
        ours = values(part, way, work)
        if peers and ours:
            yield at_least(f"{text}: {work}", ours["rate"] / max(peers), 5)


def of_memory(part, volume):
    medians = [found["median"] for found in part["figures"].get(volume, {}).values()]
    if medians:
        yield at_most("daemon resident, MiB", max(m["resident_bytes"] for m in medians) / MEBI, 64)


def of_cpu(part, volume, base):
    """The kernel loop's worker is what the system spends besides the client."""
    for work in QD1 + QD32:
        daemon, worker = values(part, volume, work), values(part, base, work)
        if daemon and worker and worker["others_us"]:
            yield at_most(f"CPU time of the daemon / of the loop's worker: {work}",
                          daemon["server_us"] / worker["others_us"], 1)


def of_psync(part, transport):
    way, base = f"loop-platterfs-{transport}", ways.LOOP_DIRECT.key
    for work in (w["title"] for w in part["works"]):
        found = values(part, way, work)
        if not found or not values(part, base, work):
            continue
        yield at_most(f"4 psync jobs, {work}: context switches / kernel loop direct",
                      ratio(part, way, base, work, "switches"), 1)
        more = found["cached_bytes"] - values(part, base, work)["cached_bytes"]
        # Less is what the rest of the system does.
        yield at_most(f"4 psync jobs, {work}: Cached, MiB more than kernel loop direct",
                      more / MEBI, 1)
        yield at_most(f"4 psync jobs, {work}: Buffers, MiB more", found["buffers_bytes"] / MEBI, 5)


def of_copy(part, _):
    found = part["copies"].get(part["target"])
    if found:
        yield at_most("copy into a volume: coefficient of variation", found["variation"], 0.15)
        yield at_most("copy into a volume: seconds at zero", found["zeros"], 0)


def of_disk(part, transport):
    yield from ratios_at_least(part, "on a disk: volume / the image itself",
                               f"platterfs-{transport}", ways.ITSELF.key, {0.95: QD32 + LARGE})


def of_ciphers(part, _):
    """Reads only: on zram, writes of clear data and of ciphertext cannot be compared."""
    for way in part["ways"]:
        if ways.AES_XTS in way["key"]:
            yield from ratios_at_least(part, f"ciphers: {way['title']} / raw volume", way["key"],
                                       part["base"], {0.8: ["read 4K qd1", "read 4K qd32"],
                                                      0.5: ["read 1M qd4"]})


def of_scale(part, _):
    for name, text, limit, least_x in (
            ("extents-open", "open of an image of 10^6 extents, seconds", 1, 900_000),
            ("images-mount", "mount of 10^4 images, seconds", 1, 10_000),
            ("images-memory", "mount of 10^4 images, MiB more than of one", 16, 10_000)):
        points = part["series"].get(name, {"ways": {}})["ways"].get("platterfs", [])
        if points and points[-1][0] >= least_x:
            base = points[0][1] if name == "images-memory" else 0
            yield at_most(text, points[-1][1] - base, limit)


def rows(parts, transport):
    each = {"peers": of_peers, "psync": of_psync, "copy": of_copy, "disk": of_disk,
            "ciphers": of_ciphers, "scale": of_scale}
    return [found for name, part in parts.items() for found in each[name](part, transport)]
