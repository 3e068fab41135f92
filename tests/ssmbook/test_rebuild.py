"""The whole book with other parameters: prose, ledger and pages follow."""

import json
import re

import pytest

import ssmlib
from ssmbook.book import build, output
from tests.ssmbook.toy import ssmbook

pytestmark = pytest.mark.slow  # builds the toy book


def text_of(page):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def rebuilt(place):
    """The toy book with n = 7, whose claim wants at most 5."""
    (place / "mine.yml").write_text("toy: {n: 7}\n", encoding="utf-8")
    arguments = ["--profile", "mine.yml", "--device", "cpu", "-o", "out", "--jobs", "2"]
    _, err = ssmbook(place, "build", *arguments)
    return place / "out", err


def test_prose_follows_the_new_records(rebuilt):
    html = rebuilt[0] / "html"
    assert "Twice is 14." in text_of(html / "notebooks" / "part" / "toy.html")
    assert "Elsewhere, twice is 14." in text_of(html / "book" / "intro.html")


def test_the_page_says_that_it_is_a_rerun(rebuilt):
    page = text_of(rebuilt[0] / "html" / "notebooks" / "part" / "toy.html")
    assert "This page ran with n = 7" in page
    assert "written for the laptop profile" in page


def test_the_ledger_follows_and_the_check_fails(rebuilt, place):
    ledger = text_of(rebuilt[0] / "html" / "book" / "claims.html")
    assert "not reproduced" in ledger
    assert "this run finds otherwise" in ledger
    link = f"Version {ssmlib.__version__}, page Claims, entry twice-is-small"
    assert link in ledger
    assert "claim twice-is-small: not reproduced" in rebuilt[1]
    out, _ = ssmbook(place, "claims", "--check", "out", status=1)
    assert "1 claims, 1 contradict the ledger" in out
    out, _ = ssmbook(place, "claims", "--check", "out", "--json", status=1)
    (judged,) = json.loads(out)
    assert judged["verdict"] == "not reproduced"
    assert judged["values"] == {"double": 14}


def test_one_run_is_checked_alone(place):
    cases = ((3, 0, "reproduced"), (7, 1, "not reproduced"), (9, 0, "not judged"))
    for n, status, verdict in cases:
        out, _ = ssmbook(place, "run", "1", "-p", f"n={n}", "--json")
        folder = json.loads(out)["folder"]
        out, _ = ssmbook(place, "claims", "--check", folder, status=status)
        page = f"{folder}/toy.html"
        assert ssmbook(place, "claims", "--check", page, status=status)[0] == out
        assert out.startswith(f"{verdict} ")


def test_a_folder_that_holds_nothing_is_refused(place):
    _, err = ssmbook(place, "claims", "--check", "benchmarks", status=1)
    assert "is no run, no rebuilt book and no folder of executed notebooks" in err


def test_the_same_book_again_runs_nothing(rebuilt, place):
    _, err = ssmbook(place, "build", "--profile", "mine.yml", "-o", "out")
    assert "toy: unchanged" in err
    assert "book: unchanged" in err


def test_a_notebook_that_fails_gets_a_page_that_says_so(own):
    (own / "mine.yml").write_text("toy: {n: 3, mode: raise}\n", encoding="utf-8")
    _, err = ssmbook(own, "build", "--profile", "mine.yml", status=1)
    assert "toy: FAILED: ArithmeticError: n is too large" in err
    assert "failed, and shown so: toy" in err
    html = own / "_build" / "html"
    page = text_of(html / "notebooks" / "part" / "toy.html")
    assert "This notebook failed" in page
    assert "ArithmeticError: n is too large" in page
    assert "Twice is (missing)." in page
    assert "Elsewhere, twice is (missing)." in text_of(html / "book" / "intro.html")
    claims = text_of(html / "book" / "claims.html")
    assert "Not judged in this run: toy failed." in claims
    out, _ = ssmbook(own, "claims", "--check", "_build")
    assert out.startswith("not judged ")
    assert "(toy failed)" in out


def test_edited_prose_reaches_a_book_that_replaced_a_link(own):
    """Without a run; what the link in the place of the book leads to is left alone."""
    (own / "real").mkdir()
    (own / "_build").mkdir()
    (own / "_build" / "html").symlink_to(own / "real")
    ssmbook(own, "build")
    assert (own / "_build" / "html" / "index.html").is_file()
    assert not any((own / "real").iterdir())
    path = own / "notebooks" / "part" / "toy.ipynb"
    path.write_text(
        path.read_text(encoding="utf-8").replace("Twice is", "Double is"),
        encoding="utf-8",
    )
    _, err = ssmbook(own, "build", "-o", "_build")
    assert "toy: unchanged" in err
    page = text_of(own / "_build" / "html" / "notebooks" / "part" / "toy.html")
    assert "Double is 4." in page


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        (".", "is the repository itself"),
        ("", "is the repository itself"),
        ("thesis", "was not made by ssmbook build"),
    ],
)
def test_a_folder_that_is_not_ours_is_left_alone(own, folder, reason):
    (own / "thesis" / "book").mkdir(parents=True)
    (own / "thesis" / "book" / "thesis.tex").touch()
    _, err = ssmbook(own, "build", "-o", folder, status=1)
    assert reason in err
    assert (own / "book" / "intro.md").is_file()
    assert (own / "thesis" / "book" / "thesis.tex").is_file()


@pytest.mark.parametrize("folder", ["book", "notebooks/mine", "here/mine"])
def test_a_book_among_the_sources_is_refused(own, folder):
    (own / "here").symlink_to(own / "ssmlib")
    _, err = ssmbook(own, "build", "-o", folder, status=1)
    assert "choose another folder" in err
    assert not (own / "_build").exists()


def test_git_does_not_see_a_rebuilt_book(rebuilt, tmp_path):
    assert (rebuilt[0] / ".gitignore").read_text(encoding="utf-8") == "*\n"
    output.prepare(tmp_path / "repository", tmp_path)  # elsewhere, it may
    assert not (tmp_path / ".gitignore").exists()


def test_a_failed_run_is_not_judged(own):
    ssmbook(own, "run", "1", "-p", "mode=die", status=1)
    (folder,) = (own / "runs" / "toy").iterdir()
    _, err = ssmbook(own, "claims", "--check", folder, status=1)
    assert "failed: there is nothing to judge" in err


@pytest.mark.parametrize(
    ("profile", "message"),
    [
        ("toy: {n: 70}", "n must be in [1..9], got 70"),
        ("other: {n: 7}", "no notebook other; there are toy"),
        ("1: {n: 7}", "no notebook 1; there are toy"),
        ("toy: {1: 7}", "no parameter 1; there are n"),
    ],
)
def test_a_bad_profile_runs_nothing(own, profile, message):
    (own / "mine.yml").write_text(profile, encoding="utf-8")
    _, err = ssmbook(own, "build", "--profile", "mine.yml", status=1)
    assert message in err
    assert not (own / "_build").exists()


def test_an_unknown_profile_lists_what_there_is(place):
    _, err = ssmbook(place, "build", "--profile", "nope", status=1)
    assert "no profile" in err


def test_a_device_goes_to_every_notebook(place):
    (job,) = build.plan(place, None, "cuda")
    assert job.values["device"] == "cuda"
    with pytest.raises(ValueError, match="device must be one of cpu, cuda"):
        build.plan(place, None, "abacus")


def test_stored_stands_alone(place):
    _, err = ssmbook(place, "build", "--stored", "--jobs", "2", status=2)
    assert "give no other option" in err
