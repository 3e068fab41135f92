"""The Long Range Arena's files, in a folder that the test makes as they lay it out."""

import numpy as np
import pytest
import torch
from PIL import Image

from ssmlib.tasks import listops, lra

pytestmark = pytest.mark.filterwarnings("ignore::ssmlib.tasks.files.UnpublishedWarning")
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
        file.write_text("\n".join(["Source\tTarget", *lines]) + "\n", encoding="utf-8")
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
        (place / "metadata" / f"{folder}.npy").write_text(
            "\n".join(lines) + "\n", encoding="utf-8"
        )
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


GOOD = "Source\tTarget\n( [MAX 2 ) 9 ]\t9\n"
BAD_TABLES = {
    "a bracket that is never closed": GOOD + "[MAX 2 9 [MIN 4 7\t9\n",
    "a bracket that is never closed, inside": GOOD + "[MAX 2 9 [MIN 4 7 ]\t9\n",
    "a bracket too many": GOOD + "[MAX 2 9 ] ]\t9\n",
    "two expressions": GOOD + "[MAX 2 9 ] 3\t9\n",
    "an operator without arguments": GOOD + "[MAX ]\t9\n",
    "an unknown operator": GOOD + "[AVG 2 9 ]\t5\n",
    "a number above nine": GOOD + "[MAX 2 12 ]\t12\n",
    "a digit that is not ASCII": GOOD + "[MAX 2 \N{ARABIC-INDIC DIGIT NINE} ]\t9\n",
    "an unknown word": GOOD + "[MAX 2 x ]\t2\n",
    "no expression": GOOD + "\t9\n",
    "an empty line": GOOD + "\n" + GOOD.splitlines()[1] + "\n",
    "round brackets that do not match": GOOD + "( ( [MAX 2 ) 9 ]\t9\n",
    "round brackets the wrong way": GOOD + ") [MAX 2 9 ] (\t9\n",
    "another value": GOOD + "[MAX 2 9 ]\t2\n",
    "a value that is no digit": GOOD + "[MAX 2 9 ]\tnine\n",
    "a line cut before its value": GOOD + "[MAX 2 9 ]\t",
    "a line cut in the expression": GOOD + "[MAX 2 9",
    "a third field": GOOD + "[MAX 2 9 ]\t9\t1\n",
    "a quotation mark": GOOD + '"[MAX 2 9 ]\t9\n',
}
BAD_HEADERS = {
    "an empty file": "",
    "no header": "[MAX 2 9 ]\t9\n",
    "a missing column": "Source\n[MAX 2 9 ]\n",
    "an extra column": "Source\tTarget\tDepth\n[MAX 2 9 ]\t9\t1\n",
    "commas": "Source,Target\n[MAX 2 9 ],9\n",
}


def test_forms_of_a_table_that_are_read_alike(expressions):
    """Windows line ends, a byte order mark, no final line end, the columns swapped."""
    whole = lra.listops(expressions)
    for name in ("train", "val", "test"):
        file = expressions / f"basic_{name}.tsv"
        rows = [line.split("\t") for line in file.read_text("utf-8").splitlines()]
        text = "\r\n".join("\t".join(reversed(row)) for row in rows)
        file.write_bytes(text.encode("utf-8-sig"))
    again = lra.listops(expressions)
    for name, value in whole.tensors().items():
        assert torch.equal(value, again.tensors()[name]), name


@pytest.mark.parametrize("what", BAD_TABLES)
def test_a_line_that_is_no_expression_with_its_value(what, expressions):
    file = expressions / "basic_val.tsv"
    file.write_text(BAD_TABLES[what], encoding="utf-8")
    with pytest.raises(ValueError, match=r"basic_val\.tsv, line 3, must hold an exp"):
        lra.listops(expressions)


@pytest.mark.parametrize("what", BAD_HEADERS)
def test_other_columns(what, expressions):
    (expressions / "basic_val.tsv").write_text(BAD_HEADERS[what], encoding="utf-8")
    with pytest.raises(ValueError, match=r"basic_val\.tsv, line 1, must name the col"):
        lra.listops(expressions)


