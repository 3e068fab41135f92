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
from dataclasses import asdict, dataclass

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.tasks.cache import cached
from ssmlib.tasks.split import Split

VERSION = 1
#: pictures are drawn so many times as large, and reduced
SCALE = 2
#: a path that cannot grow is begun anew, both of them, so often
RESTARTS = 1000


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


class _Canvas:
    """One picture as it is drawn: what is taken, and the dashes so far."""

    def __init__(self, size: int, style: Style, rng: np.random.Generator):
        self.size, self.style, self.rng = size, style, rng
        self.pixels = np.stack(np.mgrid[:size, :size], -1).astype(float)
        self.taken = np.zeros((size, size), dtype=bool)
        edge = np.minimum(self.pixels, size - 1 - self.pixels).min(-1)
        self.border = edge < 1

    def near(self, tail: np.ndarray, tip: np.ndarray, reach: float) -> np.ndarray:
        """Pixels within `reach` of a dash."""
        along = tip - tail
        t = np.clip((self.pixels - tail) @ along / (along @ along), 0, 1)
        away = self.pixels - tail - t[..., None] * along
        return (away * away).sum(-1) <= reach * reach

    def inside(self, point: np.ndarray) -> bool:
        return bool((point >= 1).all() and (point <= self.size - 2).all())

    def grown(self, dash: tuple | None, tail: np.ndarray, angle: float, pending):
        """The next dash from a tail, turned from `angle`; its mask. _Blocked if none.

        pending: the mask of the path's last dash, which does not block it.
        """
        style = self.style
        if dash is not None:
            tail = tail + (style.dash + 2 * style.margin) * _direction(angle)
        if not self.inside(tail):
            raise _Blocked
        count = round(2 * math.pi * (style.dash + style.margin))
        turns = 2 * math.pi * (np.arange(count) + self.rng.random()) / count - math.pi
        weights = np.cos(np.minimum(style.continuity * np.abs(turns), math.pi / 2)) ** 2
        for _ in range(3):
            if weights.sum() < 1e-12:
                break
            k = self.rng.choice(count, p=weights / weights.sum())
            tip = tail + style.dash * _direction(angle + turns[k])
            if self.inside(tip):
                mask = self.near(tail, tip, style.margin + style.thickness / 2)
                if not (mask & self.taken).any():
                    return (tail, tip, angle + turns[k]), mask
            weights[k] = 0
        raise _Blocked

    def grow(self, paths: list, pending: list, k: int, start=None) -> None:
        """One dash more for path k; its last one's mask is taken only now."""
        last = paths[k][-1] if paths[k] else None
        tail, angle = (last[0], last[2]) if last else start
        dash, mask = self.grown(last, tail, angle, pending[k])
        if pending[k] is not None:
            self.taken |= pending[k]
        paths[k].append(dash)
        pending[k] = mask

    def seed(self) -> tuple[np.ndarray, float]:
        """A free place and an orientation."""
        free = np.flatnonzero(~(self.taken | self.border))
        if len(free) < 0.01 * self.size**2:
            raise _Blocked
        place = self.pixels.reshape(-1, 2)[self.rng.choice(free)]
        return place, float(self.rng.uniform(-math.pi, math.pi))


def _direction(angle: float) -> np.ndarray:
    return np.array([math.sin(angle), math.cos(angle)])


def _long_paths(canvas: _Canvas) -> list[list]:
    """Two paths of all their dashes, grown in turn."""
    for _ in range(RESTARTS):
        canvas.taken[:] = False
        paths, pending = [[], []], [None, None]
        try:
            first = canvas.seed()
            way = _direction(canvas.rng.uniform(-math.pi, math.pi))
            tail = first[0] + canvas.style.seed_distance * way
            angle = float(canvas.rng.uniform(-math.pi, math.pi))
            starts = [first, (tail, angle)]
            for step in range(canvas.style.segments):
                for k in range(2):
                    canvas.grow(paths, pending, k, None if step else starts[k])
                    if step == 0:
                        canvas.taken |= pending[k]
                        pending[k] = None
        except _Blocked:
            continue
        for mask in pending:
            canvas.taken |= mask
        return paths
    raise ValueError(
        f"{canvas.style.segments} segments find no room in {canvas.size} pixels"
    )


