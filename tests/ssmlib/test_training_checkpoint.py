"""Checkpoints: which fits are the same, damaged files, two fits at once."""

import functools
import subprocess
import sys
import textwrap
import weakref

import numpy as np
import pytest
import torch
from filelock import FileLock
from torch import nn

import ssmlib
from ssmlib import _sameness
from ssmlib.layers import S4D
from ssmlib.training import fit, loop
from tests.conftest import ROOT
from tests.ssmlib.test_training_options import task

OPTIONS = {"d_model": 2, "d_state": 4, "batch_size": 24, "epochs": 2}


def run(path, grid=None, **options):
    return fit(task(), grid or [{"dt": 0.1}], checkpoint=path, **OPTIONS | options)


FACTOR = 1.0


def closure(factor, **own):
    """A layer whose class, function or options refer to a value around them."""

    class Scaled(S4D):
        def kernel(self, L):
            return factor * super().kernel(L)

    return lambda H, N, **given: Scaled(H, N, **own | given)


class Attribute(S4D):
    factor = 1.0

    def kernel(self, L):
        return self.factor * super().kernel(L)


class Global(S4D):
    def kernel(self, L):
        return FACTOR * super().kernel(L)


class Holder(S4D):
    """Holds a table as a plain attribute, of which a `repr` shows four digits."""

    def __init__(self, *args, table, **options):
        super().__init__(*args, **options)
        self.table = table

    def kernel(self, L):
        return self.table * super().kernel(L)


OTHER_LAYERS = {
    "options of a lambda": (closure(1.0), closure(1.0, skip=False)),
    "a value around a class": (closure(1.0), closure(1.5)),
    "partials": tuple(
        functools.partial(S4D, discretization=d) for d in ("zoh", "bilinear")
    ),
    "a tensor's later digits": tuple(
        functools.partial(Holder, table=torch.tensor([[1.0], [1 + e]]))
        for e in (1e-6, 2e-6)
    ),
    "a lambda and its class": (lambda H, N, **o: S4D(H, N, skip=False, **o), S4D),
}


@pytest.mark.parametrize("layers", OTHER_LAYERS.values(), ids=OTHER_LAYERS)
def test_another_layer_of_the_same_name_is_another_fit(tmp_path, layers):
    path = tmp_path / "fit.pt"
    run(path, layer=layers[0])
    with pytest.raises(ValueError, match=r"is of another fit: it differs in .*ssms.0"):
        run(path, layer=layers[1])
    run(path, layer=layers[0])


def test_a_class_edited_meanwhile_is_another(tmp_path, monkeypatch):
    path = tmp_path / "fit.pt"
    for layer, change in (
        (Attribute, lambda: monkeypatch.setattr(Attribute, "factor", 2.0)),
        (Attribute, lambda: monkeypatch.setattr(Attribute, "kernel", S4D.kernel)),
        (Global, lambda: monkeypatch.setitem(globals(), "FACTOR", 2.0)),
    ):
        path.unlink(missing_ok=True)
        run(path, layer=layer)
        run(path, layer=layer)
        change()
        with pytest.raises(ValueError, match=r"of another fit: it differs in ssms.0"):
            run(path, layer=layer)


def test_other_initial_values_are_another_fit(tmp_path):
    """They may come from a file that was written again."""
    path, source = tmp_path / "fit.pt", tmp_path / "dt.pt"

    class Read(S4D):
        def initial_values(self, generator):
            return super().initial_values(generator) | {"log_dt": torch.load(source)}

    for values in ([-2.0, -3.0], [-2.0, -3.0], [-3.0, -2.0]):
        torch.save(torch.tensor(values).double(), source)
        if values[0] == -2.0:
            run(path, layer=Read)
    with pytest.raises(ValueError, match="differs in the initial values"):
        run(path, layer=Read)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"optimizer": "sgd"}, "optimizer"),
        ({"warmup": 0.2}, "warmup"),
        ({"batch_size": 23}, "batch_size"),
        ({"pooling": "mean"}, "pooling"),
        ({"n_layers": 2}, "ssms.1"),
        ({"norm": True}, "norm"),
        ({"grid": [{"dt": 0.1, "dropout": 0.1}]}, "configurations"),
        ({"grid": [{"dt": 0.1, "C_lr": 1e-2}]}, "configurations"),
    ],
)
def test_every_option_makes_another_fit(tmp_path, change, named):
    run(tmp_path / "fit.pt")
    with pytest.raises(ValueError, match=rf"of another fit: it differs in .*{named}"):
        run(tmp_path / "fit.pt", **change)


def test_other_threads_or_versions_are_another_fit(tmp_path, monkeypatch):
    path, threads = tmp_path / "fit.pt", torch.get_num_threads()
    run(path)
    torch.set_num_threads(threads + 1)
    try:
        with pytest.raises(ValueError, match=rf"threads \('?{threads} and"):
            run(path)
    finally:
        torch.set_num_threads(threads)
    monkeypatch.setattr(ssmlib, "__version__", "0.0.1")
    with pytest.raises(ValueError, match="version of ssmlib"):
        run(path)


