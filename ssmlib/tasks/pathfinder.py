"""Pathfinder-like pictures: are two marked ends those of one dashed path?

Drawn from the published description of the cluttered snakes that the Long Range Arena
uses, in NumPy and Pillow; the original program does not run on today's versions, and
these pictures match it in kind, not pixel by pixel. Two paths of `segments` dashes grow
in turn from seeds a set distance apart; each dash starts where the last one pointed,
turns little, and keeps clear of what is drawn; shorter paths distract. Two discs mark
an end of one path, and the other end of the same path (label 1) or of the other (0).
Source: the Long Range Arena (arXiv 2011.04006), Pathfinder (arXiv 1805.08315).
"""

from __future__ import annotations

import math
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib._imports import optional
from ssmlib.tasks.cache import cached
from ssmlib.tasks.split import Split

VERSION = 1
#: pictures are drawn so many times as large, and reduced
SCALE = 2
#: a path that cannot grow goes back so many dashes, and both begin anew so often
BACK, RESTARTS = 4, 100


@dataclass(frozen=True)
class Style:
    """How pictures of one size are drawn, lengths in pixels.

    segments: dashes of the two long paths; dash: their length; margin: what is kept
    clear round each; seed_distance: between the tails of the first two; continuity:
    how stiff a path is; distractors: how many paths of `distractor_segments`.
    """

    segments: int
    distractors: int
    distractor_segments: int
    seed_distance: float
    dash: float = 2.0
    margin: float = 1.0
    thickness: float = 0.5
    radius: float = 1.5
    continuity: float = 1.0
    contrast: float = 0.75


#: 16 is ours, easy; the others as published, with paths of 14 dashes
STYLES = {
    16: Style(5, 0, 0, 4.0),
    32: Style(14, 5, 4, 7.0),
    64: Style(14, 5, 4, 12.0, 5.0, 1.0, 1.0, 2.5, 1.8, 0.8),
    128: Style(14, 8, 4, 20.0, 5.0, 3.0, 1.5, 3.0, 1.8, 0.9),
}


@dataclass(frozen=True)
class Pictures:
    """images (n, size, size) float32 in [0, 1]; labels (n,) int64.

    paths (n, 2, segments, 2, 2): of both long paths the dashes, tail and tip, (row,
    column); discs (n, 2, 2): where the two discs are.
    """

    images: Tensor
    labels: Tensor
    paths: Tensor
    discs: Tensor


class _Blocked(Exception):
    """A path cannot grow where it stands."""


@dataclass(frozen=True)
class _Dash:
    """A dash from tail to tip, (row, column), and the pixels that it takes."""

    tail: np.ndarray
    tip: np.ndarray
    angle: float
    mask: np.ndarray


class _Canvas:
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

    def keep(self, dashes: list[_Dash]) -> None:
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
        return ((points >= 1) & (points <= self.size - 2)).all(-1)

    def grow(self, path: list[_Dash], start: tuple, last: bool) -> None:
        """One dash more for a path, or _Blocked.

        The path's own last dash does not block it. The angle is drawn by cos^2 of how
        far it turns, among those that keep clear and, unless it is the last, leave room
        for a next one.
        """
        style, before = self.style, path[-1] if path else None
        if before is None:
            tail, angle = start
        else:
            tail, angle = before.tail + self.step * _way(before.angle), before.angle
        if not self.inside(tail):
            raise _Blocked
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
            raise _Blocked
        chosen = int(np.searchsorted(weights.cumsum(), total * self.rng.random()))
        mask = np.zeros((self.size, self.size), dtype=bool)
        mask[part] = masks[chosen]
        tip = tail + style.dash * ways[chosen]
        path.append(_Dash(tail, tip, angle + turns[chosen], mask))
        self.dashes.append(path[-1])
        self.count += mask

    def seed(self) -> tuple[np.ndarray, float]:
        """A free place and an orientation; _Blocked where hardly a place is free."""
        free = np.argwhere(self.count[1:-1, 1:-1] == 0) + 1
        if len(free) < 0.01 * self.size**2:
            raise _Blocked
        place = free[self.rng.integers(len(free))].astype(float)
        return place, self.rng.uniform(-math.pi, math.pi)


def _way(angle) -> np.ndarray:
    """(row, column) of length 1, (..., 2)."""
    return np.stack([np.sin(angle), np.cos(angle)], -1)


def _long_paths(canvas: _Canvas) -> list[list[_Dash]]:
    """Two paths of all their dashes, grown in turn; blocked, both go back a little."""
    segments = canvas.style.segments
    for _ in range(RESTARTS):
        canvas.keep([])
        paths: list[list[_Dash]] = [[], []]
        first = canvas.seed()
        away = canvas.style.seed_distance * _way(canvas.rng.uniform(-math.pi, math.pi))
        starts = [first, (first[0] + away, canvas.rng.uniform(-math.pi, math.pi))]
        for _ in range(8 * segments):
            try:
                for path, start in zip(paths, starts, strict=True):
                    canvas.grow(path, start, len(path) + 1 == segments)
            except _Blocked:
                kept = max(0, min(map(len, paths)) - BACK)
                paths = [path[:kept] for path in paths]
                canvas.keep([dash for path in paths for dash in path])
            if len(paths[1]) == segments:
                return paths
    raise ValueError(f"{segments} segments find no room in {canvas.size} pixels")


