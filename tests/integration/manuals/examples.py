#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the commands of a man page's EXAMPLES, one after the other, on a terminal.

    examples.py PAGE.scd

A command that shows for ever, as `top`, is ended after some seconds by Ctrl-C.
"""
import os
import pty
import re
import select
import signal
import sys
import termios
import time

LIMIT_SECONDS = 30
FOR_EVER = re.compile(r"platterfs top (?!.*--once)")


def commands(page):
    """Those behind a prompt, in the literal blocks; a line that ends in a backslash goes on."""
    examples = open(page, encoding="utf-8").read().split("\n# EXAMPLES\n")[1].split("\n# ")[0:]
    # "# " within a literal block is a prompt, not a heading.
    text = "\n# ".join(examples).split("\n# SEE ALSO")[0]
    for block in re.findall(r"^```\n(.*?)^```", text, re.S | re.M):
        block = block.replace("\\\\\n", "\\\n").replace("\\\n\t", "")
        for line in block.splitlines():
            if line[:2] in ("# ", "$ ") and not line.startswith("# VOLUME"):
                yield line[2:]


def hidden(terminal):
    """Whether what is typed is not shown: before that, it would be thrown away."""
    return not termios.tcgetattr(terminal)[3] & termios.ECHO


def run(command):
    """Its exit code, and what it printed."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvp("bash", ["bash", "-o", "pipefail", "-c", command])
    seen, answered, start = b"", 0, time.monotonic()
    while True:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                piece = os.read(terminal, 65536)
            except OSError:
                break
            if not piece:
                break
            seen += piece
        if len(re.findall(rb"Passphrase for .*: |The same again: ", seen)) > answered and \
                hidden(terminal):
            answered += 1
            os.write(terminal, b"tried literally\n")
        seconds = time.monotonic() - start
        if FOR_EVER.search(command) and seconds > 3:
            os.write(terminal, b"\x03")
            os.waitpid(pid, 0)
            return 0, seen
        if seconds > LIMIT_SECONDS:
            os.kill(pid, signal.SIGKILL)
            sys.exit(f"does not end: {command}: {seen.decode(errors='replace')}")
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status), seen


def main():
    device = None
    count = 0
    for command in commands(sys.argv[1]):
        if device:
            command = re.sub(r"/dev/loop0\b", device, command)
        code, seen = run(command)
        if code != 0:
            sys.exit(f"exit code {code}: {command}\n{seen.decode(errors='replace')}")
        found = re.search(rb"^(/dev/loop\d+)\r?$", seen, re.M)
        device = found.group(1).decode() if found else device
        count += 1
    if count == 0:
        sys.exit("no example found")
    print(f"   {count} commands")


main()
