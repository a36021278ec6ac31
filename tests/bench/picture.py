# SPDX-License-Identifier: MIT
"""The results as pictures, drawn by gnuplot."""
import math
import subprocess

from report import ratio
from stage import Failed, last_line

# Okabe and Ito's colours, which stay apart for colour-blind readers; each has its mark as well.
FAMILIES = {"kernel": "#555555", "platterfs": "#0072B2", "loop on platterfs": "#56B4E9",
            "platterfs encrypted": "#D55E00", "loop on platterfs, encrypted": "#E8A27C",
            "peers": "#009E73"}
# Of a way the same colour and mark in every panel; anything else is drawn as the first.
LINES = {"platterfs": ("#0072B2", 7), "platterfs, fuse-uring": ("#0072B2", 7),
         "platterfs, dev": ("#E69F00", 5), "kernel loop, direct I/O": ("#555555", 9)}
FONT = "DejaVu Sans,12"
BASE_TITLE = "kernel loop, direct I/O"


def gnuplot(script):
    done = subprocess.run(["gnuplot"], input=script, text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise Failed(f"gnuplot: {last_line(done.stderr)}")


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("_", "\\\\_") + '"'


def terminal(path, width, height):
    return (f'set terminal svg size {width},{height} font "{FONT}" background "#ffffff" enhanced\n'
            f"set output {quoted(path)}\n".replace("\\\\_", "_")
            + 'set border lc rgb "#888888"\nset tics textcolor rgb "#222222"\n')


# --- Bars: ratios to the kernel's loop device

ROW_HEIGHT, PANEL_WIDTH, LABEL_WIDTH, HEAD, FOOT = 26, 130, 340, 92, 30


def family(way):
    if way["encrypted"] and way["family"] == "loop on platterfs":
        return "loop on platterfs, encrypted"
    return way["family"]


def bar_data(part, base, work, ways):
    """Of each way: ratio, row (from the top), colour. The first way is row 0."""
    lines = []
    for row, way in enumerate(ways):
        found = ratio(part, way["key"], base, work)
        if found:
            lines.append(f"{found:.4g} {row} {FAMILIES[family(way)].replace('#', '0x')}")
    return "\n".join(lines)


def bar_panel(part, base, work, ways, number, width, height):
    left = LABEL_WIDTH + number * PANEL_WIDTH
    name = f"$panel{number}"
    labels = ", ".join(f"{quoted(way['title'])} {row}" for row, way in enumerate(ways))
    tics = f"set ytics ({labels}) scale 0" if number == 0 else "unset ytics"
    title = work.replace(", ", "\\n").replace(" + ", " +\\n")
    return f"""
{name} << END
{bar_data(part, base, work, ways)}
END
set lmargin at screen {left / width}
set rmargin at screen {(left + PANEL_WIDTH - 14) / width}
set bmargin at screen {FOOT / height}
set tmargin at screen {1 - HEAD / height}
{tics}
set title "{title}" offset 0,-0.4 noenhanced
plot {name} using (1):2:(1 < $1 ? 1 : $1):(1 < $1 ? $1 : 1):($2-0.36):($2+0.36):3 \\
         with boxxyerror fillstyle solid 0.9 noborder linecolor rgb variable, \\
     {name} using ($1 < 1 ? 1 : $1):2:(sprintf("%.2g", $1)) with labels left offset 0.4,0 \\
         font "DejaVu Sans,10" textcolor rgb "#222222"
"""


def bars(part, base, path):
    """A panel for each work, a row for each way; bars begin at 1, the kernel's loop device."""
    ways = [way for way in part["ways"] if way["key"] != base]
    works = [work["title"] for work in part["works"]]
    width, height = LABEL_WIDTH + PANEL_WIDTH * len(works) + 20, HEAD + ROW_HEIGHT * len(ways) + FOOT
    all_ratios = [r for way in ways for work in works
                  if (r := ratio(part, way["key"], base, work))]
    low, high = min(all_ratios + [0.5]), max(all_ratios + [2])
    script = terminal(path, width, height) + f"""
set multiplot
set key off
set border 0
set logscale x
set xrange [{low / 1.2:.3g}:{high * 2.2:.3g}]
set yrange [{len(ways) - 0.4}:-0.6]
set xtics nomirror ("1/10" 0.1, "1" 1, "10" 10) font "DejaVu Sans,10"
set grid xtics linecolor rgb "#dddddd"
set arrow 1 from 1, graph 0 to 1, graph 1 nohead linecolor rgb "#222222" linewidth 1.5 front
set label 1 "{BASE_TITLE} = 1; longer to the right is faster (logarithmic)" at screen 0.01, \\
    screen {1 - 18 / height} font "DejaVu Sans,15" textcolor rgb "#222222"
set label 2 "encrypted writes beside raw ones:\\nnot to be compared, as zram compresses" \\
    at screen 0.01, screen {1 - 46 / height} font "DejaVu Sans,10" textcolor rgb "#222222"
"""
    script += "".join(bar_panel(part, base, work, ways, number, width, height)
                      + ("unset label\n" if number == 0 else "")
                      for number, work in enumerate(works))
    gnuplot(script + "unset multiplot\n")


# --- Curves: how cost grows

COLUMNS, CURVE_WIDTH, CURVE_HEIGHT = 3, 440, 320


def curve_panel(one, number):
    blocks, plots = [], []
    for index, (title, points) in enumerate(one["ways"].items()):
        name = f"$curve{number}_{index}"
        colour, mark = LINES.get(title, LINES["platterfs"])
        blocks.append(f"{name} << END\n" + "\n".join(f"{x:.8g} {y:.6g}" for x, y in points)
                      + "\nEND")
        plots.append(f'{name} using 1:2 with linespoints linewidth 2 pointtype {mark} '
                     f'pointsize 0.6 linecolor rgb "{colour}" title {quoted(title)}')
    xs = [x for points in one["ways"].values() for x, _ in points]
    ys = [y for points in one["ways"].values() for _, y in points]
    # Powers of two for what doubles, of ten for what spans more.
    base = 2 if max(xs) / min(xs) <= 256 else 10
    style = 'set format x "%g"' if base == 2 else 'set format x "10^{%L}"'
    # Seconds that grow with the extents span decades, too.
    if max(ys) / min(ys) > 50:
        style += f"\nset logscale y; set yrange [{min(ys) / 2:.4g}:{max(ys) * 8:.4g}]"
    else:
        style += f"\nunset logscale y; set yrange [0:{max(ys) * 1.5:.4g}]"
    return "\n".join(blocks) + f"""
set title {quoted(one['y'])}
set xlabel {quoted(one['x'])} offset 0,0.4
set logscale x {base}
set xrange [{min(xs) / 1.15:.4g}:{max(xs) * 1.15:.4g}]
{style}
plot {", ".join(plots)}
"""


def curves(part, path):
    every = list(part["series"].values())
    rows = math.ceil(len(every) / COLUMNS)
    script = terminal(path, COLUMNS * CURVE_WIDTH, rows * CURVE_HEIGHT) + f"""
set multiplot layout {rows},{COLUMNS} margins 0.05,0.98,{0.2 / rows},{1 - 0.14 / rows} \\
    spacing 0.07,{0.33 / rows}
set grid linecolor rgb "#dddddd"
set key top left Left reverse noautotitle samplen 2
set tics nomirror
"""
    gnuplot(script + "".join(curve_panel(one, number) for number, one in enumerate(every))
            + "unset multiplot\n")


def draw(parts, folder):
    peers, scale = parts.get("peers"), parts.get("scale")
    if peers and peers["figures"].get(peers["base"]):
        bars(peers, peers["base"], f"{folder}/peers.svg")
    if scale and scale["series"]:
        curves(scale, f"{folder}/scale.svg")
