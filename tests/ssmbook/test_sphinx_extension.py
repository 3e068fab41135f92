"""Roles and directives of the pages; what is wrong in one has a file and a line."""

import json
import re

import nbformat
import pytest

from ssmbook.book import build, sphinx
from ssmbook.book.assembly import assemble
from ssmbook.notebook import files
from ssmbook.notebook.executed import Executed
from ssmbook.pages.chapter_page import Page
from ssmbook.pages.site import Site
from tests.ssmbook import toy
from tests.ssmbook.outputs import output_of
from tests.ssmbook.test_rebuild import text_of

NUMBERS = "<metadata>series,x\na &lt; b,2\n</metadata>"
BARE = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><text>x</text></svg>'
SVG = BARE.replace("<text>", NUMBERS + "<text>")
PLACED = "```{glue:figure} curve\nTwice, as a figure.\n```\n\n{numref}`fig-curve`"
INTRO = """# Toy

Twice is {glue:text}`../notebooks/part/toy.ipynb::double:d`. {claim}`twice-is-small`

```{verdict-bar} companion
```

```{chapter-table}
```

```{reading-path}
book/intro, in short: You know the toy.
notebooks/part/toy: You know what is twice.
```

```{figure} _figures/curve.svg
Again. {named-claim}`twice-is-small`
```

```{pdf-link}
```
"""


def figure(name, alt):
    shown = nbformat.v4.new_output("display_data", {"image/svg+xml": SVG})
    shown.data["text/plain"] = alt
    shown.metadata["scrapbook"] = {"name": name, "mime_prefix": ""}
    return shown


def executed(place, *outputs, text="", failure=None):
    """The toy notebook with outputs written by hand, and with more text."""
    path = toy.notebook(place / toy.NOTEBOOK)
    node = nbformat.read(path, 4)
    for count, cell in enumerate(c for c in node.cells if c.cell_type == "code"):
        cell.execution_count = count + 1
    node.cells[2].outputs = list(outputs)
    node.metadata["language_info"] = {"name": "python"}
    if text:
        node.cells.append(nbformat.v4.new_markdown_cell(text))
    nbformat.write(node, path)
    stored = Executed.read(path, failure)
    return {"toy": Page(stored, stored)}


def built(place, pages, **options):
    """Assemble a book and build it; the tree and what Sphinx reports."""
    tree = place / "_build" / "tree"
    assemble(place, tree, pages, **options)
    return tree, sphinx.run(tree)


@pytest.fixture
def book(own):
    """The toy book with a front page that uses each directive."""
    (own / "book" / "intro.md").write_text(INTRO, encoding="utf-8")
    return own


def test_pages_are_copies_and_show_this_run(book):
    records = output_of("double", 4, atol=0), output_of("shifted", 2.5, rtol=1e-6)
    alt = 'Twice: {glue:text}`double:d`, "quoted" # and: more'
    text = f"```{{chapter-claims}}\n```\n\n{PLACED}"
    pages = executed(book, *records, figure("curve", alt), text=text)
    tree, run = built(book, pages, with_pdf=True)
    assert run.returncode == 0, sphinx.failure(tree, run)
    assert (tree / "book" / "intro.md").read_text(encoding="utf-8") == INTRO
    source = nbformat.read(book / toy.NOTEBOOK, 4)
    copied = nbformat.read(tree / toy.NOTEBOOK, 4)
    assert [c.source for c in copied.cells] == [c.source for c in source.cells]

    html = tree / "_build" / "html"
    front = text_of(html / "book" / "intro.html")
    assert "Twice is 4. ✓ reproduced" in front
    assert "Again. twice-is-small ✓ reproduced" in front
    assert "Claims of this paper, 1 in all." in front
    assert "which test our code (1): 1 ✓ reproduced." in front
    assert "Twice. ✓ reproduced" in front.replace("  ", " ")
    assert "Reading time: 2 minutes. Toy (the first screen, 1 minute). You" in front
    assert "A toy (1 minute). You know what is twice." in front
    assert "The whole book as PDF" in front
    chapter = html / "notebooks" / "part" / "toy.html"
    assert "identity: twice n is at most ten" in text_of(chapter)
    assert re.search(r"Fig\. \d", text_of(chapter))
    assert "Kind: theory · Reading time: 1 minute" in text_of(chapter)
    shown = chapter.read_text(encoding="utf-8")
    assert len(re.findall('<img[^>]+alt="Twice: 4, &quot;quoted&quot;', shown)) == 1
    again = (html / "book" / "intro.html").read_text(encoding="utf-8")
    for page, text in {chapter: shown, html / "book" / "intro.html": again}.items():
        assert NUMBERS not in text
        files = re.findall(
            r'<a class="[^"]*download[^"]*" download="" href="([^"]+)', text
        )
        drawn, numbers = ((page.parent / file).resolve() for file in files)
        assert drawn.read_text(encoding="utf-8") == BARE
        assert numbers.read_text(encoding="utf-8") == "series,x\na < b,2\n"
    assert 'alt="Twice: 4, &quot;quoted&quot; # and: more"' in again
    assert 'href="claims.html#claim-twice-is-small"' in again


