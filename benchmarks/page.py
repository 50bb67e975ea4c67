"""Run the benchmarks and write their tables, with machine, versions and date, to benchmarks/results.md."""

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "benchmarks" / "results.md"

PAGE_TEXT = """# Benchmarks

These are one machine's numbers; the ratios are what counts. `make bench` measures yours and writes this page anew.

| measured on | {date} |
|---|---|
| processor | {processor}, {cores} cores, one thread used |
| system | {system} |
| Python | {python} |
| packages | {packages} |
| processes at work before it began | {load} |

More processes than cores make times longer and ratios less certain. The shortest time is what the code needs; the
median is what it got while the machine did other things too. The first call is that of a new process, compilation
counted and imports not. Every call lives in a process of its own, they take turns, and their results were compared
before.

## The core
{core}

### Where a bound is not kept

- **The grid** makes new arrays at each step, since no rule changes anything in place, and NumPy passes over memory once
  for each operation. Writing what is kept, in memory that the system has just handed out, is the floor. For small
  grids the floor is Python's cost of a call, some tens of them a step.
- **The schedule** needs a cosine for each step, and a million plain cosines are the floor. Torch's schedulers are
  timed bare; a training loop calls them after a step of its optimizer, which is the last row.
- **Adam** as a formula passes over memory 14 times, once for each operation, and makes a new array each time; torch's
  for-loop form joins operations (`lerp`, `addcmul`, `addcdiv`), needs 7 passes, and changes its own arrays in place.
  Twice its time is therefore the floor of the readable form while the arrays fit the cache. Beyond the cache each new
  array also costs page faults. `lrlab.pytorch.Optimizer` goes through a large parameter in blocks that stay in the
  cache, to the same bits, and there it meets the bound; the formula itself stays as it reads.

## The figures

{figures}

## The pages

In a window of a phone's size, with the processor slowed 4 times; beside what Jupyter Book makes of the same sources
unasked: its theme's options, scripts and styles. Those pages get MathJax from this machine and nothing else from other
hosts: they show no interactive figure, wait for none and carry none of their 3.8 MB of script.

{pages}
"""


def processor() -> str:
    if (info := Path("/proc/cpuinfo")).exists():
        names = [line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line]
        return names[0] if names else platform.machine()
    return platform.processor() or platform.machine()


def tables(script: str) -> str:
    command = [sys.executable, str(ROOT / "benchmarks" / script)]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT).stdout.rstrip()


def main() -> None:
    names = ("numpy", "torch", "optax", "jax")
    text = PAGE_TEXT.format(
        date=datetime.now(UTC).date().isoformat(),
        processor=processor(),
        cores=os.cpu_count(),
        system=f"{platform.system()} {platform.machine()}",
        python=platform.python_version(),
        load=f"{os.getloadavg()[0]:.1f}",
        packages=", ".join(f"{name} {version(name)}" for name in names),
        core=tables("core.py"),
        figures=tables("widgets.py").lstrip(),
        pages=tables("site.py"),
    )
    PAGE.write_text(text, encoding="utf-8")
    print(f"bench: {PAGE.relative_to(ROOT)} is written")


if __name__ == "__main__":
    main()
