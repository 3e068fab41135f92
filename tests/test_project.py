"""The files that must agree with each other, and the names others rely on."""

import importlib.metadata
import inspect
import json
import subprocess
import sys
import tomllib
import zipfile

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import ssmlib


@pytest.fixture(scope="module")
def pyproject(root):
    return tomllib.loads((root / "pyproject.toml").read_text())


@pytest.fixture(scope="module")
def lock(root):
    lines = (root / "requirements.lock").read_text().split()
    pins = [Requirement(line) for line in lines]
    assert all(str(pin.specifier).startswith("==") for pin in pins)
    return {pin.name.lower().replace("_", "-"): str(pin.specifier)[2:] for pin in pins}


@pytest.fixture(scope="module")
def environment(root):
    return yaml.safe_load((root / "environment.yml").read_text())


def test_the_lock_is_what_is_installed(lock):
    for name, pinned in lock.items():
        installed = importlib.metadata.version(name).split("+")[0]
        assert installed == pinned, name
    assert lock["torch"] == "2.13.0"


def test_pyproject_asks_for_nothing_the_lock_does_not_hold(pyproject, lock):
    project = pyproject["project"]
    extras = dict(project["optional-dependencies"])
    # 125 MB for a store that tests replace by one in memory.
    assert extras.pop("gcs") == ["gcsfs"]
    groups = [project["dependencies"], *extras.values()]
    for wanted in [Requirement(line) for group in groups for line in group]:
        assert lock[wanted.name.replace("_", "-")] in wanted.specifier, wanted
    core = {Requirement(line).name for line in project["dependencies"]}
    assert core == {"torch", "numpy", "scipy"}


def test_environment_is_the_lock(environment, lock, root):
    (python, _, section) = environment["dependencies"]
    assert python == "python=3.11"
    pins, local = section["pip"][:-1], section["pip"][-1]
    assert pins == (root / "requirements.lock").read_text().split()
    assert local == "-e ."
    assert environment["channels"] == ["conda-forge", "nodefaults"]


