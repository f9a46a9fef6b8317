"""Measure everything, print one table, and write it with the figures and a chart.

python -m benchmarks [--quick] FOLDER
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory

import pyperf

from benchmarks import changes, chart, report, resources, storms, wire
from benchmarks.report import Figures

NODE = Path(__file__).with_name("node")
Keep = Callable[[str, float], None]
TABLE_BEGINS, TABLE_ENDS = "<!-- table -->\n", "\n<!-- end of table -->"


def measure(rounds: int, million: int, hostile: int) -> Figures:
    figures: Figures = defaultdict(list)

    def keep(name: str, value: float) -> None:
        figures[name].append(value)

    keep("million", million)
    keep("hostile", hostile)
    _measure_rounds(rounds, keep)
    _measure_reading(min(rounds, 3), million, keep)
    _measure_changes(min(rounds, 2), million, keep)
    say("memory")
    for kind in ("exact", "wildcard"):
        for figure, value in resources.measure("memory", kind, million).items():
            keep(f"memory/{kind}/{figure}", value)
    for figure, value in resources.measure("flood", hostile).items():
        keep(f"flood/{figure}", value)
    return figures


def _measure_rounds(rounds: int, keep: Keep) -> None:
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}: decisions")
        measure_decisions(keep)
        is_reversed = number % 2 == 1
        for size in wire.SIZES:
            say(f"round {number + 1} of {rounds}: a server with {size:,} origins")
            keep_all(wire.measure(size, 1, is_reversed), keep)
        say(f"round {number + 1} of {rounds}: a server that looks on")
        keep_all(wire.measure_report_only(1, is_reversed), keep)
        say(f"round {number + 1} of {rounds}: {storms.CLIENTS:,} clients come back")
        for storm in storms.measure(number, min(rounds, storms.REPETITIONS)):
            for way, found in storm.items():
                for figure, value in found.items():
                    keep(f"storm/{way}/{figure}", value)


def keep_all(measured: list[dict[str, wire.Figures]], keep: Keep) -> None:
    for found in measured:
        for name, told in found.items():
            for figure, value in told.items():
                keep(f"{name}/{figure}", value)


def _measure_reading(rounds: int, million: int, keep: Keep) -> None:
    say("start")
    for value in resources.imported(7):
        keep("import", value)
    for _ in range(rounds):
        keep("read/one", resources.measure("read", "exact", 1)["seconds"])
        for kind in ("exact", "wildcard"):
            keep(f"read/{kind}", resources.measure("read", kind, million)["seconds"])


def _measure_changes(rounds: int, million: int, keep: Keep) -> None:
    say("origins that change meanwhile")
    asked = [
        *((f"change/{kind}", "change", kind, million) for kind in ("exact", "wildcard")),
        *((f"load/{loop}", "load", loop, million) for loop in changes.LOOPS),
        ("decide", "decide", million),
        ("request", "request", 1),
        ("end", "end", changes.SESSIONS),
    ]
    for _ in range(rounds):
        for name, *question in asked:
            for figure, value in changes.measure(str(question[0]), *question[1:]).items():
                keep(f"{name}/{figure}", value)
    for kind in ("exact", "wildcard"):
        keep(f"memory/live {kind}/kept", changes.measure("memory", kind, million)["kept"])


def measure_decisions(keep: Keep) -> None:
    """Ask pyperf and Node; keep microseconds a decision."""
    with TemporaryDirectory() as folder:
        path = f"{folder}/decisions.json"
        options = ["--worker", "--loops=1", "--warmups=1", "--values=3", "--quiet", path]
        command = [sys.executable, "-m", "benchmarks.decisions", *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        for benchmark in pyperf.BenchmarkSuite.load(path):
            keep(benchmark.get_name(), benchmark.median() * 1e6)
    sizes = ("1", "100", "10000", "1000000")
    told = subprocess.check_output(["node", NODE / "cors.mjs", *sizes], text=True)
    for name, value in json.loads(told).items():
        request, size = name.split("/")
        keep(f"{report.NPM}/{request}/exact/{size}", value)


def say(words: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {words}", file=sys.stderr)


def surroundings() -> dict[str, str]:
    packages = "python-engineio Flask-SocketIO eventlet Flask-Cors starlette django-cors-headers"
    npm = json.loads((NODE / "node_modules/cors/package.json").read_text())
    node = subprocess.check_output(["node", "--version"], text=True).strip()
    return {
        "Python": platform.python_version(),
        "Node.js": node,
        "processors": str(os.cpu_count()),
        **{name: version(name) for name in packages.split()},
        report.NPM: npm["version"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("--quick", action="store_true", help="one round and a tenth of the origins")
    parser.add_argument("folder", type=Path, help="where the figures, the table and the chart go")
    arguments = parser.parse_args()
    if shutil.which("wrk") is None:
        sys.exit("The benchmarks need wrk: apt-get install wrk")
    load = os.getloadavg()[0]
    if load > 0.5:
        say(f"other programs are busy here (load average {load:.1f}), so the spread will be wide")
    figures = measure(1, 100_000, 200_000) if arguments.quick else measure(5, 1_000_000, 10_000_000)
    table = report.rows(figures)
    print(report.text(table))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    found = {"surroundings": surroundings(), "figures": figures}
    (arguments.folder / "performance.json").write_text(json.dumps(found, indent=1) + "\n")
    chart.draw(figures, arguments.folder / "performance.svg")
    page = arguments.folder / "performance.md"
    if page.exists():
        before, _, rest = page.read_text().partition(TABLE_BEGINS)
        after = rest.partition(TABLE_ENDS)[2]
        page.write_text(before + TABLE_BEGINS + report.markdown(table) + TABLE_ENDS + after)


if __name__ == "__main__":
    main()