@pytest.mark.slow
def test_what_a_failed_notebook_did_not_store_is_missing(book):
    pages = executed(book, text=PLACED.partition("\n\n")[0], failure="it stopped")
    tree, run = built(book, pages)
    assert run.returncode == 0, sphinx.failure(tree, run)
    html = tree / "_build" / "html"
    front = text_of(html / "book" / "intro.html")
    assert "Twice is (missing)." in front
    assert "Missing: its notebook failed." in (
        tree / "book" / "_figures" / "curve.svg"
    ).read_text(encoding="utf-8")
    chapter = text_of(html / "notebooks" / "part" / "toy.html")
    assert "Twice is (missing)." in chapter
    assert "It stopped at" in chapter
    assert "The whole book as PDF" not in front


@pytest.mark.slow
def test_a_mistake_in_a_page_is_reported_with_its_line(book):
    (book / "book" / "intro.md").write_text(
        INTRO.replace("twice-is-small", "twice-is-smal").replace(
            "companion", "nobody2020"
        )
        + "\n```{chapter-claims}\n```\n",
        encoding="utf-8",
    )
    (book / "book" / "prerequisites.yml").write_text(
        "toy: [term: nothing]\n", encoding="utf-8"
    )
    records = output_of("double", 4, atol=0), output_of("shifted", 2.5, rtol=1e-6)
    text = "One.\n\nTwo {claim}`none-of-them`."
    pages = executed(book, *records, figure("curve", "alt"), text=text)
    tree, run = built(book, pages)
    assert run.returncode != 0
    said = sphinx.failure(tree, run)
    for line in (
        "book/intro.md:3: WARNING: there is no claim 'twice-is-smal'; did you mean "
        "'twice-is-small'?",
        "book/intro.md:5: WARNING: there is no claim of the paper 'nobody2020'; there "
        "are companion",
        "book/intro.md:23: WARNING: chapter-claims belongs on the page of a chapter: "
        "intro is none",
        "book/prerequisites.yml:: WARNING: term not in glossary: 'nothing'",
        "notebooks/part/toy.ipynb, cell 6, line 3: WARNING: there is no claim "
        "'none-of-them'; there are twice-is-small",
    ):
        assert line in said


def test_a_tree_that_ssmbook_did_not_write_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match="build the book by `ssmbook build`"):
        Site.read(tmp_path)


def test_each_executed_notebook_is_read_once(place, monkeypatch):
    """Also with many chapters, and where the text was edited since the run."""
    chapters = [f"toy{k}" for k in range(5)]
    for slug in chapters:
        path = place / "notebooks" / "part" / f"{slug}.ipynb"
        toy.notebook(path)
        node = nbformat.read(path, 4)
        for count, cell in enumerate(c for c in node.cells if c.cell_type == "code"):
            cell.execution_count = count + 1
        node.cells[2].outputs = [output_of("double", 4, atol=0)]
        nbformat.write(node, path)
    (place / toy.NOTEBOOK).unlink()
    toc = "".join(f"  - file: notebooks/part/{slug}\n" for slug in chapters)
    (place / "_toc.yml").write_text(
        toy.TOC.replace("  - file: notebooks/part/toy\n", toc), encoding="utf-8"
    )
    (place / "book" / "claims" / "toy.yml").rename(
        place / "book" / "claims" / "toy0.yml"
    )
    (place / "book" / "findings.yml").write_text(
        "".join(f"{slug}: Twice.\n" for slug in chapters), encoding="utf-8"
    )
    (place / "book" / "prerequisites.yml").write_text(
        "toy0: []\n" + "".join(f"toy{k}: [toy{k - 1}]\n" for k in range(1, 5)),
        encoding="utf-8",
    )
    read = []
    plain = files.notebook_of

    def counted(content, where):
        read.append(str(where))
        return plain(content, where)

    monkeypatch.setattr(files, "notebook_of", counted)
    assemble(place, place / "_build" / "tree", build.stored(place))
    assert len(read) == len(set(read)) == len(chapters)
    data = json.loads((place / "_build" / "tree" / "ssmbook.json").read_text("utf-8"))
    assert data["needs"]["notebooks/part/toy1"] == [["doc", "/notebooks/part/toy0"]]
    assert data["verdicts"] == {"twice-is-small": "reproduced"}
