"""The chapters: their form, their place in the book, their profiles."""

import re

import nbformat
import pytest

from ssmbook.book import build
from ssmbook.notebook import parameters
from ssmbook.notebook.chapters import chapters, find
from ssmbook.notebook.executed import output_records, records
from ssmbook.runs.storing import longest_first
from tests.book.conftest import CHAPTERS

PATHS = {slug: chapter.path for slug, chapter in CHAPTERS.items()}


def cells(node, kind):
    return [c for c in node.cells if c.cell_type == kind]


def tags(cell):
    return cell.metadata.get("tags", [])


def test_toc_orders_the_chapters_and_numbers_them(root):
    toc = (root / "_toc.yml").read_text(encoding="utf-8")
    assert re.findall(r"notebooks/\S+/(\S+)", toc) == list(CHAPTERS)
    assert [c.number for c in CHAPTERS.values()] == list(range(1, len(CHAPTERS) + 1))
    for number, (slug, path) in enumerate(PATHS.items(), 1):
        assert find(root, slug) == find(root, str(number)) == path


def missing(root, slug):
    """Return the files that each chapter needs and that do not have this one."""
    keys = {
        "notebooks/full.yml": f"{slug}:",
        "notebooks/smoke.yml": f"{slug}:",
        "book/findings.yml": f"{slug}:",
        "book/prerequisites.yml": f"{slug}:",
        "_toc.yml": f"/{slug}",
    }
    found = [
        name
        for name, key in keys.items()
        if not re.search(
            rf"(^|\S){re.escape(key)}(\s|$)", (root / name).read_text("utf-8"), re.M
        )
    ]
    claims = f"book/claims/{slug}.yml"
    return found + [claims] * (not (root / claims).is_file())


def test_each_chapter_is_in_each_file_that_lists_chapters(root, path):
    assert missing(root, path.stem) == []


def test_a_file_that_a_chapter_is_missing_in_is_named(root):
    assert missing(root, "no-such-chapter") == [
        "notebooks/full.yml",
        "notebooks/smoke.yml",
        "book/findings.yml",
        "book/prerequisites.yml",
        "_toc.yml",
        "book/claims/no-such-chapter.yml",
    ]


def test_a_notebook_that_is_not_listed_is_refused(tmp_path):
    (tmp_path / "notebooks" / "part").mkdir(parents=True)
    for name in ("a", "b"):
        (tmp_path / "notebooks" / "part" / f"{name}.ipynb").touch()
    (tmp_path / "_toc.yml").write_text(
        "chapters: [{file: notebooks/part/a}]", encoding="utf-8"
    )
    with pytest.raises(ValueError, match=r"disagree on notebooks/part/b.ipynb"):
        chapters(tmp_path)


def test_no_file_counts_chapters(root):
    """A chapter has a name; its number is what _toc.yml makes it."""
    listed = [*root.glob("book/**/*.md"), *root.glob("book/**/*.yml")]
    listed += [
        *root.glob("notebooks/*.yml"),
        *root.glob("ss*/**/*.py"),
        *PATHS.values(),
    ]
    for path in listed:
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"[Nn]otebooks? \d|chapters? \d|(?<!-)\b[01]\d-[a-z]{4}", text
        ), path


def test_notebook_is_executed_in_order_without_errors(node, path):
    code = cells(node, "code")
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
    assert records(path)


def test_notebook_has_its_form(node, path):
    assert 12 <= len(node.cells) <= 32
    declared = parameters.interface(path)
    assert declared["seed"].default == 0
    assert declared["device"].choices == ("cpu", "cuda")
    last = cells(node, "code")[-1]
    assert last.source == "run.footer(seed=seed)"
    assert "nbval-ignore-output" in tags(last)
    text = "\n".join(c.source for c in cells(node, "markdown"))
    assert "What would change the answer" in text


def test_cells_whose_output_is_not_compared_record_nothing(node):
    for cell in cells(node, "code"):
        if "nbval-ignore-output" in tags(cell):
            assert not output_records(cell.outputs)
        assert "nbval-skip" not in tags(cell)


def test_three_figures_have_captions(node):
    placed = sum(c.source.count("{glue:figure}") for c in cells(node, "markdown"))
    assert placed >= 3


