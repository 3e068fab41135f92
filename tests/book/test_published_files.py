"""The long-range chapter on files of the Long Range Arena's form."""

import pytest

from ssmbook.notebook import parameters
from ssmbook.notebook.executed import Executed
from ssmlib.tasks import listops
from tests.book.conftest import CHAPTERS

SLUG = "long-range"


@pytest.fixture
def listops_folder(tmp_path):
    """Longer and deeper than what the chapter draws, so that no bound of it fits."""
    bounds = {"min_length": 20, "max_length": 50, "max_depth": 6, "max_args": 6}
    made = listops.generate(200, seed=1, **bounds)
    pairs = list(zip(map(listops.text, made.tokens), made.values.tolist(), strict=True))
    cuts = {"train": pairs[:120], "val": pairs[120:160], "test": pairs[160:]}
    for name, part in cuts.items():
        lines = [f"( {text} )\t{value}" for text, value in part]
        file = tmp_path / f"basic_{name}.tsv"
        file.write_text("\n".join(["Source\tTarget", *lines]) + "\n", encoding="utf-8")
    return tmp_path


@pytest.mark.slow
def test_the_chapter_runs_on_a_folder_of_expressions(listops_folder, root, run_cells):
    paths = {slug: chapter.path for slug, chapter in CHAPTERS.items()}
    values = parameters.profile(root / "notebooks" / "smoke.yml", paths)[SLUG]
    values |= {"data": str(listops_folder)}
    assert run_cells(paths[SLUG], values) >= set(Executed.read(paths[SLUG]).records)
