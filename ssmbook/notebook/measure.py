"""Time and memory of a call, for ratios between two ways of doing the same."""

from __future__ import annotations

import ctypes
import gc
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path


def times(calls: dict[str, Callable], repeats: int) -> dict[str, float]:
    """Return the median seconds of each call.

    Each is called once to warm up. Then the repeats of all calls alternate.
    """
    for call in calls.values():
        call()
    taken: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            started = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - started)
    return {name: statistics.median(values) for name, values in taken.items()}


def _status(field: str) -> int:
    text = Path("/proc/self/status").read_text(encoding="utf-8")
    return 1024 * int(re.findall(rf"{field}:\s+(\d+) kB", text)[0])


def peak_memory(call: Callable) -> int:
    """Peak resident bytes during a call, above those just before it. Linux only.

    Memory the process has freed but kept is given back first; what is kept all the
    same hides part of the need, so a process of its own measures best.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    peak = Path("/proc/self/clear_refs")
    peak.write_text("5", encoding="utf-8")  # the peak starts again
    before = _status("VmRSS")
    call()
    return max(0, _status("VmHWM") - before)
