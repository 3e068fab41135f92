"""A chapter's kind, reading time and prerequisites, and paths through the book."""

from pathlib import Path

import pytest

from ssmbook.book.assembly import assemble
from ssmbook.notebook.chapters import Chapter
from ssmbook.pages import reading
from tests.ssmbook.outputs import output_of
from tests.ssmbook.test_sphinx_extension import executed

CHAPTERS = {
    slug: Chapter(slug, number, f"notebooks/part/{slug}.ipynb", Path(f"{slug}.ipynb"))
    for number, slug in enumerate(("one", "two", "three", "four", "five"), 1)
}
GOOD = "one: []\ntwo: [one]\nthree: [one, two]\nfour: []\nfive: [{term: white noise}]\n"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("word " * 200, 60),
        ("# A title\n\nOne formula $\\tfrac 12 x$ here.", 6 * 0.3),
        ("Here:\n\n$$a = b\n+ c$$\n\nand $$d$$", 2 * 0.3 + 2 * 20),
        ("```{glue:figure} name\n:name: x\nA caption.\n```\nText.", 3 * 0.3 + 20),
        (":::{figure} a.svg\nA caption.\n:::", 2 * 0.3 + 20),
        ("Run:\n\n```bash\nmake book\nmake test\n```\n\nDone.", 2 * 0.3),
        ("~~~\nx = 1\n~~~\nDone.", 0.3),
        (
            ":::{dropdown} Solution\nIt is so.\n\n```python\n"
            "# ```{glue:figure} no\nx = 1\n```\n:::\nMore words.",
            5 * 0.3,
        ),
    ],
)
def test_words_figures_and_formulas_take_time_and_code_takes_none(text, seconds):
    assert reading.seconds(text) == pytest.approx(seconds)


def test_minutes_are_rounded_up_and_the_first_screen_ends_at_the_second_section():
    text = f"# Title\n\nA question.\n\n## In short\n\n{'a ' * 197}\n\n## More\n\nEnd."
    assert reading.minutes(text) == (2, 2)
    assert reading.minutes(text + " b" * 300) == (2, 3)
    assert reading.minutes("# Title") == (1, 1)


@pytest.mark.parametrize(
    ("evidence", "kind"),
    [
        (["identity", "training", "measurement"], "training"),
        (["identity", "measurement"], "measurement without training"),
        (["identity"], "theory"),
        ([], None),
    ],
)
def test_the_most_demanding_evidence_gives_the_kind(evidence, kind):
    assert reading.kind(evidence) == kind


@pytest.fixture
def needs(tmp_path):
    """The prerequisites that a text gives, in a file of a folder of its own."""

    def read(text):
        path = tmp_path / "prerequisites.yml"
        path.write_text(text, encoding="utf-8")
        return reading.prerequisites(path, CHAPTERS)

    return read


def test_prerequisites_are_chapters_and_terms(needs):
    found = needs(GOOD)
    assert list(found) == list(CHAPTERS)
    assert found["three"] == [
        ("doc", "/notebooks/part/one"),
        ("doc", "/notebooks/part/two"),
    ]
    assert found["five"] == [("term", "white noise")]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("five: [{term: white noise}]\n", "", "the chapter five is missing"),
        ("five:", "six: []\nfive:", "'six' is no chapter of _toc.yml"),
        ("[one, two]", "[one, zero]", "three: 'zero' is neither a chapter"),
        ("[one, two]", "one", "three must be a list of at most 3"),
        ("[one, two]", "[one, one]", "three: 'one' is listed twice"),
        ("[one, two]", "[[one]]", "is neither a chapter"),
        ("{term: white noise}", "{term: 3}", "is neither a chapter"),
        ("{term: white noise}", "{word: noise}", "is neither a chapter"),
        ("{term: white noise}", "one, two, three, four", "five must be a list"),
        ("two: [one]", "two: [four]", "two presupposes four, which comes later"),
        ("two: [one]", "two: [two]", "presuppose each other: two -> two"),
        (
            "one: []",
            "one: [two]",
            "chapters presuppose each other: one -> two -> one",
        ),
        (GOOD, "[one]", "must map each chapter to a list"),
        ("two: [one]", "two: [one", "is not YAML"),
    ],
)
def test_a_bad_file_of_prerequisites_is_named(needs, old, new, said):
    assert old in GOOD
    with pytest.raises(ValueError) as caught:
        needs(GOOD.replace(old, new))
    assert "prerequisites.yml" in str(caught.value)
    assert said in str(caught.value)


def test_a_book_with_bad_prerequisites_is_not_assembled(own):
    (own / "book" / "prerequisites.yml").write_text("toy: [toys]", encoding="utf-8")
    records = output_of("double", 4, atol=0), output_of("shifted", 2.5, rtol=1e-6)
    pages = executed(own, *records)
    with pytest.raises(ValueError, match=r"prerequisites\.yml: toy: 'toys' is neither"):
        assemble(own, own / "_build" / "tree", pages)


KNOWN = {"book/intro": (2, 7), "notebooks/part/one": (1, 10)}


def test_a_path_sums_the_minutes_of_its_steps():
    steps = ["book/intro, in short: You know: this.", "", "notebooks/part/one: And it."]
    assert reading.path(steps, KNOWN).splitlines() == [
        "Reading time: 12 minutes.",
        "",
        "1. {doc}`/book/intro` (the first screen, 2 minutes). You know: this.",
        "1. {doc}`/notebooks/part/one` (10 minutes). And it.",
    ]
    one = reading.path(["notebooks/part/one, in short: It."], KNOWN)
    assert one.startswith("Reading time: 1 minute.\n")


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ("book/intro", "a step must read `DOCUMENT: SENTENCE`"),
        ("book/intro, in brief: You know.", "a step must read"),
        ("book/intr: You know.", "there is no page 'book/intr'"),
        ("", "a path must have a step"),
    ],
)
def test_a_bad_step_is_named(step, said):
    with pytest.raises(ValueError, match=said):
        reading.path([step], KNOWN)
