#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""top on a terminal of its own: what it draws, how it ends, and what it leaves behind.

    terminal.py MOUNTPOINT
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time

TAKEN, GIVEN_BACK = b"\x1b[?1049h", b"\x1b[?1049l"
LIMIT_SECONDS = 10


class Terminal:
    def __init__(self, rows, columns):
        self.master, self.slave = pty.openpty()
        self.size(rows, columns)
        self.seen = b""

    def size(self, rows, columns):
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))

    def settings(self):
        return termios.tcgetattr(self.slave)

    def start(self, *arguments):
        def in_child():
            os.setsid()
            fcntl.ioctl(self.slave, termios.TIOCSCTTY, 0)
        self.seen = b""
        self.program = subprocess.Popen([os.environ["PLATTERFS"], "top", *arguments],
                                        stdin=self.slave, stdout=self.slave, stderr=self.slave,
                                        env={**os.environ, "TERM": "xterm", "LC_ALL": "C"},
                                        preexec_fn=in_child)

    def read(self):
        if select.select([self.master], [], [], 0.05)[0]:
            self.seen += os.read(self.master, 65536)

    def wait_for(self, what, condition):
        deadline = time.monotonic() + LIMIT_SECONDS
        while not condition():
            if time.monotonic() > deadline:
                sys.exit(f"waited in vain for {what}: {self.seen[-2000:]!r}")
            self.read()

    def wait_end(self):
        self.wait_for("the end", lambda: self.program.poll() is not None)
        while select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 65536)

    def pictures(self):
        """What each redraw shows, as lines."""
        for picture in self.seen.split(b"\x1b[H")[1:]:
            text = re.sub(rb"\x1b\[[?0-9;]*[A-Za-z]", b"", picture).decode()
            yield text.replace("\r", "").split("\n")


def expect(condition, message):
    if not condition:
        sys.exit(message)


def check_end(terminal, mountpoint, how, end, code=0):
    before = terminal.settings()
    terminal.start("--interval", "0.2", mountpoint)
    terminal.wait_for("figures", lambda: terminal.seen.count(b"never.img") > 2)
    expect(terminal.settings()[3] & (termios.ICANON | termios.ECHO) == 0, "keys are not taken")
    end()
    terminal.wait_end()
    expect(terminal.program.returncode == code, f"{how}: exit code {terminal.program.returncode}")
    expect(terminal.settings() == before, f"{how}: the terminal's settings are not as before")
    expect(terminal.seen.count(TAKEN) == terminal.seen.count(GIVEN_BACK) == 1,
           f"{how}: the screen is not given back")
    expect(terminal.seen.endswith(GIVEN_BACK), f"{how}: after the end it goes on drawing")


def check_window(terminal, mountpoint):
    terminal.size(4, 50)
    terminal.start("--interval", "0.2", mountpoint)
    terminal.wait_for("figures", lambda: terminal.seen.count(b"VOLUME") > 2)
    for lines in terminal.pictures():
        expect(len(lines) <= 4, f"{len(lines)} lines in 4 rows: {lines}")
        expect(all(len(line) <= 50 for line in lines), f"a line longer than the window: {lines}")
    expect(b"volumes more" in terminal.seen, "what does not fit is not mentioned")
    terminal.seen = b""
    terminal.size(30, 132)
    terminal.program.send_signal(signal.SIGWINCH)
    terminal.wait_for("the larger window", lambda: b"never.img" in terminal.seen and
                      b"errors" in terminal.seen)
    os.write(terminal.master, b"q")
    terminal.wait_end()


def stopped(pid):
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0] == "T"


def check_stop(terminal, mountpoint):
    """Ctrl-Z gives the terminal back, fg takes it again."""
    before = terminal.settings()
    terminal.start("--interval", "0.2", mountpoint)
    terminal.wait_for("figures", lambda: terminal.seen.count(b"never.img") > 1)
    terminal.program.send_signal(signal.SIGTSTP)
    terminal.wait_for("it to stop", lambda: stopped(terminal.program.pid))
    terminal.read()
    expect(terminal.settings() == before, "stopped, with the terminal in its hands")
    terminal.program.send_signal(signal.SIGCONT)
    terminal.wait_for("it to go on", lambda: terminal.seen.count(TAKEN) == 2)
    os.write(terminal.master, b"q")
    terminal.wait_end()


def main():
    mountpoint = sys.argv[1]
    terminal = Terminal(24, 80)
    check_end(terminal, mountpoint, "q", lambda: os.write(terminal.master, b"q"))
    check_end(terminal, mountpoint, "Ctrl-C", lambda: os.write(terminal.master, b"\x03"))
    check_end(terminal, mountpoint, "SIGTERM", lambda: terminal.program.terminate())
    check_window(terminal, mountpoint)
    check_stop(terminal, mountpoint)


main()
