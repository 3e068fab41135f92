"""`ssmbook study`: parts are measured, stored, continued after a kill, and judged."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import nbformat
import pytest
import yaml

from ssmbook.studies.design import read
from ssmbook.studies.parts import of_study
from tests.ssmbook import toy
from tests.ssmbook.synthetic import claim
from tests.ssmbook.toy import CLAIM, ssmbook

pytestmark = pytest.mark.slow  # runs the toy book

PARAMETERS = toy.PARAMETERS.replace("[0..9]", "[0..999]") + "\nn_seeds: int = 1"
MEASURE = """import ssmbook
import numpy as np
import pandas as pd
rows = []
for s in range(seed, seed + n_seeds):
    rng = np.random.default_rng(s)
    for arm, loss in {"a": 0.5, "b": 1.0}.items():
        loss = loss * float(np.exp(rng.normal(0, 0.1)))
        row = {"task": "one", "arm": arm, "seed": s, "budget": "long", "lr": rate}
        rows.append(row | {"test_loss": loss, "status": "finished"})
ssmbook.record_losses(pd.DataFrame(rows))"""
READ = 'float(open(f"{data}/a.txt", encoding="utf-8").read()) if data else 0.5'
STUDY = {
    "parameters": {"n": 3},
    "per_part": 2,
    "designs": {"base": {"seeds": [10, 15]}, "slower": {"seeds": [20, 21]}},
    "contrasts": {"a_over_b": {"ratio": ["a", "b"]}},
}


@pytest.fixture(scope="module")
def studied(place):
    """The toy book with a study whose parts take no time."""
    path = place / toy.NOTEBOOK
    node = nbformat.read(path, 4)
    node.cells[1].source = PARAMETERS
    part = nbformat.v4.new_code_cell(MEASURE, metadata={"tags": ["part"]})
    shown = nbformat.v4.new_code_cell(
        'losses = ssmbook.study("toy")\nssmbook.record("rows", len(losses), atol=0)\n'
        'assert losses.attrs["parameters"]["n"] >= 1\n'
        'assert "seed" not in losses.attrs["parameters"]'
    )
    node.cells[3:3] = [part, shown]
    nbformat.write(node, path)
    home = place / "studies" / "toy"
    home.mkdir(parents=True)
    state(home, STUDY["designs"])
    return place


def state(home: Path, designs: dict) -> None:
    content = yaml.safe_dump(STUDY | {"designs": designs})
    (home / "study.yml").write_text(content, encoding="utf-8")


def tables(place: Path) -> list[str]:
    found = (place / "studies" / "toy").glob("*/*.csv")
    return sorted(f"{path.parent.name} {path.stem}" for path in found)


def test_parts_are_measured_one_by_one_and_never_twice(studied):
    _, err = ssmbook(studied, "study", "toy", "--seeds", "12:14")
    assert "toy, base, seeds 12-13" in err
    assert "0 parts are left" in err
    assert tables(studied) == ["base 12-13"]
    document = studied / "studies" / "toy" / "base" / "12-13.json"
    before = document.read_bytes()
    ssmbook(studied, "study", "toy", "--jobs", "2")
    assert tables(studied) == [f"base {p}" for p in ("10-11", "12-13", "14-15")] + [
        "slower 20-21"
    ]
    assert document.read_bytes() == before
    _, err = ssmbook(studied, "study", "toy")
    assert "all parts are finished" in err


def test_its_claim_is_judged_on_the_pooled_parts(studied):
    study = of_study(studied, read(studied / "studies" / "toy" / "study.yml"))
    own = claim(study, {"key": "a_over_b", "below": 0.9})
    known = {"date": "2026-11", "hash": own.registered.hash}
    entry = CLAIM | {
        "id": "a-is-better",
        "evidence": "training",
        "says": own.says,
        "expect": [{"key": "a_over_b", "below": 0.9, "because": "arithmetic"}],
        "valid_for": {},
        "scale": "reduced",
        "why": "{effect}`a_over_b`.",
        "judged_on": "study",
        "registered": known | {"words": own.registered.words},
    }
    path = studied / "book" / "claims" / "toy.yml"
    path.write_text(json.dumps([CLAIM, entry]), encoding="utf-8")
    ssmbook(studied, "notebooks", "toy")
    _, trained = json.loads(ssmbook(studied, "claims", "--json")[0])
    assert trained["verdict"] == "reproduced"
    assert 0.4 < trained["values"]["a_over_b"] < 0.6
    edited = entry | {"says": "a is better by far"}
    path.write_text(json.dumps([CLAIM, edited]), encoding="utf-8")
    _, err = ssmbook(studied, "claims", status=1)
    assert "its wording is not the one registered" in err
    path.write_text(json.dumps([CLAIM, entry]), encoding="utf-8")


def test_a_page_shows_the_effect(studied):
    path = studied / toy.NOTEBOOK
    node = nbformat.read(path, 4)
    text = next(cell for cell in node.cells if "The claim is on" in cell.source)
    text.source += " The ratio is {effect}`a_over_b`, by its path"
    text.source += " {effect}`../../notebooks/part/toy.ipynb::a_over_b`."
    nbformat.write(node, path)
    ssmbook(studied, "build", "-o", "shown")
    page = (studied / "shown" / "html" / "notebooks" / "part" / "toy.html").read_text(
        encoding="utf-8"
    )
    assert "The ratio is <span>0." in page
    assert "by its path <span>0." in page
    claims = (studied / "shown" / "html" / "book" / "claims.html").read_text(
        encoding="utf-8"
    )
    assert "by its study, pooled over all parts" in claims
    cited = re.sub("<[^>]+>", "", claims)
    effect = r"0\.\d+ times \(0\.\d+ to 0\.\d+, 6 seeds\)"
    assert re.search(rf"note = \{{Measured: {effect}\. Version ", cited)
    text.source += " And {effect}`a_over_c`."
    nbformat.write(node, path)
    _, err = ssmbook(studied, "build", "-o", "wrong", status=1)
    assert "there is no contrast of the study toy 'a_over_c'" in err


def test_a_page_does_not_read_added_seeds_while_some_are_missing(studied):
    home = studied / "studies" / "toy"
    base = STUDY["designs"]["base"] | {"added": [[50, 53]]}
    state(home, STUDY["designs"] | {"base": base})
    before = tables(studied)
    _, err = ssmbook(studied, "study", "toy", "--seeds", "50:52")
    assert "toy, base, seeds 50-51" in err
    assert tables(studied) == before
    ssmbook(studied, "study", "toy", "--seeds", "52:54")
    assert {*tables(studied)} - {*before} == {"base 50-51", "base 52-53"}
    for file in home.glob("base/5*"):
        file.unlink()
    state(home, STUDY["designs"])


def test_a_killed_study_keeps_every_finished_part(studied):
    home = studied / "studies" / "toy"
    state(home, STUDY["designs"] | {"many": {"seeds": [100, 139]}})
    process = toy.Command(studied, "study", "toy", "--design", "many", "--jobs", "1")
    while len(list((home / "many").glob("*.csv"))) < 2:
        assert process.returncode is None, process.communicate()
        time.sleep(0.1)
    process.kill()
    process.communicate()
    done = len(list((home / "many").glob("*.csv")))
    assert 2 <= done < 20
    study = of_study(studied, read(home / "study.yml"))
    assert len(study.missing("many")) == 20 - done
    _, err = ssmbook(studied, "study", "toy", "--seeds", "138:140")
    assert "toy, many, seeds 138-139" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seeds", "11:13"], "are not whole parts; the parts are 10-11"),
        (["--seeds", "11"], "--seeds must be FIRST:STOP"),
        (["--design", "none"], "design must be one of base"),
    ],
)
def test_bad_arguments_are_refused(studied, arguments, said):
    _, err = ssmbook(studied, "study", "toy", *arguments, status=1)
    assert said in err


def test_an_unknown_study_is_refused(studied):
    _, err = ssmbook(studied, "study", "other", status=1)
    assert "there is no study called 'other'" in err


def test_a_part_reads_the_folder_of_data_and_names_no_path_of_the_user(studied):
    home, path = studied / "studies" / "toy", studied / toy.NOTEBOOK
    node = nbformat.read(path, 4)
    node.cells[1].source += '\ndata: str = ""  # <path>'
    part = next(c for c in node.cells if c.metadata.get("tags") == ["part"])
    part.source = part.source.replace("0.5", READ)
    nbformat.write(node, path)
    folder = studied.parent / "numbers"
    folder.mkdir()
    (folder / "a.txt").write_text("0.25", encoding="utf-8")
    with_data = {"seeds": [200, 201], "parameters": {"data": "data"}}
    content = STUDY | {"designs": {"base": with_data}}
    for done in home.glob("*/*"):
        done.unlink()
    (home / "study.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    _, err = ssmbook(studied, "study", "toy", status=1)
    assert "the study toy reads a folder of data: name it by --data" in err
    _, err = ssmbook(studied, "study", "toy", "--data", "nowhere", status=1)
    assert "--data must be a folder, got nowhere" in err
    ssmbook(studied, "study", "toy", "--data", str(folder))
    (own,) = (home / "base").glob("*.json")
    document = own.read_text(encoding="utf-8")
    assert str(folder) not in document
    assert json.loads(document)["parameters"]["data"] == "data"
    study = of_study(studied, read(home / "study.yml"))
    losses = [r["test_loss"] for r in study.parts["base"][0].losses.rows]
    assert min(losses) < 0.4  # 0.25 with its noise, not 0.5


def test_data_are_refused_where_nothing_reads_them(studied):
    content = STUDY | {"designs": {"base": {"seeds": [300, 301]}}}
    home = studied / "studies" / "toy"
    (home / "study.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    for done in home.glob("*/*"):
        done.unlink()
    _, err = ssmbook(studied, "study", "toy", "--data", ".", status=1)
    assert "the study toy reads no folder of data: leave --data out" in err