def test_one_version_and_one_python(pyproject, root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    version = ssmlib.__version__
    assert importlib.metadata.version("ssmlib") == version == citation["version"]
    assert f"## {version} " in (root / "CHANGELOG.md").read_text()
    assert f"Version {version}" in (root / "book" / "cite.md").read_text()
    supported = SpecifierSet(pyproject["project"]["requires-python"])
    assert "3.11.7" in supported
    assert "3.10.9" not in supported
    assert "3.12.0" not in supported
    assert sys.version_info[:2] == (3, 11)


def test_citation_has_what_the_format_asks_for(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text())
    schema = {
        "required": [
            "cff-version",
            "message",
            "title",
            "authors",
            "type",
            "references",
        ],
        "properties": {
            "cff-version": {"const": "1.2.0"},
            "authors": {"items": {"required": ["name"]}, "minItems": 1},
            "references": {
                "items": {"required": ["authors", "title", "type"]},
                "minItems": 3,
            },
        },
    }
    jsonschema.validate(json.loads(json.dumps(citation, default=str)), schema)
    bibliography = (root / "book" / "references.bib").read_text()
    for reference in citation["references"]:
        assert reference["url"] in bibliography


def test_no_address_is_made_up(root):
    """The repository's public address is not known: it stands in one place, empty."""
    config = yaml.safe_load((root / "_config.yml").read_text())
    assert config["repository"]["url"] == ""
    assert not config["html"]["use_repository_button"]
    assert not any(config.get("launch_buttons", {}).values())


def python(code, *arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        **options,
    ).stdout


@pytest.mark.parametrize(
    "module", ["ssmlib", "ssmlib.companion", "ssmlib.companion.cli"]
)
def test_import_leaves_torch_unloaded(module):
    assert python(f"import sys, {module}; print('torch' in sys.modules)") == "False\n"


def test_lazy_names():
    for name in ssmlib.__all__:
        assert getattr(ssmlib, name)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        ssmlib.nothing  # noqa: B018


def test_a_wheel_builds_and_imports_outside_the_tree(root, tmp_path):
    subprocess.run(
        f"{sys.executable} -m pip wheel -q --disable-pip-version-check --no-deps "
        f"--no-build-isolation -w {tmp_path} {root}".split(),
        check=True,
    )
    (wheel,) = tmp_path.glob("ssmlib-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert "ssmlib/py.typed" in names
    assert not any(name.startswith(("tests/", "book/")) for name in names)
    code = "import ssmlib.layers as l; print(l.__file__, l.S4D(2).kernel(3).shape)"
    found = python(code, cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site")})
    assert found.startswith(str(tmp_path))
    assert "[2, 3]" in found


SIGNATURES = {
    "kernels.log_vandermonde": "(v, x, L)",
    "discretization.zoh": "(A, B, dt)",
    "discretization.bilinear": "(A, B, dt)",
    "hippo.legs": "(N)",
    "hippo.legs_nplr": "(N)",
    "hippo.fout": "(N)",
    "initialization.initialize": "(name, N, *, real, imag_scale, B, seed)",
    "initialization.names": "()",
    "initialization.spectrum": "(A)",
    "layers.S4D": "(d_model, d_state, *, init, discretization, dt_min, dt_max, "
    "bidirectional, skip, seed, dtype, device)",
    "layers.S4D.forward": "(self, u, state)",
    "layers.S4D.kernel": "(self, L)",
    "layers.S4D.step": "(self, u_t, state)",
    "layers.S4D.initial_state": "(self, batch)",
    "autocorrelation.second_moment": "(x)",
    "autocorrelation.largest_eigenvalue": "(x)",
    "autocorrelation.timescale": "(x, constant)",
    "recommend.recommend": "(x, L, *, constant, seed)",
    "theory.timescale.output_energy": "(A, dt, R, *, B, readout)",
    "theory.timescale.bound": "(A, dt, R, *, B, readout)",
    "theory.conditioning.gram": "(A, *, readout)",
    "theory.conditioning.condition_number": "(G, *, normalized)",
    "training.fit": "(data, grid, *, seeds, epochs, batch_size, warmup, weight_decay, "
    "readout, d_model, d_state, n_layers, linear, norm, checkpoint, device)",
    "companion.record": "(key, value, rtol)",
    "companion.records": "(path)",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_others_rely_on(name):
    target = ssmlib
    for part in name.split("."):
        target = getattr(target, part)
    bare = [
        p.replace(annotation=p.empty, default=p.empty)
        for p in inspect.signature(target).parameters.values()
    ]
    assert str(inspect.Signature(bare)) == SIGNATURES[name]


def test_public_names_have_docstrings():
    import importlib

    for module in (
        "layers",
        "models",
        "training",
        "checkpoint",
        "tasks.delay",
        "tasks.images",
        "tasks.own",
        "recommend",
        "uncertainty",
        "theory.conditioning",
        "theory.learning",
        "theory.timescale",
        "kernels",
        "hippo",
        "inputs",
        "autocorrelation",
        "figures",
    ):
        loaded = importlib.import_module(f"ssmlib.{module}")
        for name, value in vars(loaded).items():
            own = getattr(value, "__module__", None) == loaded.__name__
            if own and not name.startswith("_") and callable(value):
                assert value.__doc__, f"{module}.{name}"


def test_benchmarks_were_measured_on_this_code(root):
    """A warning, not a failure: measuring takes minutes and a quiet machine."""
    import warnings

    sys.path.insert(0, str(root / "benchmarks"))
    try:
        from bench import measured_hash, stored_hash
    finally:
        sys.path.pop(0)
    if stored_hash() != measured_hash():
        warnings.warn(
            "kernels or layers have changed since benchmarks/results.csv: make bench",
            stacklevel=1,
        )
