"""Nothing but the parts of its key changes a run: no profile, variable or file."""

import itertools
import json
import os
import py_compile
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import torch

import ssmbook
from ssmbook.runs import execution, isolation, key
from ssmbook.runs.execution import NotebookFailed, execute
from tests.ssmbook.test_key import cells
from tests.ssmbook.toy import NOTEBOOK, notebook

# What the toy's kernel has found, printed by its own cell.
LOOK = """import builtins, json, locale, os, sys, time
import tabulate, ssmbook, ssmlib, toylib
from toylib import used
print(json.dumps({
    "poisoned": sorted(n for n in dir(builtins) if n.startswith("poison")),
    "files": [m.__file__ for m in (ssmbook, ssmlib, toylib, used, tabulate)],
    "python": sys.executable,
    "prefix": sys.prefix,
    "asserts": __debug__,
    "hash": hash("a"),
    "zone": time.tzname[0],
    "encoding": locale.getpreferredencoding(),
    "variables": dict(os.environ),
}))
ssmbook.record("x", 1, atol=0)"""
POISON = "import builtins; builtins.poison_{} = 1\n"


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def stale(module: Path) -> None:
    """Leave bytecode of other source, of the same size and time as the module's."""
    module.write_text(POISON.format("bytecode"), encoding="utf-8")
    py_compile.compile(str(module))
    about = module.stat()
    module.write_text("#" * about.st_size, encoding="utf-8")
    os.utime(module, ns=(about.st_atime_ns, about.st_mtime_ns))


def hostile(place: Path, home: Path) -> dict[str, str]:
    """Everything that a user may have set; the variables of a command there."""
    copy = home / "copy"
    for package in ("ssmlib", "toylib"):
        write(copy / package / "__init__.py", POISON.format("copy"))
    for name in ("sitecustomize", "usercustomize"):
        write(copy / f"{name}.py", POISON.format(name))
    profile = home / ".ipython" / "profile_default"
    write(profile / "startup" / "00.py", POISON.format("startup"))
    for name in ("ipython_config", "ipython_kernel_config"):
        line = POISON.format(name).strip()
        lines = f"c = get_config()\nc.IPKernelApp.exec_lines = [{line!r}]\n"
        write(profile / f"{name}.py", lines)
        write((place / NOTEBOOK).with_name(f"{name}.py"), lines)
    spec = {"argv": ["/nowhere/python", "{connection_file}"], "display_name": "x"}
    kernels = home / ".local" / "share" / "jupyter" / "kernels"
    write(
        kernels / "python3" / "kernel.json", json.dumps(spec | {"language": "python"})
    )
    for name in ("tabulate", "json", "toylib/__init__"):
        write((place / NOTEBOOK).parent / f"{name}.py", POISON.format("beside"))
    stale(place / "toylib" / "base.py")
    long = home / ("a" * 90)
    long.mkdir()
    startup = write(home / "startup.py", POISON.format("pythonstartup"))
    return {
        "HOME": str(home),
        "USER": "user",
        "LOGNAME": "user",
        "SHELL": "/bin/nowhere",
        "PATH": f"{home}:{os.environ['PATH']}",
        "PYTHONPATH": f"{copy}:{place}",
        "PYTHONSTARTUP": str(startup),
        "PYTHONOPTIMIZE": "1",
        "PYTHONHASHSEED": "7",
        "JUPYTER_DEFAULT_PROVISIONER_NAME": "nowhere",
        "JUPYTER_PATH": str(home / "nowhere"),
        "IPYTHONDIR": str(home / ".ipython"),
        "MATPLOTLIBRC": str(home / "nowhere"),
        "MPLBACKEND": "nowhere",
        "MKL_CBWR": "COMPATIBLE",
        "NVIDIA_TF32_OVERRIDE": "1",
        "OMP_NUM_THREADS": "7",
        "SSMBOOK_THREADS": "7",
        "GIT_DIR": str(home / "nowhere"),
        "LC_ALL": "C",
        "TZ": "Asia/Tokyo",
        "MY_OWN": "1",
        # These must reach the kernel.
        "SSMLIB_CACHE": str(home / "cache"),
        "ATEN_CPU_CAPABILITY": "default",
        "OPENBLAS_CORETYPE": "Sandybridge",
        "CUDA_VISIBLE_DEVICES": "",
        "https_proxy": "http://127.0.0.1:9",
        "LD_LIBRARY_PATH": str(home),
        "TMPDIR": str(long),
    }


