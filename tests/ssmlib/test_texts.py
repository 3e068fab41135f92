"""Reviews, pairs of papers and ListOps as tokens, from files that the test writes."""

import numpy as np
import pytest
import torch

from ssmlib.tasks import listops, lra, text
from ssmlib.tasks._characters import tokens, vocabulary
from tests.ssmlib import layouts

pytestmark = pytest.mark.filterwarnings("ignore::ssmlib.tasks.files.UnpublishedWarning")


@pytest.fixture
def reviews(tmp_path):
    layouts.imdb(tmp_path)
    return tmp_path


@pytest.fixture
def papers(tmp_path):
    layouts.retrieval(tmp_path)
    return tmp_path


def test_characters_are_numbered_by_their_code_points():
    ids = vocabulary(["ba", "é\U0001f600a"])
    x, lengths = tokens(["abé", "\U0001f600z", ""], ids, 5)
    assert x.tolist() == [[3, 4, 5, 2, 0], [6, 1, 2, 0, 0], [2, 0, 0, 0, 0]]
    assert lengths.tolist() == [4, 3, 1]
    frequent = vocabulary(["aab", "a"], least=3)
    assert tokens(["ab"], frequent, 3)[0].tolist() == [[3, 1, 2]]


def test_a_vocabulary_of_many_texts_counts_them_all(monkeypatch):
    texts = ["ab" * 300_000, "b" * 700_000, "c"]  # more than one piece
    assert np.flatnonzero(vocabulary(texts, 2) > 1).tolist() == [ord("a"), ord("b")]
    assert (vocabulary(texts, 10**6 + 1) == 1).all()


def characters(x, known):
    """The text of a row of tokens, and the tokens that follow it."""
    row = x.tolist()
    end = row.index(2)
    return "".join(known[token - 3] for token in row[:end]), row[end:]


def test_reviews_can_be_read_back(reviews):
    data = text.imdb(reviews, least=1, seed=3)
    assert [len(y) for _, _, y in data.parts()] == [18, 4, 22]
    assert data.y_valid.tolist() == [0, 0, 1, 1]
    written = {
        p.read_text(encoding="utf-8"): int(p.parent.name == "pos")
        for p in (reviews / "train").rglob("*.txt")
    }
    known = sorted(set("".join(written)))
    found = {}
    for part in ("train", "valid"):
        rows = zip(
            getattr(data, f"x_{part}"),
            getattr(data, f"y_{part}").tolist(),
            getattr(data, f"lengths_{part}").tolist(),
            strict=True,
        )
        for x, label, long in rows:
            review, rest = characters(x, known)
            assert len(review) + 1 == long
            assert set(rest[1:]) <= {0}
            found[review] = label
    assert found == written


def test_a_long_review_is_cut_with_its_end(reviews):
    data = text.imdb(reviews, longest=8, least=1)
    assert data.x_train.shape == (18, 8)
    assert (data.x_train[:, -1] == 2).all()
    assert (data.lengths_test == 8).all()
    assert len(set(map(tuple, data.x_train.tolist()))) == 2  # "A neg f" and "A pos f"


def test_a_rare_character_is_unknown(reviews):
    data = text.imdb(reviews, least=15)
    accents = data.x_test.gather(1, data.lengths_test[:, None] - 2).flatten()
    assert set(accents.tolist()) == {int(data.x_train.max())}  # é, in each text
    assert (data.x_test == 1).any()  # those of "neg"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("3_5.txt", b"so so", "with a rating from 1 to 4 in a folder neg"),
        ("3_9.txt", b"good", "with a rating from 1 to 4 in a folder neg"),
        ("3.txt", b"bad", "must be called NUMBER_RATING"),
        ("3_0.txt", b"bad", "must be called NUMBER_RATING"),
        ("99_1.txt", b"", "must hold a text, got an empty file"),
        ("99_1.txt", b"caf\xe9", "must be a text in UTF-8"),
    ],
)
def test_bad_reviews(name, content, message, reviews):
    (reviews / "train" / "neg" / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        text.imdb(reviews)


def test_a_folder_without_reviews(reviews):
    for path in (reviews / "test" / "pos").iterdir():
        path.unlink()
    (reviews / "test" / "pos" / "notes.md").write_text("no review", encoding="utf-8")
    with pytest.raises(FileNotFoundError, match=r"pos must hold texts .* aclImdb_v1"):
        text.imdb(reviews)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"longest": 1}, ValueError, "longest must be at least 2"),
        ({"least": 0}, ValueError, "least must be at least 1"),
        ({"seed": -1}, ValueError, "seed must be at least 0"),
        ({"longest": 4e3}, TypeError, "longest must be an int"),
    ],
)
def test_bad_arguments(options, kind, message, reviews):
    with pytest.raises(kind, match=message):
        text.imdb(reviews, **options)


