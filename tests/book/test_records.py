"""Every recorded figure is held, and every measured number in text is pasted."""

import ast
import math
import re
from dataclasses import replace
from functools import cache

import nbformat
import pytest
import yaml

from ssmbook.ledger.verdicts import judge, states, verdict
from ssmbook.notebook import comparison, glue
from ssmbook.notebook.executed import Executed, output_records
from ssmbook.notebook.recorded import ERRORS, Record
from ssmbook.pages import badges
from ssmbook.runs import studies
from tests.book.conftest import CHAPTERS
from tests.conftest import ROOT

LONGER = studies.read(ROOT)
#: how many times its tolerance a record is moved by
FAR = 10


def code(node):
    return [c for c in node.cells if c.cell_type == "code"]


def records(node):
    return {k: r for c in code(node) for k, r in output_records(c.outputs).items()}


def test_each_record_has_a_tolerance_or_a_claim(node, chapter, ledger):
    judged = {k for c in ledger if c.notebook == chapter.slug for k in c.keys}
    idle = [k for k, r in records(node).items() if not r.held and k not in judged]
    assert not idle, "held by nothing: give rtol, atol or se, or a claim"


def far(record):
    """Values far beyond a record's tolerance, on both sides."""
    slack = 0.0
    if record.se is not None:
        slack = record.se * ERRORS * 2**0.5
    elif record.atol is not None:
        slack = record.atol
    elif record.rtol is not None:
        slack = record.rtol * abs(record.value)
    step = FAR * slack or 1e-9 + 1e-9 * abs(record.value)
    return record.value - step, record.value + step


def judged(claim, values):
    """The verdict on values that have no error."""
    exact = {k: Record(v) for k, v in values.items()}
    n = len(claim.expect)
    found = states(claim.predictions, exact)
    return verdict(claim, found[:n], found[n:])


def test_each_record_moved_is_caught(node, chapter, ledger):
    """By nbval's comparison where it has a tolerance, else by a verdict."""
    own = [c for c in ledger if c.notebook == chapter.slug]
    values = {k: r.value for k, r in records(node).items()}
    for cell in code(node):
        for key, record in output_records(cell.outputs).items():
            if record.held:
                for value in far(record):
                    moved = Record(value, **record.tolerance)
                    assert not record.agrees(moved), key
                    assert not moved.agrees(record), key
            else:
                assert caught(own, values, key), key
    assert not comparison.differences([], [])


def caught(claims, values, key):
    """Whether some value, however far, changes a verdict."""
    scale = 1 + abs(values[key])
    tried = [values[key] + sign * scale * 10.0**k for sign in (-1, 1) for k in range(9)]
    tried += [-1000 * values[key] - 7]
    return any(
        judged(claim, values | {key: value}) != judged(claim, values)
        for claim in claims
        if key in claim.keys
        for value in tried
    )


def test_nbval_s_comparison_sees_a_moved_record(node):
    """The same through the outputs as they are stored, one record a notebook."""
    for cell in code(node):
        for key, record in output_records(cell.outputs).items():
            if record.held:
                moved = [nbformat.from_dict(dict(o)) for o in cell.outputs]
                for output in moved:
                    name = output.get("metadata", {}).get("scrapbook", {}).get("name")
                    if name == key:
                        mime = glue.PREFIX + "text/plain"
                        output.data = {mime: repr(far(record)[1])}
                (line,) = comparison.differences(cell.outputs, moved)
                assert line.startswith(f"record {key!r}: stored")
                return
    pytest.fail("no record with a tolerance")


def test_standard_errors_are_measured_not_typed(node):
    for cell in code(node):
        for call in ast.walk(ast.parse(cell.source)):
            if isinstance(call, ast.Call) and "record" in ast.unparse(call.func):
                for keyword in call.keywords:
                    if keyword.arg == "se":
                        names = [n for n in ast.walk(keyword.value)
                                 if isinstance(n, ast.Name)]  # fmt: skip
                        assert names, ast.unparse(call)


def test_records_are_pasted_or_judged(node, chapter, ledger, pasted):
    """A record that nobody reads is dead."""
    used = {k for c in ledger if c.notebook == chapter.slug for k in c.keys}
    for document, key in pasted:
        if document.endswith(f"{chapter.slug}.ipynb"):
            used.add(key.removeprefix(studies.PREFIX))
    if chapter.slug in LONGER:
        used.add("spot")
    assert set(records(node)) <= used


