# SPDX-License-Identifier: MIT
"""What encryption costs: volumes of different ciphers beside the raw volume."""
import report
import stage
import ways
from measure import Table, Work

TITLE = "Ciphers"
IMAGE_BYTES = 1 << 30
DISK = "3G"
CIPHERS = [(ways.AES_XTS, 512), (ways.AES_XTS, 4096), ("aes-cbc-essiv:sha256", 4096),
           ("xchacha12,aes-adiantum-plain64", 4096)]

# Random data, unlike the other parts.
WORKS = [Work(title, pattern, block, depth, options=())
         for title, pattern, block, depth in (
             ("read 4K qd1", "randread", "4k", 1), ("read 4K qd32", "randread", "4k", 32),
             ("write 4K qd1", "randwrite", "4k", 1), ("write 4K qd32", "randwrite", "4k", 32),
             ("read 1M qd4", "read", "1M", 4), ("write 1M qd4", "write", "1M", 4))]


def measure(settings):
    # On the same image, so that it reads ciphertext too: zram gives zeros back for less.
    raw = ways.raw_volume(settings.transport, "plain")
    volumes = [ways.plain_volume(settings.transport, *cipher) for cipher in CIPHERS]
    with stage.memory_disk(f"{settings.folder}/ciphers", DISK) as place:
        failed = ways.images_make(place, [raw, *volumes], IMAGE_BYTES)
        if failed:
            raise stage.Failed(", ".join(failed.values()))
        result = Table("ciphers", [raw, *volumes], WORKS).measure(
            place, settings.rounds, settings.seconds)
    return result | {"base": raw.key}


def markdown(result):
    return report.section(
        TITLE,
        "Thousand I/Os a second, GB/s for 1 MiB; 512-bit keys for XTS, 256-bit ones else; the number "
        "is the sector size. Reads are the ones to compare: fio's random data compress a little in "
        "zram, ciphertext does not (`†`).",
        report.rates(result), report.left_out(result), "As ratios to the raw volume:",
        report.ratios(result, result["base"]))
