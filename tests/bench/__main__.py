"""`make bench`: runs the measurements and writes their figures.

    python -m tests.bench [--out DIR] [--quick] [NAME …]

Needs a machine that does nothing else; figures depend on it, so ratios within one run count most.
"""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import shutil
from pathlib import Path

from tests.bench.rows import Row, markdown

NAMES = (
    "render",
    "many",
    "page_pass",
    "encode",
    "ingest",
    "live",
    "conference",
    "chromium",
    "faults",
    "audio",
    "identity",
    "pause",
    "remix",
    "monitor",
    "service",
    "hostile",
    "pages",
    "preview",
    "check",
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", default=[], metavar="NAME", help=", ".join(NAMES))
    parser.add_argument("--out", type=Path, default=Path("bench-out"))
    parser.add_argument("--quick", action="store_true", help="shorter, less exact")
    given = parser.parse_args()
    results: dict[str, list[Row]] = {}
    for name in given.names or NAMES:
        folder = given.out.absolute() / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        print(f"== {name}", flush=True)
        rows = importlib.import_module(f"tests.bench.{name}").bench(folder, quick=given.quick)
        results[name] = rows
        print(markdown(rows), flush=True)
        _save(given.out, results)


def _save(out: Path, results: dict[str, list[Row]]) -> None:
    value = {
        "machine": {"cpu": _cpu(), "python": platform.python_version()},
        "results": {name: [row.to_json() for row in rows] for name, rows in results.items()},
    }
    (out / "results.json").write_text(json.dumps(value, indent=1, ensure_ascii=False))


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{len(names)} × {names[0]}"


if __name__ == "__main__":
    main()
