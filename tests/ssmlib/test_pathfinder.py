"""Pathfinder-like pictures: labels, paths, discs, and what is refused."""

import math

import numpy as np
import pytest
import torch

from ssmlib.tasks import _canvas, pathfinder


@pytest.fixture(scope="module", params=[(16, 20), (32, 10)])
def drawn(request):
    size, n = request.param
    return size, pathfinder.generate(n, size=size, seed=1)


def test_labels_follow_from_the_paths(drawn):
    """Disc 0 is the tail of a path, disc 1 the tip of it (1) or of the other (0)."""
    _, found = drawn
    for label, paths, discs in zip(found.labels, found.paths, found.discs, strict=True):
        tails, tips = paths[:, 0, 0], paths[:, -1, 1]
        (own,) = (tails == discs[0]).all(-1).nonzero().squeeze(-1).tolist()
        (end,) = (tips == discs[1]).all(-1).nonzero().squeeze(-1).tolist()
        assert int(label) == (own == end)
    assert 0.3 < float(found.labels.double().mean()) < 0.7


def test_paths_are_dashed_turn_little_and_stay_inside(drawn):
    size, found = drawn
    style = pathfinder.STYLES[size]
    tails, tips = found.paths.double().unbind(-2)
    along = tips - tails
    assert torch.allclose(along.norm(dim=-1), torch.tensor(style.dash).double())
    steps = tails[:, :, 1:] - tails[:, :, :-1]
    step = style.dash + 2 * style.margin
    # A dash begins where the last one pointed.
    assert torch.allclose(steps, along[:, :, :-1] * step / style.dash, atol=1e-4)
    turn = (along[:, :, 1:] * along[:, :, :-1]).sum(-1) / style.dash**2
    assert float(turn.min()) > math.cos(math.pi / 2 / style.continuity) - 1e-6
    assert float(found.paths.min()) >= 1
    assert float(found.paths.max()) <= size - 2
    apart = (tails[:, 0, 0] - tails[:, 1, 0]).norm(dim=-1)
    assert torch.allclose(apart, torch.tensor(style.seed_distance).double())


def test_paths_keep_clear_of_each_other(drawn):
    """Eleven points of each dash: no two of different paths within a pixel."""
    _, found = drawn
    t = torch.linspace(0, 1, 11)[:, None]
    tails, tips = found.paths.unbind(-2)
    points = tails.unsqueeze(-2) + t * (tips - tails).unsqueeze(-2)
    first, second = points.flatten(2, 3).unbind(1)
    assert float(torch.cdist(first, second).min()) > 1


def test_pictures_show_discs_and_dashes(drawn):
    size, found = drawn
    assert found.images.shape == (len(found.labels), size, size)
    assert found.images.dtype == torch.float32
    bright = found.images == 1
    area = math.pi * pathfinder.STYLES[size].radius ** 2
    assert 1.2 * area < float(bright.sum((1, 2)).double().mean()) < 2.8 * area
    for image, discs in zip(found.images, found.discs, strict=True):
        for row, column in discs.round().long():
            assert image[row, column] == 1
    assert float(found.images[~bright].max()) < 0.9
    # Each dash leaves ink within a pixel of its middle.
    spread = torch.nn.functional.max_pool2d(found.images, 3, 1, 1)
    rows, columns = found.paths.mean(-2).round().long().flatten(1, 2).unbind(-1)
    which = torch.arange(len(rows))[:, None]
    assert float(spread[which, rows, columns].min()) > 0.1


@pytest.mark.slow
def test_the_same_pictures_however_many_draw():
    options = {"n": 20, "size": 16, "seed": 4}
    one, two = (pathfinder.generate(**options, processes=p) for p in (1, 2))
    for name, value in vars(one).items():
        assert torch.equal(value, vars(two)[name]), name
    other = pathfinder.generate(20, size=16, seed=5)
    assert not torch.equal(other.images, one.images)
    assert torch.equal(pathfinder.generate(5, size=16, seed=4).images, one.images[:5])


def test_a_split_is_sequences_of_pixels(tmp_path, monkeypatch):
    monkeypatch.setenv("SSMLIB_CACHE", str(tmp_path))
    data = pathfinder.split(20, size=16, seed=0)
    assert [tuple(x.shape) for _, x, _ in data.parts()] == [
        (16, 256),
        (2, 256),
        (2, 256),
    ]
    assert float(data.x_train.min()) == -1
    assert float(data.x_train.max()) == 1
    again = pathfinder.split(20, size=16, seed=0)
    assert torch.equal(again.x_test, data.x_test)
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dash": -1.0}, "dash must be positive"),
        ({"margin": -1.0}, "margin must be positive"),
        ({"thickness": float("nan")}, "thickness must be finite"),
        ({"radius": 0.0}, "radius must be positive"),
        ({"contrast": 1.5}, r"contrast must be in \(0, 1\], got 1.5"),
        ({"size": 20}, "size must be one of 16, 32, 64, 128; got 20"),
        ({"colour": 1}, "option must be one of continuity, contrast"),
        ({"segments": 0}, "segments must be at least 1"),
        ({"n": 0}, "n must be at least 1"),
        ({"processes": 0}, "processes must be at least 1"),
        ({"size": 16, "segments": 60}, "60 segments find no room in 16 pixels"),
    ],
)
def test_bad_arguments_are_refused(options, message, monkeypatch):
    monkeypatch.setattr(_canvas, "RESTARTS", 2)
    with pytest.raises(ValueError, match=message):
        pathfinder.generate(**{"n": 1, "seed": 0} | options)


@pytest.mark.parametrize("options", [{"size": 32.0}, {"dash": "2"}, {"segments": 5.0}])
def test_arguments_of_another_type_are_refused(options):
    with pytest.raises(TypeError, match=f"{next(iter(options))} must be"):
        pathfinder.generate(1, seed=0, **options)


def test_integers_of_numpy_find_the_same_set(tmp_path, monkeypatch):
    monkeypatch.setenv("SSMLIB_CACHE", str(tmp_path))
    for n, size, seed in ((10, 16, 0), np.array([10, 16, 0])):
        pathfinder.split(n, size=size, seed=seed, dash=np.float32(2))
    assert len(list(tmp_path.iterdir())) == 1
