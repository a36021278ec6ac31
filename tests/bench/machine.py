# SPDX-License-Identifier: MIT
"""The machine: what it is, what about it makes figures worthless, and its counters."""
import glob
import os
import platform
import re

STEAL_LIMIT = 0.02
LOAD_LIMIT = 0.5
TICKS = os.sysconf("SC_CLK_TCK")


def read(path, default=""):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return default


# --- What it is

def processor():
    found = re.search(r"^model name\s*: (.*)", read("/proc/cpuinfo"), re.M)
    return found.group(1) if found else platform.machine()


def meminfo(text, name):
    """In bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.M)
    return int(found.group(1)) * 1024 if found else 0


def turbo():
    """on, off, or None where the machine does not say."""
    off = read("/sys/devices/system/cpu/intel_pstate/no_turbo")
    if off:
        return "off" if off == "1" else "on"
    return {"0": "off", "1": "on"}.get(read("/sys/devices/system/cpu/cpufreq/boost"))


def describe():
    memory = read("/proc/meminfo")
    release = dict(re.findall(r'^(\w+)="?([^"\n]*)', read("/etc/os-release"), re.M))
    return {
        "cpus": os.cpu_count(),
        "processor": processor(),
        "memory_bytes": meminfo(memory, "MemTotal"),
        "swap_used_bytes": meminfo(memory, "SwapTotal") - meminfo(memory, "SwapFree"),
        "kernel": platform.release(),
        "system": release.get("PRETTY_NAME", ""),
        "governor": read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or None,
        "turbo": turbo(),
        "load": os.getloadavg(),
        "fuse_mounts": fuse_mounts(),
        "loop_devices": loop_devices(),
    }


def mountpoints():
    """(mount point, type) of each mount; spaces and the like stay escaped as the kernel has them."""
    for line in read("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        yield left.split()[4], right.split()[0]


def fuse_mounts():
    return [point for point, kind in mountpoints()
            if kind.startswith("fuse") and kind != "fusectl"]


def loop_devices():
    return [path.split("/")[3] for path in sorted(glob.glob("/sys/block/loop*/loop"))]


# --- What makes figures worthless

INVALID = ("Figures are worthless if another program runs, if the clock of the CPU changes, if the "
           "hypervisor takes time, if the machine swaps, or if the image is not mapped.")


def warnings(facts):
    """What can be seen of that before anything is measured, a sentence each."""
    if facts["load"][0] > LOAD_LIMIT:
        yield f"the machine is not idle: load average {facts['load'][0]:.2f}"
    if facts["cpus"] < 2:
        yield "one CPU: client and server take turns on it"
    if facts["governor"] not in (None, "performance"):
        yield f"cpufreq governor is {facts['governor']}, not performance"
    if facts["turbo"] == "on":
        yield "turbo is on: the clock depends on the temperature"
    if facts["governor"] is None and facts["turbo"] is None:
        yield "the machine does not say what its clock does (a virtual one?)"
    if facts["swap_used_bytes"]:
        yield f"{facts['swap_used_bytes'] >> 20} MiB are in swap"
    if facts["fuse_mounts"]:
        yield "other FUSE mounts: " + ", ".join(facts["fuse_mounts"])
    if facts["loop_devices"]:
        yield "other loop devices: " + ", ".join(facts["loop_devices"])


# --- Its counters

def sample_command(pids):
    """For the shell: prints what sample_parse() reads."""
    processes = " ".join(f"/proc/{pid}/stat /proc/{pid}/status" for pid in pids)
    return f"cat /proc/uptime /proc/stat /proc/meminfo {processes}"


def sample_parse(text):
    """Times in seconds since the machine started, or of CPU; memory in bytes."""
    cpu = [int(n) / TICKS for n in re.search(r"^cpu +(.*)", text, re.M).group(1).split()]
    user, nice, system, idle, iowait, irq, softirq, steal = cpu[:8]
    # After the name in brackets, utime and stime are fields 12 and 13, of all threads.
    processes = [line.rpartition(")")[2].split() for line in re.findall(r"^\d+ \(.*", text, re.M)]
    return {
        "time": float(text.split()[0]),
        "busy": user + nice + system + irq + softirq,
        "steal": steal,
        "cpu": sum(cpu[:8]),
        "switches": int(re.search(r"^ctxt (\d+)", text, re.M).group(1)),
        "server": sum(int(p[11]) + int(p[12]) for p in processes) / TICKS,
        "buffers": meminfo(text, "Buffers"),
        "cached": meminfo(text, "Cached"),
        "resident": sum(int(kib) * 1024 for kib in re.findall(r"^VmRSS:\s+(\d+)", text, re.M)),
    }