def test_code_fits_the_page(node):
    for cell in cells(node, "code"):
        lines = cell.source.splitlines()
        assert max(map(len, lines)) <= 72
        assert len(lines) <= 62


RERUN = re.compile(r"\.venv/bin/ssmbook run ([a-z]\S*)((?: -p \w+=[\w.+-]*\w)+)")


def reruns(text):
    """(chapter, its parameters that change) of each command that a text shows."""
    for slug, options in RERUN.findall(text):
        known = parameters.interface(PATHS[slug])
        chosen = dict(option.split("=") for option in re.findall(r"-p (\S+)", options))
        given = {n: parameters.from_text(known[n], v, slug) for n, v in chosen.items()}
        values = parameters.check(known, given, slug)
        yield slug, {n: v for n, v in values.items() if v != known[n].default}


def test_each_notebook_ends_in_three_lines_to_try(node, path):
    _, section = cells(node, "markdown")[-1].source.split("## Try it")
    lines = re.findall(r"^- `(.*)`: (.{20,})$", section, re.M)
    assert len(lines) == 3
    found = [*reruns("\n".join(line for line, _ in lines))]
    assert {slug for slug, _ in found} == {path.stem}
    assert all(changed for _, changed in found)
    assert len({str(changed) for _, changed in found}) == 3


def test_commands_on_pages_fit_the_interfaces(root):
    pages = [*(root / "book").glob("*.md"), root / "README.md"]
    found = [r for page in pages for r in reruns(page.read_text(encoding="utf-8"))]
    assert all(changed for _, changed in found)
    assert len(found) > 1


# Profiles


@pytest.mark.parametrize("name", ["full", "smoke"])
def test_profiles_fit_the_interfaces(name, root):
    chosen = parameters.profile(root / "notebooks" / f"{name}.yml", PATHS)
    assert set(chosen) == set(CHAPTERS)


def test_full_scale_is_judged(ledger, root):
    chosen = parameters.profile(root / "notebooks" / "full.yml", PATHS)
    for claim in ledger:
        for name, (low, high) in claim.valid_for.items():
            value = chosen[claim.notebook].get(name)
            assert value is None or low <= value <= high, (claim.id, name, value)


def test_a_profile_with_an_unknown_parameter_is_refused(tmp_path):
    bad = tmp_path / "bad.yml"
    bad.write_text("timescale: {lenght: 3}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no parameter lenght; there are L_max"):
        parameters.profile(bad, PATHS)
    for text in ("timescale: 512\n", "[1, 2]\n", "a: [\n"):
        bad.write_text(text, encoding="utf-8")
        with pytest.raises(ValueError, match=r"must map notebooks|is not YAML"):
            parameters.profile(bad, PATHS)
    bad.write_text("nothing: {}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="no notebook nothing"):
        parameters.profile(bad, PATHS)


@pytest.mark.slow
def test_smoke_runs_record_the_same_keys(path, root, run_cells):
    profile = parameters.profile(root / "notebooks" / "smoke.yml", PATHS)[path.stem]
    assert run_cells(path, profile) == set(records(path))


# The build


def test_pages_that_load_from_outside_or_leave_markup_are_named(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<script src="https://example.org/x.js"></script><p>{glue:text}`k`</p>',
        encoding="utf-8",
    )
    problems = build.check_pages(tmp_path)
    assert any("loads" in line for line in problems)
    assert any("leftover" in line for line in problems)
    page.write_text("<p>plain</p><code>{glue:text}`k`</code>", encoding="utf-8")
    assert build.check_pages(tmp_path) == []


@pytest.mark.slow
def test_the_longest_notebook_runs_first(root):
    order = [c.slug for c in longest_first(CHAPTERS.values())]
    assert sorted(order) == sorted(CHAPTERS)
    assert order.index("sequential-mnist") < order.index("state-space-models")
    planned = [job.notebook for job in build.plan(root, None, None)]
    assert planned == order


def test_nodes_are_valid():
    for path in PATHS.values():
        nbformat.validate(nbformat.read(path, 4))


def test_a_long_cell_folds(node):
    """What a reader sees without opening it has at most 15 lines."""
    for cell in node.cells:
        tags = cell.metadata.get("tags", [])
        if cell.cell_type == "code" and not {"hide-input", "parameters"} & set(tags):
            assert len(cell.source.splitlines()) <= 15, cell.source[:200]