def _distractors(canvas: _Canvas) -> list[list]:
    """Short paths where there is room; one that is blocked stays as it is."""
    found = []
    for _ in range(canvas.style.distractors):
        for _ in range(4):
            path, pending = [[]], [None]
            try:
                start = canvas.seed()
                for _ in range(canvas.style.distractor_segments):
                    canvas.grow(path, pending, 0, start)
            except _Blocked:
                pass
            if pending[0] is not None:
                canvas.taken |= pending[0]
                found.append(path[0])
                break
    return found


def _picture(size: int, style: Style, rng: np.random.Generator) -> tuple:
    """(image, label, paths, discs) of one picture."""
    from PIL import Image, ImageDraw

    canvas = _Canvas(size, style, rng)
    paths = _long_paths(canvas)
    dashes = [dash for path in (*paths, *_distractors(canvas)) for dash in path]
    large = Image.new("L", (SCALE * size, SCALE * size))
    draw = ImageDraw.Draw(large)
    for tail, tip, _ in dashes:
        ends = [tuple(SCALE * (p[::-1] + 0.5) - 0.5) for p in (tail, tip)]
        width = max(1, round(SCALE * style.thickness))
        draw.line(ends, fill=round(255 * style.contrast), width=width)
    small = large.resize((size, size), Image.Resampling.LANCZOS)
    image = np.asarray(small, dtype=np.float32) / 255
    label, own = (int(v) for v in rng.integers(2, size=2))
    discs = np.stack([paths[own][0][0], paths[own if label else 1 - own][-1][1]])
    away = canvas.pixels[None] - discs[:, None, None]
    image[((away**2).sum(-1) <= style.radius**2).any(0)] = 1
    ends = np.array([[dash[:2] for dash in path] for path in paths], dtype=np.float32)
    return image, label, ends, discs.astype(np.float32)


def _style(size: int, options: dict) -> Style:
    if size not in STYLES:
        raise ValueError(f"size must be one of {', '.join(map(str, STYLES))}; got {size}")
    for name in options:
        _checks.one_of("option", name, asdict(STYLES[size]))
    for name in ("segments", "distractors", "distractor_segments"):
        if name in options:
            _checks.integer(name, options[name], least=name == "segments")
    return Style(**asdict(STYLES[size]) | options)


def generate(n: int, *, size: int = 32, seed: int, **options) -> Pictures:
    """n pictures, each drawn from the seed and its own number.

    size: 16, 32, 64 or 128 pixels; options: fields of `Style` that differ from that
    size's. Raises ValueError or TypeError for another size or option, or for paths that
    find no room. Needs Pillow.
    """
    style = _style(size, options)
    _checks.integer("n", n)
    _checks.integer("seed", seed, least=0)
    drawn = [_picture(size, style, np.random.default_rng([seed, k])) for k in range(n)]
    images, labels, paths, discs = (np.stack(part) for part in zip(*drawn, strict=True))
    return Pictures(
        torch.from_numpy(images),
        torch.from_numpy(labels.astype(np.int64)),
        torch.from_numpy(paths),
        torch.from_numpy(discs),
    )


def split(n: int, *, size: int = 32, seed: int, **options) -> Split:
    """The pictures as sequences of size^2 pixels in [-1, 1]: 80 %, 10 % and 10 %.

    Kept in the cache (`tasks.cache`). Errors as `generate`.
    """
    _checks.integer("n", n, least=10)
    style = _style(size, options)

    def make() -> dict[str, np.ndarray]:
        found = generate(n, size=size, seed=seed, **options)
        images = (255 * found.images).round().to(torch.uint8)
        return {"images": images.numpy(), "labels": found.labels.numpy()}

    arguments = {"n": n, "size": size, "seed": seed, "style": asdict(style)}
    arrays = cached("pathfinder", VERSION, arguments, make)
    x = torch.from_numpy(arrays["images"]).flatten(1).float() / 127.5 - 1
    y = torch.from_numpy(arrays["labels"])
    cuts = [n * 8 // 10, n * 9 // 10]
    parts = zip(*(torch.tensor_split(part, cuts) for part in (x, y)), strict=True)
    return Split(*(part for pair in parts for part in pair))
