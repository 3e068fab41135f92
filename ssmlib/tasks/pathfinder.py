"""Pathfinder-like pictures: decide whether two discs mark the ends of one dashed path.

They are drawn from the published description of the cluttered snakes of the Long Range
Arena, in NumPy and Pillow. The original program does not run on today's versions, and
these pictures match it in kind, not pixel by pixel. Two paths of `segments` dashes grow
in turn from seeds at a given distance. Each dash starts where the last one pointed,
turns little, and stays clear of all that is drawn; shorter paths distract. Two discs
mark an end of one path, and the other end of the same path (label 1) or of the other
one (0). Source: the Long Range Arena (arXiv 2011.04006), Pathfinder (arXiv 1805.08315).
"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib._imports import optional
from ssmlib.tasks._canvas import Canvas, draw_distractors, long_paths
from ssmlib.tasks.cache import cached
from ssmlib.tasks.split import Split

VERSION = 1
#: pictures are drawn so many times as large, and reduced
SCALE = 2


@dataclass(frozen=True)
class Style:
    """The style of pictures of one size; lengths are in pixels.

    Args:
        segments: number of dashes of each of the two long paths.
        distractors: number of short paths.
        distractor_segments: number of dashes of a short path.
        seed_distance: between the tails of the first dashes of the two long paths.
        dash: length of a dash.
        margin: distance that stays clear around each dash.
        thickness: of a dash.
        radius: of a disc.
        continuity: stiffness of a path.
        contrast: brightness of the dashes, in (0, 1].
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
    """A set of pictures.

    Attributes:
        images: (n, size, size) float32 in [0, 1].
        labels: (n,) int64, 1 if the discs mark the ends of one path, 0 otherwise.
        paths: (n, 2, segments, 2, 2), the tail and tip of each dash of both long paths,
            as (row, column).
        discs: (n, 2, 2), the places of the two discs, as (row, column).
    """

    images: Tensor
    labels: Tensor
    paths: Tensor
    discs: Tensor


def _picture(size: int, style: Style, rng: np.random.Generator) -> tuple:
    """Return the image, label, paths and discs of one picture."""
    Image, ImageDraw = optional("PIL.Image", "data"), optional("PIL.ImageDraw", "data")
    canvas = Canvas(size, style, rng)
    paths = long_paths(canvas)
    draw_distractors(canvas)
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
    found = [[(dash.tail, dash.tip) for dash in path] for path in paths]
    ends = np.array(found, dtype=np.float32)
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
    """Draw n pictures, each from the seed and its own number.

    It needs Pillow.

    Args:
        n: number of pictures, at least 1.
        size: 16, 32, 64 or 128 pixels.
        seed: a non-negative integer.
        processes: number of processes that draw; it does not change the pictures.
        **options: fields of `Style` that differ from the style of the size.

    Raises:
        ModuleNotFoundError: if Pillow is missing.
        TypeError: for an argument or option of another type.
        ValueError: for another size, an unknown or bad option, or paths that do not
            fit.
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
    """Return pictures as sequences of size^2 pixels in [-1, 1], with labels 0 and 1.

    80 % are training data, 10 % validation and 10 % test data. The set is stored in the
    cache (`tasks.cache`).

    Args:
        n: number of pictures, at least 10.
        size: 16, 32, 64 or 128 pixels.
        seed: a non-negative integer.
        processes: number of processes that draw; it does not change the pictures.
        **options: fields of `Style` that differ from the style of the size.

    Raises:
        ModuleNotFoundError: as `generate`.
        TypeError: as `generate`.
        ValueError: as `generate`, or for n < 10.
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
