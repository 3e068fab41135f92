"""Files of parameters: read without running code, refused where they are none."""

import json
import os
import struct

import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from ssmbook.cli.main import app
from ssmlib import S4D
from ssmlib.adapters import audit, read
from tests.ssmlib import standins

NAMES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
}


def write(path, tensors, *, header=None, cut=0, **metadata):
    """A safetensors file by the format's description: length, JSON, data."""
    entries, data = dict(metadata), b""
    for name, value in tensors.items():
        raw = value.detach().contiguous().view(torch.uint8).numpy().tobytes()
        ends = [len(data), len(data) + len(raw)]
        kind = NAMES[value.dtype]
        shape = list(value.shape)
        entries[name] = {"dtype": kind, "shape": shape, "data_offsets": ends}
        data += raw
    text = json.dumps(entries if header is None else header(entries)).encode()
    text += b" " * (-len(text) % 8)
    content = struct.pack("<Q", len(text)) + text + data
    path.write_bytes(content[: len(content) - cut])
    return path


@pytest.fixture
def model():
    return nn.ModuleDict({"a": standins.Mamba(8, 4), "b": standins.Mamba2(8)})


def same(one, two):
    return [dict(row) for row in one.rows] == [dict(row) for row in two.rows]


def test_a_safetensors_file_gives_the_tensors(tmp_path, model):
    state = model.state_dict() | {"half": torch.ones(3).bfloat16()}
    path = write(tmp_path / "model.safetensors", state, __metadata__={"format": "pt"})
    found = read(path)
    assert list(found) == list(state)
    assert all(torch.equal(found[name], value) for name, value in state.items())
    before = path.read_bytes()
    found["half"].zero_()  # a copy of the process, never the file
    assert path.read_bytes() == before
    assert same(audit(found, 64), audit(model, 64))


@pytest.mark.parametrize("key", [None, "state_dict", "model"])
def test_a_file_of_torch_gives_the_tensors(tmp_path, model, key):
    state = model.state_dict()
    path = tmp_path / "model.pt"
    torch.save(state if key is None else {key: state, "step": 3}, path)
    assert same(audit(read(path), 64), audit(model, 64))


def test_our_own_layers_need_the_options_that_torch_stores(tmp_path):
    model = nn.ModuleDict({"own": S4D(4, 8, real_transform="exp")})
    torch.save(model.state_dict(), tmp_path / "own.pt")
    (row,) = audit(read(tmp_path / "own.pt"), 64).rows
    assert row["verdict"] == "as published"
    path = write(tmp_path / "own.safetensors", model.state_dict())
    found = audit(read(path), 64)
    assert found.rows == []
    assert "load it into its model" in found.warnings[0]


class Code:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_pickled_code_is_refused_and_not_run(tmp_path):
    torch.save({"A_log": Code(tmp_path / "run")}, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"none of its code was run"):
        read(tmp_path / "model.pt")
    assert not (tmp_path / "run").exists()


def test_a_whole_module_is_refused(tmp_path, model):
    torch.save(model, tmp_path / "model.pt")
    with pytest.raises(ValueError, match=r"save model.state_dict\(\)"):
        read(tmp_path / "model.pt")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("content", [b"", b"abc", b"no checkpoint " * 50])
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path, suffix, content):
    path = tmp_path / f"model{suffix}"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=rf"model\{suffix}"):
        read(path)


def test_a_truncated_file_is_refused(tmp_path, model):
    torch.save(model.state_dict(), tmp_path / "model.pt")
    content = (tmp_path / "model.pt").read_bytes()
    (tmp_path / "model.pt").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"model\.pt"):
        read(tmp_path / "model.pt")
    path = write(tmp_path / "model.safetensors", model.state_dict(), cut=5)
    with pytest.raises(ValueError, match="truncated"):
        read(path)


def _spoil(**values):
    def header(entries):
        first = next(iter(entries))
        return {**entries, first: {**entries[first], **values}}

    return header


BAD = {
    "dtype": (_spoil(dtype="F13"), "bad entry"),
    "shape": (_spoil(shape=[3]), "bytes for the shape"),
    "negative": (_spoil(shape=[-8, -4]), "at least 0"),
    "text": (_spoil(shape=["8", 4]), "must be integers"),
    "overlap": (_spoil(data_offsets=[16, 16 + 128]), "gap or an overlap"),
    "list": (lambda entries: [entries], "no object"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_header_is_refused(tmp_path, model, name):
    header, words = BAD[name]
    path = write(tmp_path / "m.safetensors", model["a"].state_dict(), header=header)
    with pytest.raises(ValueError, match=words):
        read(path)


def test_a_header_longer_than_the_file_is_refused(tmp_path):
    path = tmp_path / "m.safetensors"
    path.write_bytes(struct.pack("<Q", 2**62) + b"{}")
    with pytest.raises(ValueError, match="truncated"):
        read(path)


def test_other_files_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"must end in .safetensors"):
        read(tmp_path / "model.onnx")
    with pytest.raises(FileNotFoundError, match="no file"):
        read(tmp_path / "model.pt")
    torch.save([torch.ones(2)], tmp_path / "list.pt")
    with pytest.raises(ValueError, match="must hold tensors by name, got list"):
        read(tmp_path / "list.pt")


def test_a_lone_empty_tensor_is_read(tmp_path):
    path = write(tmp_path / "m.safetensors", {"x": torch.empty(0, 3)})
    assert read(path)["x"].shape == (0, 3)


# The command


def command(*words):
    return CliRunner().invoke(app, ["audit", *map(str, words)])


def test_the_command_prints_text_and_json_and_draws(tmp_path, model):
    path = write(tmp_path / "model.safetensors", model.state_dict())
    figure = tmp_path / "memory.svg"
    printed = command(path, "--length", 64, "--figure", figure)
    assert "a (mamba, 8 features of 4 modes): as published" in printed.stdout
    assert "reading" in printed.stderr
    assert figure.read_text(encoding="utf-8").startswith("<svg")
    found = json.loads(command(path, "--length", 64, "--json").stdout)
    assert found == json.loads(audit(model, 64).json())
    assert found["L"] == 64


def test_the_command_refuses_another_figure(tmp_path, model):
    path = write(tmp_path / "model.safetensors", model.state_dict())
    refused = command(path, "--figure", tmp_path / "memory.png")
    assert refused.exit_code != 0
    assert "figure must be an .svg" in refused.stderr
    path.write_bytes(b"abc")
    refused = command(path)
    assert refused.exit_code != 0
    assert "truncated, or no safetensors file" in refused.stderr
