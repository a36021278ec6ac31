#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""docs/compatibility.md from `specs` and `luks` and what the test has seen of each line.

    document.py FOLDER-OF-SPECS KERNEL...     reads KERNEL.verdicts in the current folder

Lines that follow each other, have the same cipher and fared the same are one row.
"""
import itertools
import os
import sys

WORDS = {
    "identical": "identical",
    "added": "identical \\*",
    "absent": "not in this kernel",
    "refused": "not in platterfs",
    "different": "**different**",
}

INTRO = """\
# Compatibility

Whether a volume of platterfs can be opened by Linux itself, and the other way round: so that you
can move to platterfs and away from it without a copy.

The tables are written by a test (`tests/vm/compatibility`), and the test fails when they are not
true. It boots each of these kernels in a virtual machine and compares platterfs with the kernel's
own dm-crypt, each time with another key:

- platterfs writes, in pieces of odd sizes, and the kernel must read the same bytes;
- the kernel writes the same bytes, and platterfs must read them;
- the two images must be the same in every bit, and nothing beside the data may have changed.

| | |
|---|---|
| **identical** | all three are so |
| **identical \\*** | the same, with the kernel's own module for it, which Debian leaves out: the test \
has built it from the source of Debian's kernel |
| **not in this kernel** | the kernel has no such cipher; platterfs has |
| **not in platterfs** | platterfs refuses such a volume and says why |
| **different** | a bug of platterfs: do not use it |

In a row, each key size, sector size and option has been compared, but not each combination of them.
"""

PLAIN = """
## Volumes without a header

These are `type=plain` of platterfs, `plain` of cryptsetup and crypttab(5), or a dm-crypt table made
by dmsetup. The words are options of `platterfs mount -o`: `key-size=` in bits; `sector-size=` in
bytes; `offset=` and `skip=` in sectors of 512 bytes.
"""

LUKS = """
## LUKS

A volume made by `platterfs create` is opened by cryptsetup, and one made by `cryptsetup luksFormat`
by platterfs, with the same data.
"""


def lines(path):
    """(heading, words) of each line that is not a comment."""
    heading = None
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.startswith("## "):
                heading = line[3:].strip()
            elif line.strip() and not line.startswith("#"):
                yield heading, line.split()


def verdicts_read(kernels):
    """What each kernel's line of a name says: {name: ("identical", "absent")}."""
    tables = []
    for kernel in kernels:
        with open(f"{kernel}.verdicts", encoding="utf-8") as file:
            tables.append(dict(line.split() for line in file))
    return {name: tuple(table[name] for table in tables) for name in tables[0]}


def row(cells):
    return "| " + " | ".join(cells) + " |"


def header(cells):
    return row(cells) + "\n" + "|---" * len(cells) + "|"


def distinct(options):
    return ", ".join(f"`{option}`" for option in dict.fromkeys(options))


def numbers(values):
    return ", ".join(map(str, sorted(set(map(int, values)))))


def plain_row(spec, verdicts, cases):
    options = itertools.chain.from_iterable(words[3:] for words in cases)
    return row([
        f"`{spec}`",
        numbers(words[1] for words in cases),
        numbers(words[2] for words in cases),
        distinct(option for option in options if option != "refused"),
        *(WORDS[verdict] for verdict in verdicts),
    ])


def plain_tables(folder, verdicts, kernels):
    numbered = [(heading, words, verdicts[str(number)])
                for number, (heading, words) in enumerate(lines(os.path.join(folder, "specs")))]
    for heading, cases in itertools.groupby(numbered, key=lambda case: case[0]):
        print(f"\n### {heading}\n")
        print(header(["`cipher=`", "`key-size=`", "`sector-size=`", "other options", *kernels]))
        rows = {}
        for _, words, verdict in cases:
            rows.setdefault((words[0], verdict), []).append(words)
        for (spec, verdict), members in rows.items():
            print(plain_row(spec, verdict, members))


def luks_table(folder, verdicts, kernels):
    print()
    print(header(["type", "cipher", "key size", "sector size", *kernels]))
    for number, (_, words) in enumerate(lines(os.path.join(folder, "luks"))):
        kind, spec, *sizes = words
        print(row([kind, f"`{spec}`", *sizes,
                   *(WORDS[verdict] for verdict in verdicts[f"luks-{number}"])]))


def main():
    folder, kernels = sys.argv[1], sys.argv[2:]
    verdicts = verdicts_read(kernels)
    titles = [f"Linux {kernel}" for kernel in kernels]
    print(INTRO + PLAIN, end="")
    plain_tables(folder, verdicts, titles)
    print(LUKS, end="")
    luks_table(folder, verdicts, titles)


if __name__ == "__main__":
    main()
