"""The chart of docs/performance.md."""

from pathlib import Path
from statistics import median

import matplotlib as mpl

mpl.use("svg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

from benchmarks.report import NPM, PYTHON_PEERS, Figures

OURS, GREY, INK = "#0b6e4f", "#8a8f98", "#22262b"
BLANK = {"facecolor": "white", "edgecolor": "none", "pad": 1}
SCENARIOS = {
    "preflight": "Preflight",
    "handshake": "Handshake",
    "poll": "Message by polling",
    "refusal": "Refusal",
    "messages": "Message by WebSocket",
}


def draw(figures: Figures, path: Path) -> None:
    plt.rcParams.update(
        {
            "font.family": "DejaVu Sans",
            "font.size": 10,
            "text.color": INK,
            "axes.edgecolor": GREY,
            "axes.labelcolor": INK,
            "xtick.color": INK,
            "ytick.color": INK,
            "svg.hashsalt": "performance",
        }
    )
    figure, (left, right) = plt.subplots(
        1, 2, figsize=(11, 4.6), width_ratios=(1.15, 1), layout="constrained"
    )
    figure.get_layout_engine().set(w_pad=0.2)
    draw_decisions(left, figures)
    draw_wire(right, figures)
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def draw_decisions(axes: Axes, figures: Figures) -> None:
    lines = {}
    for name in (*PYTHON_PEERS, NPM, "ours"):
        timed = [(size, f"{name}/allowed/exact/{size}") for size in (1, 100, 10_000, 1_000_000)]
        lines[name] = [(size, median(figures[key])) for size, key in timed if key in figures]
    lowest = 0.0
    for name, line in sorted(lines.items(), key=lambda item: item[1][-1][1]):
        is_ours = name == "ours"
        color, width = (OURS, 3) if is_ours else (GREY, 1.4)
        axes.plot(*zip(*line, strict=True), marker="o", markersize=4, color=color, linewidth=width)
        size, time = line[-1]
        lowest = max(time, lowest * 2.4)  # so that no name stands on another
        axes.annotate(
            "Flask-SIO-CORS" if is_ours else name,
            (size, lowest),
            xytext=(0, 8) if is_ours else (7, 0),
            textcoords="offset points",
            ha="right" if is_ours else "left",
            va="center",
            color=OURS if is_ours else INK,
            weight="bold" if is_ours else "normal",
        )
    axes.set(
        xscale="log", yscale="log", xlabel="allowed origins", xlim=(0.7, 4e6), ylim=(0.05, 1e7)
    )
    axes.set_xticks([1, 100, 10_000, 1_000_000], ["1", "100", "10,000", "1,000,000"])
    axes.set_yticks(
        [0.1, 1, 10, 100, 1e3, 1e4, 1e5, 1e6],
        ["0.1 µs", "1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s"],
    )
    axes.minorticks_off()
    axes.grid(axis="y", color="#e4e6ea", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title("Time of one decision", loc="left", weight="bold")


def draw_wire(axes: Axes, figures: Figures) -> None:
    rows = [
        (f"{label}", scenario, size)
        for size in (1, 10_000)
        for scenario, label in SCENARIOS.items()
        if f"{scenario}/{size}/ours/capacity" in figures
    ]
    for position, (_, scenario, size) in enumerate(rows):
        pairs = zip(
            figures[f"{scenario}/{size}/ours/capacity"],
            figures[f"{scenario}/{size}/plain/capacity"],
            strict=True,
        )
        ratios = sorted(ours / plain for ours, plain in pairs)
        middle = median(ratios)
        y = -position - (size > 1) * 1.1
        axes.barh(y, middle, color=OURS, height=0.62)
        axes.plot((ratios[0], ratios[-1]), (y, y), color=INK, linewidth=1.2)
        axes.text(max(ratios[-1], middle) + 0.08, y, f"{middle:.2f}×", va="center")
    axes.axvline(1, color=INK, linewidth=1)
    labels = [label for label, _, _ in rows]
    places = [-position - (size > 1) * 1.1 for position, (_, _, size) in enumerate(rows)]
    axes.set_yticks(places, labels)
    first_of_many = next(i for i, (_, _, size) in enumerate(rows) if size > 1)
    for words, place in (("1 origin", places[0]), ("10,000 origins", places[first_of_many])):
        axes.text(0, place + 0.62, words, color=INK, weight="bold", va="center", size=9, bbox=BLANK)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, axes.get_xlim()[1] * 1.1), ylim=(places[-1] - 0.6, 1))
    axes.set_xlabel("times the requests of plain Flask-SocketIO")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_title("Whole requests, eventlet server", loc="left", weight="bold")