def test_the_same_fit_in_other_words_is_the_same(tmp_path):
    path = tmp_path / "fit.pt"
    grid = [{"dt": 0.1, "lr": 1e-2, "frozen": ("A",)}]
    first = run(path, grid, layer=closure(1.0))
    again = run(
        path,
        {"dt": 0.1, "lr": np.float64(1e-2), "frozen": [("A",)]},
        layer=closure(1.0),
        seeds=range(1),
        batch_size=24,
    )
    assert first.table.equals(again.table)


@pytest.mark.parametrize(
    "options",
    [
        {"d_model": np.int64(2), "d_state": np.int32(4)},
        {"linear": np.bool_(True)},
        {"pooling": np.str_("mean")},
    ],
)
def test_numbers_of_numpy_are_read_back(tmp_path, options):
    """The state dict of a layer stores them in its metadata."""
    first, again = (run(tmp_path / "fit.pt", **options) for _ in range(2))
    assert again.table.equals(first.table)


def test_a_layer_that_cannot_be_compared_is_refused(tmp_path):
    def layer(*args, **options):
        made = S4D(*args, **options)
        made.source = weakref.ref(S4D)
        return made

    with pytest.raises(ValueError, match=r"checkpoint needs layers .* ssms.0.source"):
        run(tmp_path / "fit.pt", layer=layer)


def described():
    return [closure(2.0), Attribute, Global, Holder, {"a", "b", "c"}]


@pytest.mark.slow
def test_a_description_does_not_depend_on_the_process():
    """Compared with a process of other hashes, where a set has another order."""
    code = """
        from ssmlib import _sameness
        from tests.ssmlib.test_training_checkpoint import described
        print(*map(_sameness.text, described()), end="")
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=ROOT,
        env={"PYTHONHASHSEED": "1", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
        encoding="utf-8",
    )
    assert run.stdout == " ".join(map(_sameness.text, described()))


def damaged():
    yield "empty", lambda raw: b""
    yield "text", lambda raw: b"epoch,loss\n1,0.5\n"
    yield "first line alone", lambda raw: raw.partition(b"\n")[0]
    for share in (0.3, 0.9999):
        yield f"cut at {share}", lambda raw, s=share: raw[: int(s * len(raw))]
    yield "longer", lambda raw: raw + b"0"
    for share in (0.0, 0.005, 0.5, 0.9, 0.9999):

        def flipped(raw, s=share):
            k = int(s * len(raw))
            return raw[:k] + bytes([raw[k] ^ 1]) + raw[k + 1 :]

        yield f"bit at {share}", flipped


DAMAGED = dict(damaged())


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("fit") / "fit.pt"
    run(path)
    return path.read_bytes()


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_checkpoint_is_refused(tmp_path, written, change):
    path = tmp_path / "fit.pt"
    path.write_bytes(change(written))
    with pytest.raises(ValueError, match=r"checkpoint .*fit.pt .*; remove the file"):
        run(path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_of_another_program_is_refused(tmp_path):
    path = tmp_path / "fit.pt"
    torch.save(nn.Linear(2, 2).state_dict(), path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="was not written by this version of ssmlib"):
        run(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "checkpoint must be a file, got the folder"),
        ("none/fit.pt", "checkpoint must be in a folder that exists"),
        ("/proc/fit.pt", "checkpoint must be in a folder that can be written to"),
    ],
)
def test_a_place_without_a_checkpoint_is_refused_before_training(
    tmp_path, monkeypatch, name, message
):
    monkeypatch.setattr(loop.Steps, "take", None)
    with pytest.raises(ValueError, match=message):
        run(tmp_path / name)


def test_a_checkpoint_is_a_path():
    with pytest.raises(TypeError, match="checkpoint must be a path or None, got True"):
        run(True)


def test_two_fits_do_not_share_a_checkpoint(tmp_path, monkeypatch):
    path, take, seen = tmp_path / "fit.pt", loop.Steps.take, []

    def second(*args):
        if not seen:
            seen.append(True)
            with pytest.raises(ValueError, match=r"fit.pt is in use by another fit"):
                run(path)
        take(*args)

    monkeypatch.setattr(loop.Steps, "take", second)
    run(path)
    assert seen
    assert list(tmp_path.iterdir()) == [path]


def test_a_killed_fit_leaves_nothing_that_accumulates(tmp_path, monkeypatch):
    path = tmp_path / "fit.pt"
    for name in ("a", "b"):
        (tmp_path / f".fit.pt.{name}.part").write_bytes(b"half")
    (tmp_path / ".fit.pt.lock").touch()  # the lock itself ended with the process
    (tmp_path / ".fit.pt2.a.part").touch()
    run(path)
    assert {p.name for p in tmp_path.iterdir()} == {"fit.pt", ".fit.pt2.a.part"}

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(OSError, match="No space"):
        run(tmp_path / "other.pt")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_lock_is_given_back(tmp_path):
    path = tmp_path / "fit.pt"
    lock = FileLock(tmp_path / ".fit.pt.lock", timeout=0)
    with lock, pytest.raises(ValueError, match="in use by another fit"):
        run(path)
    run(path)
