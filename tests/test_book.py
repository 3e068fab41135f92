"""The book: its notebooks' form, its ledger, its profiles, its build."""

import re
import shutil
from dataclasses import replace

import nbformat
import pytest

from ssmlib.companion import build, claims, execution, parameters, runs, tree
from ssmlib.companion.records import figures_of, output_records, records
from ssmlib.companion.stores import Folder

STEMS = [
    "01-state-space-models",
    "02-initialization-schemes",
    "03-timescale",
    "04-real-sequences",
    "05-zero-real-part",
    "06-imaginary-part",
    "07-approximation-estimation",
    "08-sequential-mnist",
    "09-sequence-length",
    "10-real-series",
    "11-deeper-and-nonlinear",
    "12-questions",
]


@pytest.fixture(params=STEMS)
def path(request, root):
    return root / "notebooks" / f"{request.param}.ipynb"


def cells(path, kind):
    return [c for c in nbformat.read(path, 4).cells if c.cell_type == kind]


def tags(cell):
    return cell.metadata.get("tags", [])


def test_every_notebook_is_listed_and_in_the_book(root):
    assert list(build.notebooks(root)) == STEMS
    toc = (root / "_toc.yml").read_text()
    assert re.findall(r"notebooks/(\S+)", toc) == STEMS


def test_notebook_is_executed_in_order_without_errors(path):
    code = cells(path, "code")
    assert [c.execution_count for c in code] == list(range(1, len(code) + 1))
    for cell in code:
        for output in cell.outputs:
            assert output.output_type != "error"
            assert output.get("name") != "stderr"
    assert records(path)


def test_notebook_has_its_form(path):
    node = nbformat.read(path, 4)
    assert 12 <= len(node.cells) <= 32
    declared = parameters.interface(path)
    assert declared["seed"].default == 0
    assert declared["device"].choices == ("cpu", "cuda")
    last = cells(path, "code")[-1]
    assert last.source == "run.footer()"
    assert "nbval-ignore-output" in tags(last)
    text = "\n".join(c.source for c in cells(path, "markdown"))
    assert "What would change the answer" in text


def test_cells_whose_output_is_not_compared_record_nothing(path):
    for cell in cells(path, "code"):
        if "nbval-ignore-output" in tags(cell):
            assert not output_records(cell.outputs)
        assert "nbval-skip" not in tags(cell)


def test_every_figure_has_alt_text(path):
    assert figures_of(nbformat.read(path, 4))
    for cell in cells(path, "code"):
        if any("image/svg+xml" in o.get("data", {}) for o in cell.outputs):
            alt = cell.metadata["mystnb"]["image"]["alt"]
            assert len(alt) > 60


def test_code_fits_the_page(path):
    for cell in cells(path, "code"):
        lines = cell.source.splitlines()
        assert max(map(len, lines)) <= 72
        assert len(lines) <= 60


def test_no_measured_number_is_typed_into_prose(path):
    """Decimals in prose are parameters or theory; measured ones are pasted."""
    for cell in cells(path, "markdown"):
        prose = re.sub(r"\$\$.*?\$\$|\$[^$]*\$|`[^`]*`", "", cell.source, flags=re.S)
        assert not re.findall(r"(?<![\w.])\d+\.\d{2,}", prose)


def test_records_are_pasted_or_judged_or_shown(path, root):
    """A record that nobody reads is dead."""
    used = set(re.findall(r"`(?:[^`:]*::)?([a-z]\w*)(?::[^`]*)?`", all_prose(root)))
    for claim in claims.load(root / "book" / "claims.yml"):
        used |= set(claim.keys)
    assert set(records(path)) <= used


def all_prose(root):
    pages = [p.read_text() for p in (root / "book").glob("*.md")]
    for notebook in build.notebooks(root).values():
        pages += [c.source for c in cells(notebook, "markdown")]
    return "\n".join(pages)


# The ledger


@pytest.fixture(scope="module")
def ledger(root):
    return claims.load(root / "book" / "claims.yml")


def test_every_verdict_follows_from_the_records(ledger, root):
    for judged in claims.judge(ledger, root / "notebooks"):
        assert judged.found == judged.claim.verdict, judged.claim.id


def test_the_ledger_is_not_all_praise(ledger):
    assert sum(c.notebook[:2] in ("03", "04") for c in ledger) >= 8
    assert any(c.verdict == "qualified" and c.paper != "companion" for c in ledger)


def test_papers_are_in_the_bibliography(ledger, root):
    entries = (root / "book" / "references.bib").read_text()
    for claim in ledger:
        assert claim.paper == "companion" or f"{{{claim.paper}," in entries


def moved(expectation, values):
    """Values under which an expectation that holds fails."""
    key = expectation.keys[0]
    if len(expectation.keys) > 1:
        return values | {key: max(values[k] for k in expectation.keys) + 1}
    return values | {key: expectation.high + max(1.0, abs(expectation.high))}


def test_each_record_moved_out_of_its_interval_flips_the_verdict(ledger, root):
    for claim in ledger:
        path = root / "notebooks" / f"{claim.notebook}.ipynb"
        values = {key: r.value for key, r in records(path).items()}
        if claim.verdict == "not reproduced":
            for expectation in claim.expect:
                if not expectation.holds(values):
                    values |= {
                        key: (expectation.low + expectation.high) / 2 + k
                        for k, key in enumerate(expectation.keys)
                    }
            assert claims.verdict(claim, values) != claim.verdict, claim.id
            continue
        for expectation in (*claim.expect, *claim.limits):
            if expectation.holds(values):
                found = claims.verdict(claim, moved(expectation, values))
                assert found != claim.verdict, (claim.id, expectation.keys)


