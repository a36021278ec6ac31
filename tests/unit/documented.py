#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every command, option and -o option that the program knows is in the man pages and in each
shell's completion, and the other way round as far as can be told; the pages are well-formed.

What it knows comes from `platterfs --help`, `platterfs COMMAND --help`, and the tables in the
source; the program itself is asked whether it really knows each -o option.

    PLATTERFS=build/src/platterfs MANUALS=build/docs/man tests/unit/documented.py
"""
import functools
import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
PLATTERFS = os.environ["PLATTERFS"]
MANUALS = pathlib.Path(os.environ["MANUALS"])
PAGES = ROOT / "docs/man"
COMPLETION = ROOT / "contrib/completion"

problems = []


def problem(text):
    problems.append(text)


def skip_part(text):
    print(f"SKIP PART: {text}")


def output(*arguments, **options):
    return subprocess.run(arguments, text=True, capture_output=True, timeout=60, check=False,
                          **options)


# --- What the program knows

@functools.cache
def commands():
    found = re.findall(r"^  platterfs (\S+)", output(PLATTERFS, "--help").stdout, re.M)
    if len(found) < 5:
        sys.exit("platterfs --help lists no commands any more: mend this test")
    return found


def source_of(command):
    path = ROOT / "src/cmd" / f"{command}.c"
    return path.read_text() if path.exists() else ""


def command_options(command):
    """--long and -s options, of the help and of the tables for getopt_long(3)."""
    text = output(PLATTERFS, command, "--help").stdout
    found = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
    found |= set(re.findall(r"^\s+(-[A-Za-z0-9]),", text, re.M))
    source = source_of(command)
    found |= {"--" + name for name in
              re.findall(r'\{"([a-z-]+)",\s*(?:no|required|optional)_argument', source)}
    found |= {"--" + name for name in re.findall(r'\{"([a-z-]+)", offsetof\(', source)}
    for letters in re.findall(r'getopt_long\(argc, argv, "([^"]*)"', source):
        found |= {"-" + letter for letter in letters if letter.isalnum()}
    return found


@functools.cache
def mount_options():
    """Names for -o, from the tables of options.c and image_options.c."""
    ours = (ROOT / "src/mount/options.c").read_text()
    image = (ROOT / "src/mount/image_options.c").read_text()
    found = set(re.findall(r'\{"([a-z][a-z_-]*)", set_', ours + image))
    for table in re.findall(r"static const char \*const (?:passed|ignored)\[\] = \{(.*?)\};", ours,
                            re.S):
        found |= set(re.findall(r'"([^"]+)"', table))
    found |= set(re.findall(r'strcmp\(option, "([a-z_]+)"\) == 0', ours))
    if len(found) < 50:
        sys.exit(f"only {len(found)} -o options found in the source: mend this test")
    return found


def mount_values():
    """What the help says that -o NAME= can be."""
    text = output(PLATTERFS, "mount", "--help").stdout
    return {name: values.split("|") for name, values in
            re.findall(r"([a-z-]+)=([a-z_0-9-]+(?:\|[a-z_0-9-]+)+)", text)}


def knows(option):
    """Without SOURCE and MOUNTPOINT nothing is mounted, but options come first."""
    said = output(PLATTERFS, "mount", "-o", option).stderr
    return not re.search(r"^platterfs: option .*: unknown$", said, re.M)


def check_source():
    for option in mount_options():
        if not knows(option):
            problem(f"{option} stands in a table of the source, but platterfs does not know it")
    if knows("no-such-option"):
        sys.exit("platterfs knows every option: mend this test")


# --- Man pages

def bold(page):
    """The words that stand in bold, and the page's text."""
    text = (PAGES / f"{page}.scd").read_text() if (PAGES / f"{page}.scd").exists() else ""
    words = set()
    for span in re.findall(r"(?<!\\)\*(.+?)(?<!\\)\*", text):
        words |= set(re.split(r"[\s,|]+", span.replace("\\", "")))
    return words, text


def headings(page):
    """The bold words of the lines that an explanation follows."""
    _, text = bold(page)
    found = set()
    for line in re.findall(r"^(\*.*)\n\t", text, re.M):
        for span in re.findall(r"\*(.+?)\*", line.replace("\\", "")):
            found |= set(re.split(r"[\s,|]+", span))
    return found