@pytest.fixture(scope="module")
def texts(root, ledger):
    """(chapter or None, document, text) of all that pastes."""
    return [*all_texts(root, ledger)]


@pytest.fixture(scope="module")
def pasted(texts):
    """(document, key) of each record that a text shows."""
    return {
        (named or document, key)
        for _, document, text in texts
        for named, key, _ in glue.roles(text)
    }


def all_texts(root, ledger):
    for slug, chapter in CHAPTERS.items():
        node = nbformat.read(chapter.path, 4)
        for cell in node.cells:
            if cell.cell_type == "markdown":
                yield slug, chapter.document, cell.source
        for _, alt in Executed(chapter.path, node).figures.values():
            yield slug, chapter.document, alt
        yield slug, chapter.document, findings(root)[slug]
    for claim in ledger:
        yield claim.notebook, CHAPTERS[claim.notebook].document, claim.why
    for page in (root / "book").glob("*.md"):
        yield None, "", page.read_text(encoding="utf-8")


#: mathematics and code may hold parameters; AR(0.9) and Theorem 4.1 are names
_EXEMPT = re.compile(
    r"^```\w[^\n]*\n.*?^```$|^:*`{3,}[^\n]*$"  # code; fences of directives
    r"|\$\$.*?\$\$|\$[^$]*\$|\{[a-z:]+\}`[^`]*`|`[^`]*`|\b[A-Z]+\([\d.]+\)"
    r"|\b(?:Theorem|Section) [\d.]+",
    re.S | re.M,
)
_TYPED = re.compile(r"(?<![\w.])\.?\d+\.\d+(?![\w.])|(?<![\w.])\.\d+|\d+e-?\d+")


def typed(text):
    """Decimals in a text that are neither pasted nor mathematics."""
    return _TYPED.findall(_EXEMPT.sub("", text))


def test_typed_numbers_are_found():
    assert typed("falls to 0.44 and 1e-7, of .5") == ["0.44", "1e-7", ".5"]
    assert not typed("AR(0.9) at $0.1$: {glue:text}`x:.2f`, `dt=0.3`, 64 modes, 1/2")
    figure = "```{{glue:figure}} a\n{} and `x = 0.5`\n```\n"
    assert not typed(
        figure.format("{glue:text}`x:.1f` of `y`") + "```python\ndt = 0.3\n```"
    )
    assert typed(figure.format("0.7 of {glue:text}`x:.1f`")) == ["0.7"]


def test_no_measured_number_is_typed(chapter, texts):
    """Neither in prose nor in alt texts, captions and the ledger's reasons."""
    for slug, _, text in texts:
        if slug == chapter.slug:
            text = re.sub(r"\d{4}\.\d{5}|https?://\S+", "", text)
            found = [t for t in typed(text) if t not in ("2.3",)]
            assert not found, text[:200]


def test_every_figure_has_alt_text_written_once(node, path, root):
    shown = Executed(path, node).figures
    assert shown
    pages = "\n".join(
        p.read_text(encoding="utf-8") for p in (root / "book").glob("**/*.md")
    )
    for name, (_, alt) in shown.items():
        assert len(alt) > 60
        assert f":alt: {alt[:30]}" not in pages, name
    assert not re.search(r"_figures/[\w-]+\.svg\n:alt:", pages)
    for cell in node.cells:
        assert "mystnb" not in cell.metadata


# The ledger


def test_every_verdict_follows_from_the_records(ledger):
    stored = {slug: Executed.read(c.path) for slug, c in CHAPTERS.items()}
    wrong = [j for j in judge(ledger, stored, LONGER) if not j.agrees]
    assert {j.claim.id: (j.verdict, j.claim.verdict) for j in wrong} == {}


def test_the_ledger_is_not_all_praise(ledger):
    assert sum(c.notebook in ("timescale", "real-sequences") for c in ledger) >= 8
    assert any(c.verdict == "qualified" and c.kind == "paper" for c in ledger)
    assert any(c.verdict == "not reproduced" for c in ledger)


def test_no_edge_is_beyond_every_figure(ledger):
    """An end at infinity is written as `above` or `below`."""
    for claim in ledger:
        if claim.evidence != "training":
            for e in claim.predictions:
                assert all(abs(end) < 1e6 for end in e.between or ()), e


