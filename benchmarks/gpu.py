"""make gpu: the tests, the rounding errors and the speed of a GPU in ten minutes.

It runs the tests marked `gpu`, compares float32 on the device with float64 on the CPU,
measures times and peak memory against the plain references of kernels.py, and trains
the smallest published row on made-up data. It prints one table, and writes it as JSON:
to $OUT, a file or a folder, or to _build/gpu.json. The status is 1 if a bound is
broken.
`--quick` runs every part in seconds, at tiny sizes and on the CPU.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import bench
import torch
from gpu_rows import kernel_errors, layer_errors, tests, training
from gpu_speed import dense_speed, entry, fit_speed, kernel_speed, layer_speed

import ssmbook
from ssmbook.pages.benchmarks_page import gpu_table

#: seconds after which the remaining measurements are left out
BUDGET = 540.0


class OutOfTimeError(BaseException):
    """The budget is spent. No handler of `Exception` stops it."""


def parts(quick: bool) -> dict[str, Callable[[], Iterator[dict]]]:
    """What is measured, in this order; the last ones are cut where time is short."""
    if quick:
        tiny = {"d_model": 8, "n_layers": 1, "length": 64, "batch_size": 5}
        at, size, short = "cpu", 64, (None, None)
        return {
            "tests": partial(tests, quick),
            "errors of kernels": partial(kernel_errors, at, 256),
            "errors of layers": partial(layer_errors, at, 256),
            "kernel": partial(kernel_speed, at, size, 4, 256, *short),
            "layer": partial(layer_speed, at, size, 2, 4, 256, None),
            "kernel of S4": partial(dense_speed, at, size, 2, 32, None),
            "training": partial(training, at, 4, tiny),
            "fit": partial(fit_speed, at, size, 40, 20, None),
        }
    at, size = "cuda", 4096
    return {
        "tests": partial(tests, quick),
        "errors of kernels": partial(kernel_errors, at, 16384),
        "errors of layers": partial(layer_errors, at, 4096),
        "large kernel": partial(kernel_speed, at, size, 256, 16384, 1, 10),
        "small kernel": partial(kernel_speed, at, size, 64, 1024, None, None),
        "layer": partial(layer_speed, at, size, 8, 256, 4096, 1),
        "kernel of S4": partial(dense_speed, at, size, 64, 4096, 1),
        "training": partial(training, at, 40, {}),
        "fit": partial(fit_speed, at, size, 2000, 784, 1),
    }


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def measured(waiting: dict[str, Callable[[], Iterator[dict]]]) -> list[dict]:
    """The rows of all parts; a part that fails or is cut has a row that says so."""
    rows: list[dict] = []
    waiting, started = dict(waiting), time.monotonic()

    def stop(*_: object) -> None:
        raise OutOfTimeError

    signal.signal(signal.SIGALRM, stop)
    try:
        signal.setitimer(signal.ITIMER_REAL, BUDGET)
        for name in [*waiting]:
            say(f"gpu: {name}, after {time.monotonic() - started:.0f} s")
            try:
                for row in waiting[name]():
                    rows.append(row)
            except Exception as error:
                text = f"failed: {type(error).__name__}: {error}".splitlines()[0]
                rows.append(entry(name, text, "") | {"bound": "no error", "met": False})
            del waiting[name]
    except OutOfTimeError:
        say(f"gpu: the budget of {BUDGET:g} s is spent")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return rows + [entry(name, f"cut after {BUDGET:g} s", "") for name in waiting]


def main(quick: bool) -> int:
    if not quick and not torch.cuda.is_available():
        print("make gpu: PyTorch finds no CUDA device here, so nothing was measured")
        return 0
    ssmbook.start(device="cpu" if quick else "cuda")
    started = time.monotonic()
    about = {
        "device": bench.processor() if quick else torch.cuda.get_device_name(),
        "torch": torch.__version__,
        "cuda": torch.version.cuda,
        "version": bench.measured_on()["version"],
    }
    rows = measured(parts(quick))
    result = about | {"seconds": round(time.monotonic() - started), "rows": rows}
    file = Path(os.environ.get("OUT") or bench.ROOT / "_build" / "gpu.json")
    file = file / "gpu.json" if file.is_dir() else file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(gpu_table(result))
    say(f"gpu: written to {file}")
    return int(any(row["met"] is False for row in rows))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="tiny sizes, on the CPU")
    sys.exit(main(parser.parse_args().quick))
