"""The canvas of a Pathfinder picture: dashed paths that grow and keep clear."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ssmlib.tasks.pathfinder import Style

#: a blocked path goes back so many dashes, and both paths start again so often
BACK, RESTARTS = 4, 100


class Blocked(Exception):
    """A path cannot grow where it stands."""


@dataclass(frozen=True)
class Dash:
    """A dash from tail to tip, (row, column), and the pixels that it takes."""

    tail: np.ndarray
    tip: np.ndarray
    angle: float
    mask: np.ndarray


class Canvas:
    """One picture as it is drawn: every dash so far."""

    def __init__(self, size: int, style: Style, rng: np.random.Generator):
        self.size, self.style, self.rng = size, style, rng
        self.keep([])
        self.step = style.dash + 2 * style.margin
        self.reach = style.margin + style.thickness / 2

    def part(self, tail: np.ndarray) -> tuple[slice, slice]:
        """The part of the picture that a dash from a tail can take."""
        far = self.style.dash + self.reach + 1
        low = [max(0, math.floor(v - far)) for v in tail]
        high = [math.ceil(v + far) + 1 for v in tail]
        return slice(low[0], high[0]), slice(low[1], high[1])

    def keep(self, dashes: list[Dash]) -> None:
        """These dashes alone, and how many take each pixel."""
        self.dashes = list(dashes)
        self.count = np.zeros((self.size, self.size), dtype=np.uint8)
        for dash in dashes:
            self.count += dash.mask

    def masks(self, tail: np.ndarray, along: np.ndarray, part) -> np.ndarray:
        """Pixels of a part within reach of each of m dashes, along (m, 2)."""
        rows = np.arange(self.size)[part[0]][:, None] - tail[0]
        columns = np.arange(self.size)[part[1]] - tail[1]
        a, b = along.T[..., None, None]  # (m, 1, 1) each
        t = ((rows * a + columns * b) / self.style.dash**2).clip(0, 1)
        return (rows - t * a) ** 2 + (columns - t * b) ** 2 <= self.reach**2

    def inside(self, points: np.ndarray) -> np.ndarray:
        """Whether each point (..., 2) is in the picture, off its edge."""
        return np.all((points >= 1) & (points <= self.size - 2), -1)

    def grow(self, path: list[Dash], start: tuple, last: bool) -> None:
        """Add a dash to a path, or raise Blocked.

        The last dash of the path does not block it. The angle is drawn with a
        probability that is the squared cosine of its turn, among those that stay clear
        of other dashes. Unless it is the last dash, there must be space for a next one.
        """
        style, before = self.style, path[-1] if path else None
        if before is None:
            tail, angle = start
        else:
            tail, angle = before.tail + self.step * _way(before.angle), before.angle
        if not self.inside(tail):
            raise Blocked
        count = round(2 * math.pi * (style.dash + style.margin))
        turns = 2 * math.pi * (np.arange(count) + self.rng.random()) / count - math.pi
        weights = np.cos(np.minimum(style.continuity * np.abs(turns), math.pi / 2)) ** 2
        ways = _way(angle + turns)  # (count, 2)
        part = self.part(tail)
        masks = self.masks(tail, style.dash * ways, part)
        taken = self.count[part]
        taken = taken > (0 if before is None else before.mask[part])
        clear = ~(masks & taken).any((1, 2))
        ahead = style.dash if last else self.step
        weights *= clear & self.inside(tail + ahead * ways)
        total = weights.sum()
        if total < 1e-9:
            raise Blocked
        chosen = int(np.searchsorted(weights.cumsum(), total * self.rng.random()))
        mask = np.zeros((self.size, self.size), dtype=bool)
        mask[part] = masks[chosen]
        tip = tail + style.dash * ways[chosen]
        path.append(Dash(tail, tip, angle + turns[chosen], mask))
        self.dashes.append(path[-1])
        self.count += mask

    def seed(self) -> tuple[np.ndarray, float]:
        """A free place and an orientation; Blocked where hardly a place is free."""
        free = np.argwhere(self.count[1:-1, 1:-1] == 0) + 1
        if len(free) < 0.01 * self.size**2:
            raise Blocked
        place = free[self.rng.integers(len(free))].astype(float)
        return place, self.rng.uniform(-math.pi, math.pi)


def _way(angle) -> np.ndarray:
    """(row, column) of length 1, (..., 2)."""
    return np.stack([np.sin(angle), np.cos(angle)], -1)


def long_paths(canvas: Canvas) -> list[list[Dash]]:
    """Two paths of all their dashes, grown in turn; blocked, both go back a little."""
    segments = canvas.style.segments
    for _ in range(RESTARTS):
        canvas.keep([])
        paths: list[list[Dash]] = [[], []]
        first = canvas.seed()
        away = canvas.style.seed_distance * _way(canvas.rng.uniform(-math.pi, math.pi))
        starts = [first, (first[0] + away, canvas.rng.uniform(-math.pi, math.pi))]
        for _ in range(8 * segments):
            try:
                for path, start in zip(paths, starts, strict=True):
                    canvas.grow(path, start, len(path) + 1 == segments)
            except Blocked:
                left = max(0, min(map(len, paths)) - BACK)
                paths = [path[:left] for path in paths]
                canvas.keep([dash for path in paths for dash in path])
            if len(paths[1]) == segments:
                return paths
    raise ValueError(f"{segments} segments find no room in {canvas.size} pixels")


def draw_distractors(canvas: Canvas) -> None:
    """Draw short paths; a path that is blocked stays shorter."""
    for _ in range(canvas.style.distractors):
        for _ in range(4):
            path: list[Dash] = []
            try:
                start = canvas.seed()
                for _ in range(canvas.style.distractor_segments):
                    canvas.grow(path, start, True)
            except Blocked:
                pass
            if path:
                break