@pytest.mark.slow
def test_a_run_reads_nothing_of_its_user(own, tmp_path, monkeypatch):
    notebook(own / NOTEBOOK, LOOK)
    given = hostile(own, tmp_path / "home")
    command = [sys.executable, "-m", "ssmbook.cli", "run", "1", "--json"]
    made = subprocess.run(
        command, cwd=own, env=os.environ | given, capture_output=True, encoding="utf-8"
    )
    assert made.returncode == 0, made.stderr
    run = json.loads(made.stdout)
    node = json.loads((Path(run["folder"]) / "toy.ipynb").read_text(encoding="utf-8"))
    found = json.loads("".join(node["cells"][2]["outputs"][0]["text"]))
    assert found["poisoned"] == []
    *ours, standard = found["files"]
    assert all(Path(file).is_relative_to(own) for file in ours)
    assert not Path(standard).is_relative_to(own)
    assert found["python"] == sys.executable
    assert found["asserts"] is True
    assert found["zone"] == "UTC"
    assert found["encoding"] == "utf-8"
    reached = {
        "SSMLIB_CACHE", "ATEN_CPU_CAPABILITY", "OPENBLAS_CORETYPE", "HOME",
        "CUDA_VISIBLE_DEVICES", "https_proxy", "LD_LIBRARY_PATH", "TMPDIR",
    }  # fmt: skip
    variables = found["variables"]
    assert reached == {n for n in given if variables.get(n) == given[n]}
    assert variables["OMP_NUM_THREADS"] == variables["SSMBOOK_THREADS"] == "1"
    about = run["machine"]["environment"]
    assert about["passed"]["OPENBLAS_CORETYPE"] == "Sandybridge"
    assert {"PYTHONPATH", "TZ", "GIT_DIR", "MKL_CBWR"} < set(about["ignored"])
    assert not {"MY_OWN", "HOME"} & {*about["ignored"], *about["passed"]}


def test_a_module_from_elsewhere_fails_the_run(tmp_path):
    """A cell may still change the path; nothing of the repository is found there."""
    for name in ("helper", "ssmlib/hippo"):
        write(tmp_path / "other" / f"{name}.py", "")
    write(tmp_path / "other" / "ssmlib" / "__init__.py", "1 / 0")
    node = cells(
        "n: int = 1",
        f"import sys; sys.path.insert(0, {str(tmp_path / 'other')!r})\n"
        "import ssmlib\nimport helper",
    )
    node.cells[0].metadata["tags"] = ["parameters"]
    with pytest.raises(ValueError, match=r"loaded helper from \S+other/helper.py"):
        execute(node, {}, tmp_path)


@pytest.mark.parametrize(
    ("module", "file", "message"),
    [
        ("ssmlib", "{root}/ssmlib/__init__.py", None),
        ("json", json.__file__, None),
        ("torch", torch.__file__, None),
        ("ssmlib", "/copy/ssmlib/__init__.py", "from /copy/ssmlib/__init__.py, not"),
        ("ssmlib", "{root}/ssmlib/hippo.py", "not from {root}/ssmlib/__init__.py"),
        ("ssmlib", "{root}/ssmlib/__init__.cpython-311.so", "does not cover that"),
        ("random", "{root}/random.py", "not part of the installed packages"),
        ("json", "{root}/notebooks/s4d/json.py", "not part of the installed"),
        ("numpy", "/elsewhere/numpy/__init__.py", "not part of the installed"),
        ("sitecustomize", "/copy/sitecustomize.py", "not part of the installed"),
        ("matplotlibrc", "{root}/notebooks/matplotlibrc", "not part of the installed"),
        ("ssmlib.hippo", "{root}/ssmlib/hippo.py", "which its imports do not name"),
    ],
)
def test_the_file_of_each_module_is_checked(module, file, message, root):
    modules = {module: file.format(root=root)}
    found = json.dumps({"modules": modules, "refused": []})
    if message is None:
        isolation.check(cells("import ssmlib"), found)
        return
    with pytest.raises(ValueError, match=message.format(root=root)) as raised:
        isolation.check(cells("import ssmlib"), found)
    assert module in str(raised.value)


