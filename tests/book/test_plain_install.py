"""An install of the wheel without extras: what loads, and what names its extra."""

import importlib
import json
import pkgutil
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import ssmlib

# Run before a script: hides every package that no core dependency requires.
HIDE = """
import importlib.metadata as installed, sys
from importlib.machinery import PathFinder
from packaging.requirements import Requirement

def key(name):
    return name.lower().replace("_", "-")

def closure(names):
    seen, waiting = set(), list(names)
    while waiting:
        name = key(waiting.pop())
        if name not in seen:
            seen.add(name)
            try:
                wanted = map(Requirement, installed.requires(name) or [])
            except installed.PackageNotFoundError:
                continue
            for one in wanted:
                if one.marker is None or one.marker.evaluate({"extra": ""}):
                    waiting.append(one.name)
    return seen

core = closure(["torch", "numpy", "scipy"]) | {"ssmlib"}
hidden = {
    top
    for top, by in installed.packages_distributions().items()
    if not {key(name) for name in by} & core
}
assert {"pandas", "tqdm", "matplotlib", "typer", "PIL", "sklearn"} <= hidden

whole = PathFinder.find_spec
PathFinder.find_spec = lambda name, *rest: (
    None if name.partition(".")[0] in hidden else whole(name, *rest)
)
for name in list(sys.modules):
    if name.partition(".")[0] in hidden:
        del sys.modules[name]
"""


@pytest.fixture(scope="module")
def wheel(root, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    call = [sys.executable, "-m", "pip", "wheel", "-q", "--disable-pip-version-check"]
    call += ["--no-deps", "--no-build-isolation", "-w", folder, root]
    subprocess.run(call, check=True)
    (path,) = folder.glob("ssmlib-*.whl")
    return path


@pytest.fixture(scope="module")
def plain(wheel):
    """Run code as in an install of the wheel without extras; its output."""
    site = wheel.parent / "site"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)

    def run(code: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", HIDE + code],
            cwd=wheel.parent,
            env={"PYTHONPATH": str(site), "PYTHONUTF8": "1", "HOME": str(site)},
            capture_output=True,
            encoding="utf-8",
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.slow
def test_a_wheel_holds_the_packages_and_their_files(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert "ssmlib/py.typed" in names
    assert "ssmbook/runs/templates/run/index.html.j2" in names
    assert not any(name.startswith(("tests/", "book/")) for name in names)


#: packages whose submodules load at first use; the others load theirs at once
LAZY = ("ssmlib.theory", "ssmlib.tasks", "ssmlib")


def on_disk() -> dict[str, list[str]]:
    """The modules in the folder of each package of ssmlib, lazy packages first."""
    walked = pkgutil.walk_packages(ssmlib.__path__, "ssmlib.")
    others = [i.name for i in walked if i.ispkg and i.name not in LAZY]
    found = {}
    for name in (*LAZY, *others):
        folder = Path(importlib.import_module(name).__file__).parent
        modules = {path.stem for path in folder.glob("*.py")} - {"__init__"}
        modules |= {path.parent.name for path in folder.glob("*/__init__.py")}
        found[name] = sorted(modules)
    assert len(found) > 7
    return found


@pytest.mark.slow
def test_every_submodule_on_disk_is_an_attribute():
    """Looked for in a fresh process, which has loaded none of them."""
    code = f"""
import importlib
for name, modules in {on_disk()!r}.items():
    package = importlib.import_module(name)
    print(*(f"{{name}}.{{m}}" for m in modules if not hasattr(package, m)))
"""
    call = [sys.executable, "-c", code]
    run = subprocess.run(call, capture_output=True, encoding="utf-8")
    assert run.stdout.split() == [], run.stdout
    assert run.returncode == 0, run.stderr


@pytest.mark.parametrize("name", LAZY)
def test_a_lazy_package_lists_the_modules_on_disk(name):
    module = importlib.import_module(name)
    public = {n for n in on_disk()[name] if n[0] != "_"}
    objects = set(ssmlib._OBJECTS) if module is ssmlib else set()
    assert set(module.__all__) - {"__version__"} - objects == public
    assert set(dir(module)) == set(module.__all__)


@pytest.mark.parametrize("name", ["nothing", "tasks.lra", "__wrapped__", "a b", ""])
def test_what_is_no_submodule_is_no_attribute(name):
    assert not hasattr(ssmlib, name)


USES = {
    "training.fit(None, {}, seeds=[0])": "train",
    "training.compare(None, {'a': {'init': 'lin'}}, rates={'a': 0.1}, "
    "seeds=[0], epochs=1)": "train",
    "published.lra()": "train",
    "figures.subplots()": "book",
    "figures.svg(None)": "book",
    "command.recommend('co2')": "data",
    "tasks.series.load('co2')": "data",
    "tasks.images.patches()": "data",
    "tasks.images.digits()": "data",
    "tasks.images.mnist()": "data",
    "tasks.pathfinder.generate(1, size=16, seed=0)": "data",
    "tasks.own.load('table.csv')": "data",
    "tasks.baselines.baselines(tasks.delay.block_copy(20, 10, 2))": "data",
}


@pytest.fixture(scope="module")
def used(plain) -> tuple[int, dict[str, str]]:
    """Load and use the package without the extras, in one process.

    The number of modules, of which neither help() nor hasattr() nor a star import
    raised, and what each use of a missing package raised.
    """
    said = plain(f"""
import contextlib, importlib, io, json, pathlib, pkgutil, pickle, pydoc
import ssmlib
assert "torch" not in sys.modules
names = [info.name for info in pkgutil.walk_packages(ssmlib.__path__, "ssmlib.")]
with contextlib.redirect_stdout(io.StringIO()):
    for name in ["ssmlib", *names]:
        pydoc.help(importlib.import_module(name))
assert all(hasattr(ssmlib, name) for name in dir(ssmlib))
from ssmlib import *
assert pickle.loads(pickle.dumps(layers.S4D(2))).d_model == 2
import ssmbook
pathlib.Path("table.csv").write_text("x\\n1\\n", encoding="utf-8")
found = {{}}
for use in {list(USES)!r}:
    try:
        eval(use)
    except ImportError as error:
        found[use] = str(error)
print(json.dumps([len(names), found]))
""")
    modules, found = json.loads(said)
    return modules, found


@pytest.mark.slow
def test_every_module_loads_and_is_documented(used):
    assert used[0] > 60


@pytest.mark.slow
@pytest.mark.parametrize("use", USES)
def test_every_use_of_a_missing_package_names_its_extra(used, use):
    said = used[1][use]
    assert f'in a clone of the repository, pip install ".[{USES[use]}]"' in said


@pytest.mark.slow
def test_the_readme_runs_without_extras_or_names_them(plain, root):
    readme = (root / "README.md").read_text(encoding="utf-8")
    *blocks, fit = re.findall(r"```python\n(.*?)```", readme, re.S)
    assert len(blocks) == 4
    assert "fit(" in fit
    blocks = [block.replace("(1000, 1024,", "(50, 128,") for block in blocks]
    said = plain(
        "\n".join(blocks)
        + f"""
try:
    exec({fit!r})
except ImportError as error:
    print(error)
"""
    )
    assert 'pip install ".[data]"' in said  # of the digits
    for extra in ("data", "train", "book"):
        assert f"`{extra}`" in readme