def test_pairs_are_in_the_order_of_the_file(papers):
    data = lra.retrieval(papers)
    known = sorted(set('It is "so".YesIt isn\'t.Another'))
    for _, x, y in data.parts():
        assert x.shape == (2, 2, 12)
        assert y.tolist() == [1, 0]
        found = [[characters(row, known)[0] for row in pair] for pair in x]
        assert found == [['It is "so".', "Yes"], ["It isn't.", "Another"]]
    short, known = lra.retrieval(papers, longest=4), sorted(set("It YesIt Ano"))
    assert short.x_test.shape == (2, 2, 4)
    assert characters(short.x_test[1, 1], known) == ("Ano", [2])


def test_a_character_that_the_training_pairs_lack(papers):
    (papers / "new_aan_pairs.test.tsv").write_text("0\ta\tb\t¿\tI\r\n", "utf-8")
    x = lra.retrieval(papers).x_test
    assert x[0, 0, :3].tolist() == [1, 2, 0]
    assert x[0, 1, 1:3].tolist() == [2, 0]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2\ta\tb\tone\ttwo", "a label 0 or 1"),
        ("0.5\ta\tb\tone\ttwo", "a label 0 or 1"),
        ("label\tid1\tid2\ttext1\ttext2", "the label 'label'"),
        ("1\ta\tb\tone", "got 4 columns"),
        ("1\ta\tb\tone\ttwo\tthree", "got 6 columns"),
        ("1\ta\tb\tone\t", "must hold two texts"),
        ("", "got 1 columns"),
    ],
)
def test_bad_pairs(line, message, papers):
    path = papers / "new_aan_pairs.eval.tsv"
    path.write_text(f"1\ta\tb\tone\ttwo\n{line}\n", encoding="utf-8")
    with pytest.raises(ValueError, match=rf"eval\.tsv, line 2.*{message}"):
        lra.retrieval(papers)


def test_pairs_in_another_encoding_and_a_bad_length(papers):
    with pytest.raises(ValueError, match="longest must be at least 2"):
        lra.retrieval(papers, longest=1)
    path = papers / "new_aan_pairs.eval.tsv"
    path.write_bytes(path.read_bytes() + b"1\ta\tb\tcaf\xe9\ttwo\n")
    with pytest.raises(ValueError, match=r"eval\.tsv must be a text file in UTF-8"):
        lra.retrieval(papers)


def test_an_expression_can_end_in_a_token_of_its_own(tmp_path):
    layouts.listops(tmp_path)
    plain, ended = lra.listops(tmp_path), lra.listops(tmp_path, end=True)
    assert lra.END == 16 == len(listops.WORDS)
    for (_, x, y), (_, other, same) in zip(plain.parts(), ended.parts(), strict=True):
        assert torch.equal(y, same)
        assert other.shape == (2, x.shape[1] + 1)
        for row, longer in zip(x.tolist(), other.tolist(), strict=True):
            long = len([token for token in row if token])
            assert longer == [*row[:long], 16, *row[long:]]
    assert torch.equal(ended.lengths_valid, plain.lengths_valid + 1)
    with pytest.raises(TypeError, match="end must be True or False"):
        lra.listops(tmp_path, end="no")