def test_imports_are_read_in_the_repository(root, tmp_path, monkeypatch):
    """The key's modules do not come from a copy that the path names first."""
    write(tmp_path / "ssmlib" / "__init__.py", "")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "ssmlib", raising=False)
    key._graph.cache_clear()
    assert "ssmlib._checks" in key.modules(cells("import ssmlib.hippo"))


def test_a_default_dtype_of_another_is_refused():
    torch.set_default_dtype(torch.float64)
    try:
        with pytest.raises(ValueError, match=r"got torch\.float64 and cpu"):
            ssmbook.start(device="cpu")
    finally:
        torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("value", ["", "0", "-1", "many", "1.5"])
def test_threads_are_a_whole_number(value, monkeypatch):
    monkeypatch.setenv("SSMBOOK_THREADS", value)
    with pytest.raises(ValueError, match="SSMBOOK_THREADS must be a positive whole"):
        ssmbook.start(device="cpu")


@pytest.mark.parametrize("length", [20, 77, 78, 90, 200])
def test_sockets_have_short_paths(length, tmp_path, monkeypatch):
    place = Path("/tmp") / f"ssmbook-test-{os.getpid()}".ljust(length - 5, "x")
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    try:
        with isolation.folder() as own:
            assert len(f"{own}/kernel-ipc-5".encode()) <= 107
            assert (Path(own).parent == place) is (length < 78)
    finally:
        place.rmdir()


def test_no_folder_for_sockets_is_a_line(monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    with pytest.raises(OSError, match=r"/proc/nowhere does not do.*set TMPDIR"):
        isolation.folder()


@pytest.mark.parametrize(
    ("script", "message"),
    [
        ("import time; time.sleep(1000)", "did not start within 2 s"),
        ("raise SystemExit(3)", "did not start within 2 s: Kernel died"),
    ],
)
def test_a_kernel_that_does_not_start_is_given_up(
    script, message, tmp_path, monkeypatch
):
    monkeypatch.setattr(isolation, "LAUNCH", write(tmp_path / "launch.py", script))
    monkeypatch.setattr(isolation, "START_TIMEOUT", 2)
    node = cells("n: int = 1")
    node.cells[0].metadata["tags"] = ["parameters"]
    with pytest.raises(NotebookFailed, match=message):
        execute(node, {}, tmp_path)


def test_ctrl_c_is_no_dead_kernel(monkeypatch):
    """The kernel dies while Ctrl-C is handled, and nbclient raises its own error."""

    def die(*_):
        try:
            os.kill(os.getpid(), execution.signal.SIGINT)
        except KeyboardInterrupt:
            raise NotebookFailed("DeadKernelError: Kernel died", "", None) from None

    monkeypatch.setattr(execution, "_execute", die)
    with pytest.raises(KeyboardInterrupt):
        execute(None, {}, Path())


def test_a_long_line_is_printed_in_linear_time(tmp_path):
    """With nbclient's own pattern this takes hours."""
    node = cells("n: int = 1", "print('x' * 10**6)")
    node.cells[0].metadata["tags"] = ["parameters"]
    printed = execute(node, {}, tmp_path).cells[1].outputs[0].text
    assert printed == "x" * 10**6 + "\n"


def test_carriage_returns_are_read_as_nbclient_reads_them():
    own = re.compile(r".*\r(?=[^\n])")
    for letters in itertools.product("a\r\n", repeat=8):
        text = "".join(letters)
        assert execution.CARRIAGE_RETURN.sub("", text) == own.sub("", text), text
