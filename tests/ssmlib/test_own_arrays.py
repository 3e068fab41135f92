"""Arrays of users, as NumPy stores them: read, or refused with a reason."""

import io
import zipfile

import numpy as np
import pytest
import torch

from tests.ssmlib.test_own import load


def saved(values):
    file = io.BytesIO()
    np.save(file, values, allow_pickle=True)
    return file.getvalue()


X = np.arange(40.0)


@pytest.mark.parametrize(
    ("values", "shape", "guess"),
    [
        (X, (40,), ""),
        (X[:, None], (40,), "shape (40, 1) is read as one series"),
        (X[None], (40,), "shape (1, 40) is read as one series"),
        (X.reshape(20, 2), (20, 2), "Each row of the file is one sequence"),
        (np.asfortranarray(X.reshape(20, 2)), (20, 2), "Each row"),
        (X.astype(">f8"), (40,), ""),
        (X.astype(np.float16), (40,), ""),
        (X.astype(np.longdouble), (40,), ""),
        (X.astype(np.int8), (40,), ""),
        (X.astype(np.uint64), (40,), ""),
        (X[::2], (20,), ""),
    ],
)
def test_an_array_is_read_and_guesses_are_stated(tmp_path, values, shape, guess):
    found, notes = load(tmp_path, "a.npy", saved(values))
    assert found.shape == shape
    assert found.dtype == torch.float64
    assert found.flatten().tolist() == values.flatten().tolist()
    assert guess in " ".join(notes)
    assert bool(notes) == bool(guess)


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.npy", saved(X))
    return file.getvalue()


def claiming(shape):
    """A file whose header claims another shape than it holds."""
    header = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}"
    header = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(80)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"\x93NUM", "first bytes are not those"),
        (b"\x93NUMPY", "complete .npy file"),
        (b"x,y\n1,2\n", "first bytes are not those"),
        (zipped(), "zip archive"),
        (saved(X)[:-8], "shorter than its header says"),
        (claiming("(10000000000000,)"), "shorter than its header says"),
        (claiming("(99999999999999999999999,)"), "complete .npy file"),
        (claiming("(-1,)"), "complete .npy file"),
        (b"\x93NUMPY\x01\x00\x76\x00" + b"{" * 118, "complete .npy file"),
        (b"\x93NUMPY\x09\x00\x76\x00" + b"{" * 118, "complete .npy file"),
        (saved(np.array([{}, 1], dtype=object)), "without pickles"),
        (saved(np.array(["a", "b"])), "integers or floating-point"),
        (saved(X > 3), "integers or floating-point numbers, got bool"),
        (saved(np.zeros(9, dtype="M8[s]")), "integers or floating-point"),
        (saved(np.zeros(9, dtype=[("a", "f8")])), "integers or floating-point"),
        (saved(np.array(3.0)), r"\(T,\), one series, or \(n, L\).* got shape \(\)"),
        (saved(np.zeros((0,))), r"got shape \(0,\)"),
        (saved(X.reshape(4, 2, 5)), r"got shape \(4, 2, 5\)"),
        (saved(np.where(X == 7, np.nan, X)), r"finite, got nan at \[7\] \(1 such"),
        (saved(np.where(X > 7, np.inf, X).reshape(20, 2)), r"got inf at \[4, 0\]"),
        (saved(X.astype(np.longdouble) * np.longdouble("1e400")), "must be finite"),
        (saved(np.array([2**60, 2**60 + 1])), r"integers beyond 2\*\*53"),
    ],
)
def test_an_array_that_is_refused(tmp_path, content, message):
    with pytest.raises(ValueError, match=message) as error:
        load(tmp_path, "a.npy", content)
    assert str(tmp_path / "a.npy") in str(error.value)


def test_complex_numbers_are_refused(tmp_path):
    with pytest.raises(TypeError, match="must hold real numbers, got complex128"):
        load(tmp_path, "a.npy", saved(X + 1j))


@pytest.mark.parametrize("after", [b"\0", b"text", saved(X), saved(X)[:50]])
def test_data_after_an_array_are_refused(tmp_path, after):
    with pytest.raises(ValueError, match=f"got {len(after)} bytes after it"):
        load(tmp_path, "a.npy", saved(X) + after)