def test_a_table_without_a_line_or_in_another_encoding(expressions):
    file = expressions / "basic_val.tsv"
    file.write_text("Source\tTarget\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"basic_val\.tsv holds no expression"):
        lra.listops(expressions)
    file.write_bytes(GOOD.encode("utf-16"))
    with pytest.raises(ValueError, match=r"basic_val\.tsv must be a text file in UTF"):
        lra.listops(expressions)
    file.unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks basic_val\.tsv: get lra_rel"):
        lra.listops(expressions)


BAD_LINES = {
    "another label": b"imgs/1 sample_0.png 0 7\n",
    "too few words": b"imgs/1 sample_0.png 0\n",
    "a number that is none": b"imgs/1 sample_0.png x 0\n",
    "a label that is a word": b"imgs/1 sample_0.png 0 yes\n",
    "an empty line": b"imgs/1 sample_0.png 0 1\n\n",
    "an array of NumPy": b"\x93NUMPY\x01\x00v\x00",
}


@pytest.mark.parametrize("what", BAD_LINES)
def test_lines_of_another_form(what, pictures):
    file = pictures / "curv_contour_length_14" / "metadata" / "1.npy"
    file.write_bytes(BAD_LINES[what])
    with pytest.raises(ValueError, match=r"1\.npy must (hold a folder|be a text file)"):
        lra.pathfinder(pictures)


def _saved(image, path):
    Image.fromarray(image).save(path)


BAD_PICTURES = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:40]),
    "empty": lambda path: path.write_bytes(b""),
    "no picture": lambda path: path.write_bytes(b"no picture"),
    "16 bits": lambda path: _saved(np.full((8, 8), 300, dtype=np.uint16), path),
    "of another size": lambda path: _saved(np.zeros((9, 9), dtype=np.uint8), path),
}


@pytest.mark.parametrize("what", BAD_PICTURES)
def test_files_that_are_no_such_pictures(what, pictures):
    path = pictures / "curv_contour_length_14" / "imgs" / "1" / "sample_3.png"
    BAD_PICTURES[what](path)
    message = r"sample_3\.png must be a complete picture|must hold square pictures"
    with pytest.raises(ValueError, match=message):
        lra.pathfinder(pictures)


def test_folders_of_another_form(pictures, tmp_path):
    with pytest.raises(FileNotFoundError, match="pathfinder32"):
        lra.pathfinder(tmp_path / "none")
    place = pictures / "curv_contour_length_14"
    (place / "imgs" / "1" / "sample_3.png").unlink()
    with pytest.raises(FileNotFoundError, match=r"lacks curv_.*/imgs/1/sample_3\.png"):
        lra.pathfinder(pictures)
    (place / "metadata" / "1.npy").rename(place / "metadata" / "one.npy")
    with pytest.raises(ValueError, match=r"one\.npy must have a number as its name"):
        lra.pathfinder(pictures)
    (place / "metadata" / "one.npy").unlink()
    (place / "metadata" / "0.npy").write_text("imgs/0 sample_0.png 0 1\n", "utf-8")
    with pytest.raises(ValueError, match=r"at least 10 pictures.* got 1"):
        lra.pathfinder(pictures)
    wide = np.zeros((4, 8), dtype=np.uint8)
    names = [f"sample_{k}.png" for k in range(10)]
    for name in names:
        _saved(wide, place / "imgs" / "0" / name)
    lines = [f"imgs/0 {name} 0 1" for name in names]
    (place / "metadata" / "0.npy").write_text("\n".join(lines), "utf-8")
    with pytest.raises(ValueError, match="square pictures of one size"):
        lra.pathfinder(pictures)
    with pytest.raises(ValueError, match="seed must be at least 0"):
        lra.pathfinder(pictures, seed=-1)


@pytest.mark.parametrize("label", [0, 1])
@pytest.mark.parametrize("name", ["imgs/1 sample_3.png", "imgs/1/../1 sample_3.png"])
def test_a_picture_is_listed_once(name, label, pictures):
    file = pictures / "curv_contour_length_14" / "metadata" / "1.npy"
    lines = file.read_text(encoding="utf-8")
    file.write_text(f"{lines}{name} 3 {label} 1.8\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"1\.npy must list each picture once"):
        lra.pathfinder(pictures)


def test_a_folder_in_the_place_of_a_file(pictures, expressions):
    place = pictures / "curv_contour_length_14"
    for path in (place / "metadata" / "7.npy", place / "imgs" / "1" / "sample_3.png"):
        path.unlink(missing_ok=True)
        path.mkdir()
        with pytest.raises(
            ValueError, match=f"{path.name} must be a file, got a folder"
        ):
            lra.pathfinder(pictures)
        path.rmdir()
    (expressions / "basic_val.tsv").unlink()
    (expressions / "basic_val.tsv").mkdir()
    with pytest.raises(
        ValueError, match=r"basic_val\.tsv must be a file, got a folder"
    ):
        lra.listops(expressions)
