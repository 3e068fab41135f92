"""The Long Range Arena's files, in a folder that the test makes as they lay it out."""

import numpy as np
import pytest
import torch
from PIL import Image

from ssmlib.tasks import listops, lra

EXPRESSIONS = [
    ("( ( ( ( [MAX 2 ) 9 ) ( ( ( [MIN 4 ) 7 ) ] ) ) ] )", 9),
    ("( ( ( [SM 5 ) 8 ) ] )", 3),
    ("( ( ( ( [MED 1 ) 2 ) 6 ) ] )", 2),
]


@pytest.fixture
def expressions(tmp_path):
    lines = [f"{source}\t{value}" for source, value in EXPRESSIONS]
    for name in ("train", "val", "test"):
        file = tmp_path / f"basic_{name}.tsv"
        file.write_text("\n".join(["Source\tTarget", *lines]) + "\n")
    return tmp_path


@pytest.fixture
def pictures(tmp_path):
    place = tmp_path / "curv_contour_length_14"
    (place / "metadata").mkdir(parents=True)
    for folder in range(2):
        (place / "imgs" / str(folder)).mkdir(parents=True)
        lines = []
        for k in range(10):
            number = 10 * folder + k
            name = f"sample_{k}.png"
            grey = np.full((8, 8), number, dtype=np.uint8)
            Image.fromarray(grey).save(place / "imgs" / str(folder) / name)
            lines.append(f"imgs/{folder} {name} {k} {number % 2} 1.8 14 2 5 0")
        (place / "metadata" / f"{folder}.npy").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_listops(expressions):
    data = lra.listops(expressions)
    for _, x, y in data.parts():
        assert x.dtype == torch.int64
        assert [listops.text(row) for row in x] == [
            " ".join(source.replace("(", "").replace(")", "").split())
            for source, _ in EXPRESSIONS
        ]
        assert y.tolist() == [value for _, value in EXPRESSIONS]
        assert [listops.evaluate(listops.text(row)) for row in x] == y.tolist()
    assert data.lengths_test.tolist() == [8, 4, 5]


def test_pathfinder(pictures):
    data = lra.pathfinder(pictures, seed=3)
    assert [len(x) for _, x, _ in data.parts()] == [16, 2, 2]
    numbers = torch.cat([x[:, 0] * 255 for _, x, _ in data.parts()]).round().long()
    assert numbers.sort().values.tolist() == list(range(20))
    labels = torch.cat([y for _, _, y in data.parts()])
    assert torch.equal(labels, numbers % 2)
    assert data.x_train.shape == (16, 64)
    other = lra.pathfinder(pictures, seed=4)
    assert not torch.equal(other.x_train, data.x_train)


def test_what_is_missing_or_foreign_is_named(expressions, pictures, tmp_path):
    (expressions / "basic_test.tsv").write_text("Source\tTarget\n[MAX 2 x ]\t1\n")
    with pytest.raises(ValueError, match=r"basic_test.tsv, line 2, must hold an exp"):
        lra.listops(expressions)
    (expressions / "basic_test.tsv").unlink()
    with pytest.raises(FileNotFoundError, match=r"basic_test\.tsv does not"):
        lra.listops(expressions)
    file = pictures / "curv_contour_length_14" / "metadata" / "1.npy"
    file.write_text("imgs/1 sample_0.png 0 7\n")
    with pytest.raises(ValueError, match="a label 0 or 1"):
        lra.pathfinder(pictures)
    with pytest.raises(FileNotFoundError, match="pathfinder32"):
        lra.pathfinder(tmp_path / "none")
