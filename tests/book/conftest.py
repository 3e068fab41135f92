import nbformat
import pytest

from ssmbook.book.chapters import chapters
from ssmbook.book.ledger import load
from tests.conftest import ROOT

CHAPTERS = chapters(ROOT)


@pytest.fixture(params=CHAPTERS)
def chapter(request):
    return CHAPTERS[request.param]


@pytest.fixture
def path(chapter):
    return chapter.path


@pytest.fixture
def node(path):
    return nbformat.read(path, 4)


@pytest.fixture(scope="session")
def ledger():
    return load(ROOT)
