"""How far several runs are, and how long the others will take."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping


class Remaining:
    """Counts runs as they finish, and estimates the time for those that are left.

    The estimate assumes that the runs which are left take as long, relative to their
    stored seconds, as those that finished. Runs that were stored before take no time.

    Args:
        seconds: of each run, by name, the seconds that it took before; None if unknown.
        clock: returns the time in seconds.
    """

    def __init__(
        self,
        seconds: Mapping[str, float | None],
        clock: Callable[[], float] = time.monotonic,
    ):
        known = [own for own in seconds.values() if own]
        typical = sum(known) / len(known) if known else 1.0
        self._left = {name: own or typical for name, own in seconds.items()}
        self._total, self._done = len(seconds), 0.0
        self._clock, self._start = clock, clock()

    def finished(self, name: str, reused: bool) -> tuple[str, str]:
        """Return "n of N", and the estimate as a part of a sentence, or ""."""
        own = self._left.pop(name)
        self._done += 0.0 if reused else own
        count = f"{self._total - len(self._left)} of {self._total}"
        if not self._left or not self._done:
            return count, ""
        passed = self._clock() - self._start
        rest = passed * sum(self._left.values()) / self._done
        return count, f"; about {in_words(rest)} left"


def in_words(seconds: float) -> str:
    """Return a time, rounded up: seconds below two minutes, minutes below two hours."""
    if seconds < 120:
        return f"{-(-seconds // 1):.0f} s"
    if seconds < 7200:
        return f"{-(-seconds // 60):.0f} min"
    return f"{seconds / 3600:.1f} h"