def test_papers_are_in_the_bibliography(ledger, root):
    entries = (root / "book" / "references.bib").read_text(encoding="utf-8")
    for claim in ledger:
        assert claim.about == "companion" or f"{{{claim.about}," in entries


def moved(expectation, values):
    """Values under which an expectation that holds fails."""
    key = expectation.keys[0]
    if len(expectation.keys) > 1:
        return values | {key: max(values[k] for k in expectation.keys) + 1}
    low, high = expectation.ends
    if math.isinf(high):
        return values | {key: low - max(1.0, abs(low))}
    return values | {key: high + max(1.0, abs(high))}


def inside(expectation):
    """Values under which it holds."""
    middle = sum(expectation.ends) / 2
    return {key: middle + k for k, key in enumerate(expectation.keys)}


def test_each_record_moved_out_of_its_interval_flips_the_verdict(ledger):
    """Without errors and reruns: where all hold, each of them alone decides."""
    for claim in (replace(claim, reruns=None) for claim in ledger):
        if claim.verdict == "not testable here" or claim.judged_on == "study":
            continue
        known = Executed.read(CHAPTERS[claim.notebook].path).records
        values = {key: r.value for key, r in known.items()}
        for expectation in claim.predictions:
            if not expectation.holds(values):
                values |= inside(expectation)
        assert judged(claim, values) in ("reproduced", "qualified"), claim.id
        for expectation in claim.predictions:
            flipped = judged(claim, moved(expectation, values))
            assert flipped in ("not reproduced", "limits do not hold"), claim.id


# Findings in short


def sentences(text):
    """Of Markdown prose; a full stop within a role or a number ends none."""
    text = " ".join(text.split())
    return [s for s in re.split(r"(?<=[.}`])\s*(?<=\.)\s+", text) if s]


def in_short(node):
    """The section of a chapter that states its findings, without figures."""
    text = "\n".join(c.source for c in node.cells if c.cell_type == "markdown")
    found = re.search(r"## In short\n(.*?)(?=```|\n## |\Z)", text, re.S)
    return found[1].strip() if found else None


def rests_on(text, ledger, slug):
    """sentence -> the claims of a chapter that it names."""
    own = {c.id for c in ledger if c.notebook == slug}
    return {s: set(badges.cited(s)) & own for s in sentences(text)}


def test_each_finding_in_short_names_its_claim(node, chapter, ledger):
    text = in_short(node)
    if text is None:
        pytest.skip("has no section In short yet")
    found = rests_on(text, ledger, chapter.slug)
    assert [s for s, claims in found.items() if not claims] == []
    text = re.sub(r"\{term\}`([^`<]*)[^`]*`", r"\1", text)
    words = re.sub(r"\{claim\}`[^`]*`|\$[^$]*\$", "", text).split()
    assert len(words) <= 60
    assert len(list(glue.roles(text))) <= 4


def crowded(text):
    """Paragraphs and items of a list that paste more than four numbers."""
    parts = re.split(r"\n\s*\n|\n(?=- )", text)
    return [
        part
        for part in parts
        if not part.lstrip().startswith("|") and len(list(glue.roles(part))) > 4
    ]


def test_a_paragraph_pastes_at_most_four_numbers(node):
    for cell in node.cells:
        if cell.cell_type == "markdown":
            assert crowded(cell.source) == []


def test_a_crowded_paragraph_is_found():
    few = "{glue:text}`a` and {glue:text}`b`, " * 2
    assert crowded(few) == []
    assert crowded(f"first\n\n{few}{{glue:text}}`c`") != []
    assert crowded(f"| {few} | {few} |\n|---|---|") == []


def test_a_sentence_without_a_claim_is_found(ledger):
    slug = ledger[0].notebook
    text = f"It holds {{claim}}`{ledger[0].id}`. It is large, by\n{{glue:text}}`x:.1f`."
    first, second = rests_on(text, ledger, slug).values()
    assert first == {ledger[0].id}
    assert not second


@cache
def findings(root):
    """What the front page says of each chapter."""
    return yaml.safe_load((root / "book" / "findings.yml").read_text(encoding="utf-8"))


def test_a_chapter_s_finding_is_short_and_rests_on_its_claims(chapter, root, ledger):
    text = findings(root)[chapter.slug]
    own = {claim.id for claim in ledger if claim.notebook == chapter.slug}
    assert set(badges.cited(text)) & own == set(badges.cited(text)) != set()
    assert len(re.sub(r"\{claim\}`[^`]*`", "", text).split()) <= 15
