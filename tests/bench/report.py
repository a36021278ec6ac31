# SPDX-License-Identifier: MIT
"""Results as markdown tables."""

MEBI = 1 << 20


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def number(value):
    """Three digits that mean something."""
    if value is None:
        return "-"
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 \
        else f"{value:.2f}"


def mebibytes(value):
    return "-" if value is None else number(value / MEBI)


def values(part, way, work):
    """The medians of a figure, or None."""
    found = part["figures"].get(way, {}).get(work)
    return found["median"] if found else None


def figures(part, cell):
    """A row for each way, a column for each work; cell(way, work, summary) is the text."""
    def text(way, work):
        found = part["figures"].get(way["key"], {}).get(work["title"])
        return cell(way, work, found) if found else "-"
    return table([""] + [work["title"] for work in part["works"]],
                 [[way["title"]] + [text(way, work) for work in part["works"]]
                  for way in part["ways"]])


def rates(part):
    """Thousand I/Os a second, GB/s for 1 MiB. ~: the rounds scatter, or time was stolen; †: not to be
    compared with the others, as zram compresses zeros but not what they become encrypted."""
    def cell(way, work, found):
        rate = found["median"]["rate"] / (1e9 if work["in_bytes"] else 1e3)
        return (number(rate) + (" ~" if found["flags"] else "")
                + (" †" if way["encrypted"] and work["writes"] else ""))
    return figures(part, cell)


def ratio(part, way, base, work, name="rate"):
    """Of two ways' medians; None if one of them was not measured, or is nothing."""
    above, below = values(part, way, work), values(part, base, work)
    return above[name] / below[name] if above and below and below[name] else None


def ratios(part, base):
    """Of the rates, to those of one way."""
    return figures(part, lambda way, work, found: number(
        ratio(part, way["key"], base, work["title"])))


def joined(part, *names, divisor=1):
    """Several values of each figure in one cell."""
    return figures(part, lambda way, work, found: " / ".join(
        number(None if found["median"][name] is None else found["median"][name] / divisor)
        for name in names))


def memory(part):
    """The most of all works: Buffers, Cached, resident."""
    names = ("buffers_bytes", "cached_bytes", "resident_bytes")
    rows = []
    for way in part["ways"]:
        medians = [found["median"] for found in part["figures"].get(way["key"], {}).values()]
        rows.append([way["title"]] + [
            mebibytes(max((m[name] for m in medians if m[name] is not None), default=None))
            for name in names])
    return table(["", "Buffers, MiB more", "Cached, MiB more", "daemon resident, MiB"], rows)


def left_out(part):
    return "\n".join(f"- left out: {key}: {reason}"
                     for key, reason in part.get("left_out", {}).items())


def section(title, *blocks):
    return "\n\n".join([f"## {title}", *(block for block in blocks if block)])


def machine(results):
    facts = results["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in results["versions"].items())
    lines = [f"Machine: {facts['cpus']} CPUs ({facts['processor']}), "
             f"{facts['memory_bytes'] / (1 << 30):.0f} GiB, Linux {facts['kernel']}, "
             f"{facts['system']}; load before {facts['load'][0]:.2f}. {versions}. "
             f"Commit {results['commit']}, {results['date']}. "
             f"Medians of {results['rounds']} rounds of {results['seconds']} s for each figure."]
    lines += [f"- warning: {text}" for text in results["warnings"]]
    lines += [f"- {text}" for text in results["missing"]]
    return "\n".join(lines)


def targets(rows):
    if not rows:
        return ""
    return section("Targets", table(
        ["target", "measured", "wanted", ""],
        [[row["target"], number(row["measured"]), row["wanted"], row["verdict"]]
         for row in rows]))