def test_a_changed_verdict_is_seen(ledger, root):
    wrong = replace(ledger[0], verdict="not testable here")
    (judged,) = claims.judge([wrong], root / "notebooks")
    assert judged.found != judged.claim.verdict


# Profiles


@pytest.mark.parametrize("name", ["full", "smoke"])
def test_profiles_fit_the_interfaces(name, root):
    found = build.notebooks(root)
    chosen = parameters.profile(root / "notebooks" / f"{name}.yml", found)
    assert set(chosen) == set(found)


def test_full_scale_is_judged(ledger, root):
    found = build.notebooks(root)
    chosen = parameters.profile(root / "notebooks" / "full.yml", found)
    for claim in ledger:
        for name, (low, high) in claim.valid_for.items():
            value = chosen[claim.notebook].get(name)
            assert value is None or low <= value <= high, (claim.id, name, value)


def test_each_notebook_ends_with_a_line_that_reruns_it(path):
    line = re.compile(r"To rerun this page .*`\.venv/bin/ssmbook run (\d+) (.*?)`")
    number, options = line.search(cells(path, "markdown")[-1].source).groups()
    assert path.stem.startswith(number)
    known = parameters.interface(path)
    chosen = dict(option.split("=") for option in re.findall(r"-p (\S+)", options))
    assert chosen
    for name, text in chosen.items():
        value = parameters.from_text(known[name], text, path.stem)
        assert parameters.check(known, {name: value}, path.stem) != {
            key: parameter.default for key, parameter in known.items()
        }


def test_a_profile_with_an_unknown_parameter_is_refused(root, tmp_path):
    bad = tmp_path / "bad.yml"
    bad.write_text("03-timescale: {lenght: 3}\n")
    with pytest.raises(ValueError, match="no parameter lenght; there are L_max"):
        parameters.profile(bad, build.notebooks(root))
    for text in ("03-timescale: 512\n", "[1, 2]\n", "a: [\n"):
        bad.write_text(text)
        with pytest.raises(ValueError, match=r"must map notebooks|is not YAML"):
            parameters.profile(bad, build.notebooks(root))
    bad.write_text("99-nothing: {}\n")
    with pytest.raises(ValueError, match="no notebook 99-nothing"):
        parameters.profile(bad, build.notebooks(root))


def test_smoke_runs(path, root):
    profile = parameters.profile(
        root / "notebooks" / "smoke.yml", build.notebooks(root)
    )
    notebook = nbformat.read(path, 4)
    node = execution.execute(notebook, profile[path.stem], path.parent)
    assert any("injected-parameters" in tags(cell) for cell in node.cells)


# The build


@pytest.fixture
def copy(root, tmp_path):
    """A small copy of the repository with one cheap notebook."""
    for name in ("ssmlib", "book"):
        shutil.copytree(root / name, tmp_path / name)
    for name in ("_config.yml", "_toc.yml", "requirements.lock"):
        shutil.copy(root / name, tmp_path / name)
    cell = nbformat.v4.new_code_cell
    node = nbformat.v4.new_notebook(
        cells=[
            cell("n: int = 2  # [1..9]", metadata={"tags": ["parameters"]}),
            cell("print(n)"),
        ]
    )
    (tmp_path / "notebooks").mkdir()
    nbformat.write(node, tmp_path / "notebooks" / "nb.ipynb")
    return tmp_path


def test_cache_sees_what_matters_and_nothing_else(copy):
    notebook = copy / "notebooks" / "nb.ipynb"

    def run(**values):
        job = runs.job(copy, notebook, values)
        return not runs.run(job, Folder(copy / "runs"), root=copy)["reused"]

    assert run()
    assert not run()
    assert not run(n=2)
    assert run(n=3)
    library = copy / "ssmlib" / "kernels.py"
    library.write_text(library.read_text() + "\n# changed\n")
    assert run()
    (copy / "requirements.lock").write_text("numpy==1\n")
    assert run()
    machinery = copy / "ssmlib" / "companion" / "pages.py"
    machinery.write_text(machinery.read_text() + "\n# changed\n")
    assert not run()
    node = nbformat.read(notebook, 4)
    node.cells.append(nbformat.v4.new_markdown_cell("words"))
    nbformat.write(node, notebook)
    assert not run()
    node.cells[1].source = "print(n + 1)"
    nbformat.write(node, notebook)
    assert run()


def test_a_page_with_other_parameters_says_so(copy):
    job = runs.job(copy, copy / "notebooks" / "nb.ipynb", {"n": 3})
    runs.run(job, Folder(copy / "runs"), root=copy)
    page = tree.Page(
        copy / "runs" / job.place / "nb.ipynb", copy / "notebooks/nb.ipynb"
    )
    tree._place(page, copy / "placed.ipynb")
    texts = [cell.source for cell in nbformat.read(copy / "placed.ipynb", 4).cells]
    assert any("`n = 3`" in text and "laptop profile" in text for text in texts)


def test_pages_that_load_from_outside_or_leave_markup_are_named(tmp_path):
    page = tmp_path / "page.html"
    page.write_text(
        '<script src="https://example.org/x.js"></script><p>{glue:text}`k`</p>'
    )
    found = build.check_pages(tmp_path)
    assert any("loads" in line for line in found)
    assert any("leftover" in line for line in found)
    page.write_text("<p>plain</p><code>{glue:text}`k`</code>")
    assert build.check_pages(tmp_path) == []
