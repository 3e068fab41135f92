"""The book as a PDF, of the toy book: links that live, an outline, no dead link."""

import pytest
from pypdf import PdfReader

from ssmbook.book import pdf
from tests.ssmbook.toy import ssmbook

pytestmark = pytest.mark.slow  # builds the toy book


@pytest.fixture(scope="module")
def made(place):
    try:
        pdf.chromium()
    except RuntimeError:
        pytest.skip("no Chromium")
    front = place / "book" / "intro.md"
    front.write_text(
        f"{front.read_text(encoding='utf-8')}\n```{{pdf-link}}\n```\n\n"
        "[The toy](rerun.md)\n",
        encoding="utf-8",
    )
    (place / "book" / "rerun.md").write_text(
        "# How to rerun\n\n```{pdf-link} page\n```\n", encoding="utf-8"
    )
    ssmbook(place, "build", "--pdf")
    return place / "_build" / "html"


def test_the_front_page_links_to_it(made):
    assert 'href="../book.pdf"' in (made / "book" / "intro.html").read_text(
        encoding="utf-8"
    )


def test_a_page_that_links_to_its_own_pdf_is_printed(made):
    page = made / "book" / "rerun.html"
    assert 'href="../rerun.pdf"' in page.read_text(encoding="utf-8")
    assert len(PdfReader(made / "rerun.pdf").pages) == 1
    assert {path.stem for path in made.glob("*.pdf")} == {"book", "rerun"}


def test_it_has_an_outline_tags_and_live_links(made):
    book = PdfReader(made / "book.pdf")
    titles = [item.title for item in book.outline if not isinstance(item, list)]
    assert titles
    assert book.trailer["/Root"]["/MarkInfo"]["/Marked"]
    names = {name.lstrip("/") for name in book.named_destinations}
    links = [
        annotation.get_object()
        for page in book.pages
        for annotation in page.get("/Annots", [])
    ]
    inner = [link["/Dest"].lstrip("/") for link in links if "/Dest" in link]
    assert inner
    assert set(inner) <= names


def test_without_it_nothing_links_there(place, made):
    ssmbook(place, "build")
    for name in ("intro", "rerun"):
        page = made / "book" / f"{name}.html"
        assert "pdf-link" not in page.read_text(encoding="utf-8")


def test_without_a_browser_it_says_what_to_install(own, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CHROMIUM", raising=False)
    with pytest.raises(RuntimeError, match="apt install chromium"):
        pdf.chromium()


def test_a_single_page_leads_to_itself(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "intro.html").write_text(
        '<img src="../_images/a.svg"><a href="book/intro.html#here">x</a>',
        encoding="utf-8",
    )
    page = pdf.single_page(tmp_path).read_text(encoding="utf-8")
    assert page == '<img src="_images/a.svg"><a href="#here">x</a>'
