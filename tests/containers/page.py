#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands of one section of a page, as scripts.

    page.py PAGE.md HEADING FOLDER

In the indented blocks "$ " begins a line of the user, "# " one of root; other lines belong to the
command before them. Successive commands of one of the two are one script: FOLDER/lines.NN.user or
FOLDER/lines.NN.root. Exit code 1 if there is no such section, or nothing to run in it.
"""
import itertools
import re
import sys


def section(page, heading):
    """The text from its heading to the next one."""
    parts = re.split(r"^#+ +(.*)$", open(page, encoding="utf-8").read(), flags=re.M)
    return dict(zip(parts[1::2], parts[2::2])).get(heading, "")


def commands(text):
    """("user" or "root", command)."""
    found = []
    for line in text.splitlines():
        if not line.startswith("    "):
            continue
        if line[4:6] in ("$ ", "# "):
            found.append(("user" if line[4] == "$" else "root", line[6:] + "\n"))
        elif found:
            found[-1] = (found[-1][0], found[-1][1] + line[4:] + "\n")
    return found


def main():
    page, heading, folder = sys.argv[1:]
    groups = itertools.groupby(commands(section(page, heading)), key=lambda command: command[0])
    count = 0
    for count, (who, group) in enumerate(groups, 1):
        with open(f"{folder}/lines.{count:02}.{who}", "w", encoding="utf-8") as script:
            script.writelines(text for _, text in group)
    return 0 if count else 1


if __name__ == "__main__":
    sys.exit(main())