def check_pages():
    overview, _ = bold("platterfs.1")
    for command in commands():
        _, text = bold(f"platterfs-{command}.1")
        if not text:
            problem(f"docs/man/platterfs-{command}.1.scd is missing")
            continue
        if f"platterfs-{command}" not in overview:
            problem(f"platterfs(1) does not list {command}")
        for option in sorted(command_options(command) - headings(f"platterfs-{command}.1")):
            problem(f"platterfs-{command}(1) does not have {option}")
        for option in sorted(set(re.findall(r"^\*(--[a-z-]+)\*|, \*(--[a-z-]+)\*", text, re.M))):
            name = "".join(option)
            if name not in command_options(command):
                problem(f"platterfs-{command}(1) has {name}, which platterfs does not know")


def check_options_page():
    words, text = bold("platterfs.5")
    names = {word.split("=")[0] for word in headings("platterfs.5")}
    for option in sorted(mount_options() - names):
        problem(f"platterfs(5) does not have {option}")
    for name, values in mount_values().items():
        for value in values:
            if value not in words and f"{name}={value}" not in words:
                problem(f"platterfs(5) does not have {name}={value}")
    # A newer mount(8) may have more for it to ignore.
    for line in re.findall(r"^\*(?!defaults)\S.*\n\t", text.split("# TABLES")[0], re.M):
        for name in re.findall(r"(?:^|, )\*([a-z][a-z_-]*)=?", line):
            if not knows(name):
                problem(f"platterfs(5) has {name}, which platterfs does not know")


# scdoc ends each literal block and each indented list so.
TOLERATED = re.compile(r"skipping paragraph macro: PP (?:empty|after)")