def _distractors(canvas: _Canvas) -> None:
    """Short paths where there is room; one that is blocked stays as it is."""
    for _ in range(canvas.style.distractors):
        for _ in range(4):
            path: list[_Dash] = []
            try:
                start = canvas.seed()
                for _ in range(canvas.style.distractor_segments):
                    canvas.grow(path, start, True)
            except _Blocked:
                pass
            if path:
                break


def _picture(size: int, style: Style, rng: np.random.Generator) -> tuple:
    """(image, label, paths, discs) of one picture."""
    Image, ImageDraw = optional("PIL.Image", "data"), optional("PIL.ImageDraw", "data")
    canvas = _Canvas(size, style, rng)
    paths = _long_paths(canvas)
    _distractors(canvas)
    large = Image.new("L", (SCALE * size, SCALE * size))
    draw = ImageDraw.Draw(large)
    for dash in canvas.dashes:
        ends = [tuple(SCALE * (p[::-1] + 0.5) - 0.5) for p in (dash.tail, dash.tip)]
        width = max(1, round(SCALE * style.thickness))
        draw.line(ends, fill=round(255 * style.contrast), width=width)
    small = large.resize((size, size), Image.Resampling.LANCZOS)
    image = np.asarray(small, dtype=np.float32) / 255
    label, own = (int(v) for v in rng.integers(2, size=2))
    discs = np.stack([paths[own][0].tail, paths[own if label else 1 - own][-1].tip])
    rows, columns = np.mgrid[:size, :size]
    for row, column in discs:
        image[(rows - row) ** 2 + (columns - column) ** 2 <= style.radius**2] = 1
    ends = np.float32([[(dash.tail, dash.tip) for dash in path] for path in paths])
    return image, label, ends, discs.astype(np.float32)


def _style(size: int, options: dict) -> Style:
    if _checks.integer("size", size) not in STYLES:
        raise ValueError(
            f"size must be one of {', '.join(map(str, STYLES))}; got {size}"
        )
    options = dict(options)
    for name in options:
        _checks.one_of("option", name, asdict(STYLES[size]))
    for name in ("segments", "distractors", "distractor_segments"):
        if name in options:
            least = int(name == "segments")
            options[name] = _checks.integer(name, options[name], least=least)
    for name in options.keys() - {"segments", "distractors", "distractor_segments"}:
        options[name] = _checks.number(name, options[name])
        if name != "margin" or options[name] != 0:
            _checks.positive(name, options[name])
    if options.get("contrast", 0) > 1:
        raise ValueError(f"contrast must be in (0, 1], got {options['contrast']}")
    return Style(**asdict(STYLES[size]) | options)


def _numbered(size: int, style: Style, seed: int, k: int) -> tuple:
    return _picture(size, style, np.random.default_rng([seed, k]))


def generate(
    n: int, *, size: int = 32, seed: int, processes: int = 1, **options
) -> Pictures:
    """n pictures, each drawn from the seed and its own number.

    size: 16, 32, 64 or 128 pixels; processes: how many draw at once, which changes
    nothing; options: fields of `Style` that differ from that size's. Raises ValueError
    or TypeError for another size or option, or for paths that find no room. Needs
    Pillow.
    """
    style = _style(size, options)
    _checks.integer("n", n)
    _checks.integer("seed", seed, least=0)
    one = partial(_numbered, size, style, seed)
    if _checks.integer("processes", processes) == 1:
        drawn = [one(k) for k in range(n)]
    else:
        with ProcessPoolExecutor(processes) as pool:
            drawn = list(pool.map(one, range(n), chunksize=16))
    images, labels, paths, discs = (np.stack(part) for part in zip(*drawn, strict=True))
    return Pictures(
        torch.from_numpy(images),
        torch.from_numpy(labels.astype(np.int64)),
        torch.from_numpy(paths),
        torch.from_numpy(discs),
    )


def split(n: int, *, size: int = 32, seed: int, processes: int = 1, **options) -> Split:
    """The pictures as sequences of size^2 pixels in [-1, 1]: 80 %, 10 % and 10 %.

    Kept in the cache (`tasks.cache`). Errors as `generate`.
    """
    n = _checks.integer("n", n, least=10)
    seed = _checks.integer("seed", seed, least=0)
    style, size = _style(size, options), int(size)

    def make() -> dict[str, np.ndarray]:
        found = generate(n, size=size, seed=seed, processes=processes, **options)
        images = (255 * found.images).round().to(torch.uint8)
        return {"images": images.numpy(), "labels": found.labels.numpy()}

    arguments = {"n": n, "size": size, "seed": seed, "style": asdict(style)}
    arrays = cached("pathfinder", VERSION, arguments, make)
    x = torch.from_numpy(arrays["images"]).flatten(1).float() / 127.5 - 1
    y = torch.from_numpy(arrays["labels"])
    cuts = [n * 8 // 10, n * 9 // 10]
    parts = zip(*(torch.tensor_split(part, cuts) for part in (x, y)), strict=True)
    return Split(*(part for pair in parts for part in pair))
