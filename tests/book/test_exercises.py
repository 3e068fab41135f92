"""The exercises of a chapter: their form, and the code of their solutions."""

import ast
import re

import pytest

_PARTS = re.M | re.S
SECTION = re.compile(r"^## Exercises\n(.*?)(?=^## |\Z)(.*)", _PARTS)
EXERCISE = re.compile(r"^\*\*(\d+)\.\*\* (.*?)(?=^\*\*\d+\.\*\* |\Z)", _PARTS)
SOLUTION = re.compile(r"^:::\{dropdown\} Solution\n(.*?)^:::$", _PARTS)
BLOCK = re.compile(r"^```python\n(.*?)^```$", _PARTS)


@pytest.fixture
def text(node):
    """The markdown of a chapter."""
    cells = (cell.source for cell in node.cells if cell.cell_type == "markdown")
    return "\n\n".join(cells)


def blocks(text):
    """The Python blocks of all solutions, in order."""
    return [code for own in SOLUTION.findall(text) for code in BLOCK.findall(own)]


def problems(text):
    """Say how a section of exercises differs from the form that a reader expects."""
    sections = SECTION.findall(text)
    if len(sections) != 1:
        return [f"{len(sections)} sections with the heading Exercises"]
    [(section, after)] = sections
    exercises = EXERCISE.findall(section)
    found = []
    if not after.startswith("## Try it\n"):
        found.append("the section does not stand directly before Try it")
    if [number for number, _ in exercises] != ["1", "2"]:
        found.append(f"{len(exercises)} exercises, not those numbered 1 and 2")
    for number, exercise in exercises:
        solutions = SOLUTION.findall(exercise)
        if len(solutions) != 1:
            found.append(f"exercise {number} has {len(solutions)} solutions")
        found += [f"exercise {number}: {p}" for s in solutions for p in flaws(s)]
    return found


def flaws(solution):
    """Say how the code of a solution differs from its form."""
    codes = BLOCK.findall(solution)
    if len(codes) != 1:
        return [f"{len(codes)} blocks of Python"]
    [code] = codes
    lines = code.splitlines()
    asserted = any(isinstance(line, ast.Assert) for line in ast.walk(ast.parse(code)))
    checks = {
        "no assert": asserted,
        "more than 10 lines": len(lines) <= 10,
        "a line of more than 72 columns": max(map(len, lines)) <= 72,
    }
    return [flaw for flaw, passed in checks.items() if not passed]


def test_each_chapter_has_two_exercises(text):
    assert problems(text) == []


def test_the_code_of_each_solution_runs(text, path, monkeypatch, tmp_path):
    """Alone, and without the files of the repository."""
    monkeypatch.chdir(tmp_path)
    for number, code in enumerate(blocks(text), 1):
        exec(compile(code, f"{path.name}, solution {number}", "exec"), {})
    assert not any(tmp_path.iterdir())


# These tests, on exercises that are wrong

GOOD = """## Exercises

**1.** How much is one and one?

:::{dropdown} Solution
It is two.

```python
assert 1 + 1 == 2
```
:::

**2.** How much is one and two?

:::{dropdown} Solution
It is three.

```python
assert 1 + 2 == 3
```
:::

## Try it
"""


def test_the_form_is_that_of_an_example():
    assert problems(GOOD) == []
    assert blocks(GOOD) == ["assert 1 + 1 == 2\n", "assert 1 + 2 == 3\n"]


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("## Exercises", "## Questions", "0 sections"),
        ("## Try it", "## More\n\n## Try it", "not stand directly before"),
        ("**2.**", "Two:", "1 exercises"),
        ("**2.**", "**3.**", "not those numbered 1 and 2"),
        (":::{dropdown} Solution\nIt is t", "It is t", "has 0 solutions"),
        ("```python", "```", "0 blocks"),
        ("assert ", "", "no assert"),
        ("assert", "pass\n" * 10 + "assert", "more than 10 lines"),
        ("1 + 1", "1 + 1" + " " * 72, "72 columns"),
    ],
)
def test_exercises_in_another_form_are_found(old, new, problem):
    assert any(problem in found for found in problems(GOOD.replace(old, new)))