def check_form():
    pages = sorted(page for page in MANUALS.glob("*.[158]") if page.is_file())
    if not pages:
        skip_part("form of the man pages: they are not built (scdoc)")
        return
    wanted = {path.stem for path in PAGES.glob("*.scd")}
    for name in sorted(wanted - {page.name for page in pages}):
        problem(f"{name} is not built: docs/man/meson.build")
    lint = shutil.which("mandoc")
    man = shutil.which("man")
    if not lint:
        skip_part("mandoc is not installed")
    if not man or not shutil.which("groff"):
        skip_part("man and groff are not installed")
    for page in pages:
        if lint:
            said = output(lint, "-T", "lint", "-W", "warning", str(page)).stdout
            for line in said.splitlines():
                if not TOLERATED.search(line):
                    problem(line)
        if man and shutil.which("groff"):
            said = output(man, "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", str(page),
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"}).stderr
            for line in said.splitlines():
                problem(f"{page.name}: {line}")


def check_references():
    """Whatever of ours a page refers to is there."""
    there = {path.stem for path in PAGES.glob("*.scd")} | {"umount.platterfs.8", "fsck.platterfs.8"}
    for path in PAGES.glob("*.scd"):
        for name, section in re.findall(r"\*([a-z.]*platterfs[a-z-]*)\*\((\d)\)", path.read_text()):
            if f"{name}.{section}" not in there:
                problem(f"{path.name} refers to {name}({section}), which is not there")


# --- Completion

BASH = r"""
source "$1"
compopt() { :; }
COMP_WORDBREAKS=$' \t\n"\'><=;|&(:'
while IFS= read -r COMP_LINE; do
    COMP_POINT=${#COMP_LINE}
    IFS=$'\x1f' read -r -a COMP_WORDS
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    [[ ${COMP_WORDS[COMP_CWORD]} != $'\x1e' ]] || COMP_WORDS[COMP_CWORD]=
    _platterfs
    (IFS=$'\x1f'; printf '%s\n' "${COMPREPLY[*]}")
done
"""


class Bash:
    """The function that bash would call, with what readline would tell it."""

    def __init__(self):
        self.process = subprocess.Popen(["bash", "-c", BASH, "bash", COMPLETION / "platterfs.bash"],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def complete(self, line):
        words = re.findall(r"[=:]+|[^\s=:]+", line)
        if line[-1].isspace():
            words.append("\x1e")
        self.process.stdin.write(line + "\n" + "\x1f".join(words) + "\n")
        self.process.stdin.flush()
        typed = re.split(r"[\s=:]", line)[-1]
        before = line[:len(line) - len(typed)].split()[-1:] if not line[-1].isspace() else []
        prefix = before[0] if before and not re.search(r"\s$", line[:len(line) - len(typed)]) else ""
        return [prefix + word for word in self.process.stdout.readline().rstrip("\n").split("\x1f")]


class Fish:
    def complete(self, line):
        said = output("fish", "--no-config", "-c",
                      'source $argv[1]; complete -C "$argv[2]"', COMPLETION / "platterfs.fish", line)
        if said.stderr:
            problem(f"fish, '{line}': {said.stderr.splitlines()[0]}")
        return [answer.split("\t")[0] for answer in said.stdout.splitlines()]


def expect_completed(shell, line, wanted):
    got = {word.rstrip("=") for word in type(shell).complete(shell, line)}
    for word in sorted(set(wanted) - got):
        problem(f"{type(shell).__name__.lower()}: '{line}' does not offer {word}")


def check_shell(shell):
    expect_completed(shell, "platterfs ", commands())
    expect_completed(shell, "platterfs cre", ["create"])
    for command in commands():
        expect_completed(shell, f"platterfs {command} --",
                         [option for option in command_options(command) if option[1] == "-"])
    expect_completed(shell, "platterfs mount -o ", mount_options())
    expect_completed(shell, "platterfs mount -f -o ro,", {"ro," + name for name in mount_options()})
    expect_completed(shell, "platterfs -o eng", ["engine"])
    for name, values in mount_values().items():
        expect_completed(shell, f"platterfs mount -o {name}=",
                         [f"{name}={value}" for value in values])
        expect_completed(shell, f"platterfs mount -o ro,{name}={values[1][:2]}",
                         [f"ro,{name}={values[1]}"])
    expect_completed(shell, "platterfs create --type ", ["raw", "luks1", "luks2", "plain"])
    expect_completed(shell, "platterfs create --pbkdf ", ["argon2id", "argon2i", "pbkdf2"])
    here = str(COMPLETION)
    expect_completed(shell, f"platterfs info {here}/platterfs.b", [f"{here}/platterfs.bash"])
    expect_completed(shell, f"platterfs mount -o ro,table={here}/platterfs.b",
                     [f"ro,table={here}/platterfs.bash"])
    expect_completed(shell, f"platterfs create --key-file {here}/platterfs.b",
                     [f"{here}/platterfs.bash"])
    mounted = re.findall(r"^(?:\S+ ){4}(\S+) .* - fuse\.platterfs ",
                         pathlib.Path("/proc/self/mountinfo").read_text(), re.M)
    plain = [point for point in mounted if "\\" not in point]
    expect_completed(shell, "platterfs umount ", plain)
    expect_completed(shell, "platterfs lock ", [point + "/" for point in plain])


def check_bash_itself():
    """What readline makes of it, on a terminal."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="dumb", PS1="> ", INPUTRC="/dev/null")
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-i"])
    os.write(terminal, f"source {COMPLETION}/platterfs.bash\n".encode())
    seen, deadline = b"", time.monotonic() + 20
    typed = False
    while b"ro,engine=io_uring" not in seen and time.monotonic() < deadline:
        if select.select([terminal], [], [], 0.1)[0]:
            seen += os.read(terminal, 4096)
        elif not typed:
            os.write(terminal, b"platterfs mount -o ro,engine=io\t")
            typed = True
    os.write(terminal, b"\x03exit\n")
    os.close(terminal)
    os.waitpid(pid, 0)
    if b"ro,engine=io_uring" not in seen:
        problem(f"bash: TAB after ro,engine=io gave {seen[-200:]!r}")


def check_zsh():
    path = COMPLETION / "_platterfs"
    text = path.read_text()
    words = set(re.findall(r"(?<![\w-])(?:--?)?[a-z_][a-z_-]*", text))
    for command in commands():
        if not re.search(rf"'{command}:", text) or not re.search(rf"^    {command}\)", text, re.M):
            problem(f"zsh: no command {command}")
        for option in command_options(command):
            if option[1] == "-" and option not in words:
                problem(f"zsh: {command} has no {option}")
    for option in mount_options() - words:
        problem(f"zsh: no -o option {option}")
    for name, values in mount_values().items():
        for value in values:
            if not re.search(rf"'{name}\[.*:\(.*\b{value}\b.*\)'", text):
                problem(f"zsh: no {name}={value}")
    if not shutil.which("zsh"):
        skip_part("zsh is not installed: syntax of its completion")
        return
    said = output("zsh", "-n", str(path))
    if said.returncode != 0:
        problem(f"zsh: {said.stderr}")


def main():
    check_source()
    check_pages()
    check_options_page()
    check_references()
    check_form()
    check_shell(Bash())
    check_bash_itself()
    if shutil.which("fish"):
        check_shell(Fish())
    else:
        skip_part("fish is not installed: its completion")
    check_zsh()
    for text in problems:
        print(text)
    sys.exit(1 if problems else 0)


main()
