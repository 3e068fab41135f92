"""BIDMC from .ts files, and Path-X of another size."""

import pytest
import torch

from ssmlib.tasks import lra, medical
from tests.ssmlib import layouts

pytestmark = pytest.mark.filterwarnings("ignore::ssmlib.tasks.files.UnpublishedWarning")


@pytest.fixture
def windows(tmp_path):
    layouts.bidmc(tmp_path)
    return tmp_path


def test_the_files_are_the_parts(windows):
    data = medical.bidmc(windows, target="SpO2")
    assert [x.shape for _, x, _ in data.parts()] == [(12, 2, 4), (2, 2, 4), (6, 2, 4)]
    assert data.y_valid.tolist() == [15.0, 15.25]
    assert data.y_test.tolist() == [12, 12.25, 12.5, 12.75, 13, 13.25]
    expected = torch.tensor([[3, 3.5, -0.01, 0], [1, 2, 3, 0]])
    assert torch.equal(data.x_train[3], expected)
    assert data.x_test[3, 1].tolist() == [1, 2, 3, 1]


def test_a_seed_mixes_both_files(windows):
    data = medical.bidmc(windows, seed=0)
    assert [len(y) for _, _, y in data.parts()] == [14, 3, 3]
    found = torch.cat([x for _, x, _ in data.parts()])
    plain = torch.cat([x for _, x, _ in medical.bidmc(windows).parts()])
    assert sorted(found.flatten(1).tolist()) == sorted(plain.flatten(1).tolist())
    for _, x, y in data.parts():
        assert torch.equal(y, 12 + x[:, 0, 0] / 4)
    assert not torch.equal(medical.bidmc(windows, seed=1).x_test, data.x_test)


HEAD = "@problemName BIDMC32RR\n@data\n"
BAD_SERIES = {
    "another problem": (
        "@problemName BIDMC32HR\n@data\n1,2:3,4:5\n",
        "must hold BIDMC",
    ),
    "no header": ("1,2:3,4:5\n", "line 1, must start with @"),
    "no data": (HEAD, "must hold series below a line @data"),
    "a header alone": ("@problemName BIDMC32RR\n", "must hold series below a line @d"),
    "no target": (HEAD + "1,2:3,4\n", "line 3, must hold numbers"),
    "no colon": (HEAD + "1\n", "line 3, must hold channels"),
    "channels that differ": (HEAD + "1,2:3:5\n", "of one length .* got the lengths"),
    "a longer series": (
        HEAD + "1,2:3,4:5\n1,2,3:3,4,5:5\n",
        "line 4, must have the ch",
    ),
    "a channel more": (HEAD + "1,2:3,4:5\n1,2:3,4:5,6:5\n", "line 4, must have the ch"),
    "a missing value": (HEAD + "1,?:3,4:5\n", r"line 3, must hold numbers.*'\?'"),
    "an empty value": (HEAD + "1,:3,4:5\n", "line 3, must hold numbers"),
    "a value that is not a number": (
        HEAD + "1,nan:3,4:5\n",
        "must hold finite numbers",
    ),
    "an infinite target": (HEAD + "1,2:3,4:inf\n", "must hold finite numbers"),
    "a target beyond float32": (HEAD + "1,2:3,4:1e39\n", "must hold finite numbers"),
    "a value beyond float32": (HEAD + "1,1e39:3,4:1\n", "must hold finite numbers"),
}


@pytest.mark.parametrize("what", BAD_SERIES)
def test_bad_series(what, windows):
    content, message = BAD_SERIES[what]
    (windows / "BIDMC32RR_TEST.ts").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"BIDMC32RR_TEST\.ts.*{message}"):
        medical.bidmc(windows)


def test_files_that_do_not_fit_each_other(windows):
    path = windows / "BIDMC32RR_TEST.ts"
    path.write_text(HEAD + "1,2:3,4:5\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"windows of one size, got \(2, 4\) and \(2, 2"
    ):
        medical.bidmc(windows)
    path.write_bytes(b"\xff\xfe@data")
    with pytest.raises(ValueError, match="must be a text file in UTF-8"):
        medical.bidmc(windows)
    train = windows / "BIDMC32RR_TRAIN.ts"
    lines = train.read_text(encoding="utf-8").splitlines(True)
    train.write_text("".join(lines[:10]), encoding="utf-8")
    path.write_text("".join(lines[:8]), encoding="utf-8")
    with pytest.raises(ValueError, match="at least 7 windows, got 6"):
        medical.bidmc(windows)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"target": "rr"}, ValueError, "target must be one of HR, RR, SpO2; got 'rr'"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"seed": 0.5}, TypeError, "seed must be an int"),
    ],
)
def test_bad_arguments(options, kind, message, windows):
    with pytest.raises(kind, match=message):
        medical.bidmc(windows, **options)


def test_path_x_is_pathfinder_of_128_pixels(tmp_path):
    layouts.pathx(tmp_path)
    data, other = lra.pathx(tmp_path, seed=2), lra.pathfinder(tmp_path, seed=2)
    assert data.x_train.shape == (8, 128**2)
    for name, value in data.tensors().items():
        assert torch.equal(value, other.tensors()[name]), name
    layouts.pathfinder(tmp_path)
    with pytest.raises(ValueError, match="pictures of 128 x 128 pixels, got 1,024"):
        lra.pathx(tmp_path)
