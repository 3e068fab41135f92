"""Kernels that nothing but the key's parts can influence.

A kernel runs with this Python and an environment made here. It reads no settings of
its user, finds the repository's packages in the repository alone, and no module in
the folder that it works in. It may read no file that the key does not cover, and start
no process, whose reads would go unseen. After the run, `check` compares the file of
each module that it has loaded.
"""

from __future__ import annotations

import fnmatch
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ssmbook.notebook.session import VARIABLE
from ssmbook.runs import installed, key

if TYPE_CHECKING:
    from jupyter_client.manager import KernelManager

START_TIMEOUT = 120  # seconds that a kernel may take to answer
#: variables of the user that say where things are, and change no result
PASSED = (
    "HOME", "XDG_CACHE_HOME", "SSMLIB_CACHE", "CUDA_HOME", "CUDA_PATH",
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "NVIDIA_VISIBLE_DEVICES",
    "NVIDIA_DRIVER_CAPABILITIES",
    "*_PROXY", "*_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE",
)  # fmt: skip
#: variables that are passed, and reported
REPORTED = key.CHOOSING
#: variables with which a result may change: not passed; their names are reported
_DROPPED = (
    "PYTHON*", "JUPYTER*", "IPYTHON*", "MPL*", "MATPLOTLIB*", "GIT_*", "OMP_*", "KMP_*",
    "GOMP_*", "MKL_*", "OPENBLAS_*", "BLIS_*", "DNNL_*", "ONEDNN_*", "ATEN_*", "NPY_*",
    "TORCH*", "PYTORCH_*", "CUBLAS_*", "CUDNN_*", "CUDA_*", "NVIDIA_*", "LC_*", "LANG",
    "LANGUAGE", "TZ", "LD_PRELOAD",
)  # fmt: skip
#: the script that a kernel runs, and the file that it loads
LAUNCH, HOOK = (Path(__file__).with_name(f"{name}.py") for name in ("launch", "hook"))
_SOCKET = 107  # bytes that the path of a Unix socket may have
_NAME = "ssmbook-xxxxxxxx/kernel-ipc-5"  # the longest below the temporary folder


def _is(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def environment(own: Path, threads: int) -> dict[str, str]:
    """The variables of a kernel; `own` is a folder that it alone uses."""
    passed = {n: v for n, v in os.environ.items() if _is(n, PASSED + REPORTED)}
    if "HOME" not in passed and not _has_home():
        passed["HOME"] = str(own)
    if not _has_cache():  # Matplotlib would say so among the outputs
        passed["MPLCONFIGDIR"] = str(own / "matplotlib")
    return passed | {
        VARIABLE: str(threads),
        "OMP_NUM_THREADS": str(threads),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        "PYTHONUTF8": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        "USER": "ssmbook",
        "LOGNAME": "ssmbook",
        "SHELL": "/bin/sh",
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "LC_ALL": "C.UTF-8",
        "TZ": "UTC",
        "TMPDIR": tempfile.gettempdir(),
        "IPYTHONDIR": str(own / "ipython"),
        "JUPYTER_CONFIG_DIR": str(own / "jupyter"),
        "JUPYTER_NO_CONFIG": "1",
        "XDG_CONFIG_HOME": str(own / "config"),
    }


def _has_home() -> bool:
    try:
        return bool(Path.home())
    except RuntimeError:
        return False


def _has_cache() -> bool:
    """Whether the user's folder of caches, where fonts are listed, can be written."""
    try:
        place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # no home
        return False
    existing = next(p for p in (place, *place.absolute().parents) if p.exists())
    return os.access(existing, os.W_OK | os.X_OK)


def report() -> dict[str, Any]:
    """What a run's document says of the variables that this process was given."""
    given = sorted(os.environ)
    kept = PASSED + REPORTED
    return {
        "passed": {n: os.environ[n] for n in given if n in REPORTED},
        "ignored": [n for n in given if _is(n, _DROPPED) and not _is(n, kept)],
    }


def folder() -> tempfile.TemporaryDirectory:
    """A folder whose path is short enough for the names of a kernel's sockets."""
    tried = tempfile.gettempdir()
    too_long = len(os.fsencode(tried)) + 1 + len(_NAME) > _SOCKET
    place = "/tmp" if too_long else tried
    try:
        return tempfile.TemporaryDirectory(
            prefix="ssmbook-", dir=place, ignore_cleanup_errors=True
        )
    except OSError as error:
        reason = f"its path is too long for a socket, and {place}" if too_long else "it"
        raise OSError(
            f"a kernel needs a folder for its sockets: {tried} does not do, {reason} "
            f"cannot be written ({error.strerror}); set TMPDIR to a short path"
        ) from error


def manager(
    base: type[KernelManager], threads: int, readable: dict[str, Any]
) -> type[KernelManager]:
    """A class of managers, each of one isolated kernel.

    base: blocking or not. readable: what `coverage.readable` returns.
    """
    from jupyter_client.kernelspec import KernelSpec

    class Manager(base):
        def __init__(self, *arguments, **options):
            self.own = folder()
            super().__init__(*arguments, **options)
            # Sockets with names: a free TCP port may be another process's before the
            # kernel listens on it.
            self.transport = "ipc"
            self.connection_file = f"{self.own.name}/kernel.json"

        @property
        def kernel_spec(self) -> KernelSpec:
            """This Python, not the one that a file called python3 names."""
            command = [sys.executable, "-P", "-s", str(LAUNCH), str(key.ROOT)]
            command += [",".join(key.packages()), f"{self.own.name}/readable.json"]
            command += ["-f", "{connection_file}"]
            local = {"kernel_provisioner": {"provisioner_name": "local-provisioner"}}
            return KernelSpec(
                argv=command, display_name="Python 3", language="python", metadata=local
            )

        def start_kernel(self, **options):
            # PyTorch and tracebacks ask for the source of each function on the stack.
            always = {f"{self.own.name}/": True, str(LAUNCH): True, str(HOOK): True}
            own = {"places": readable["places"] | always}
            file = Path(self.own.name) / "readable.json"
            file.write_text(json.dumps(readable | own), encoding="utf-8")
            options["env"] = environment(Path(self.own.name), threads)
            return super().start_kernel(**options)

        def cleanup_resources(self, *arguments, **options):
            if not (options.get("restart") or any(arguments)):
                self.own.cleanup()
            return super().cleanup_resources(*arguments, **options)

    return Manager


#: code that prints, as JSON, the file of each module that a kernel has loaded, and the
#: refusal of each file that it was not allowed to read
LOADED = """def _loaded():
    import json, os, sys
    found = {
        name: module.__spec__.origin
        for name, module in sorted(sys.modules.items())
        if getattr(getattr(module, "__spec__", None), "has_location", False)
    }
    if "matplotlib" in found:
        settings = sys.modules["matplotlib"].matplotlib_fname()
        found["matplotlibrc"] = os.path.abspath(settings)
    refused = []
    if os.path.isfile(getattr(sys, "ssmbook_refusals", "")):
        with open(sys.ssmbook_refusals, encoding="utf-8") as file:
            refused = file.read().splitlines()
    print(json.dumps({"modules": found, "refused": refused}, indent=0))
_loaded()"""


def check(node, printed: str) -> dict[str, str]:
    """Raise ValueError where a kernel used a file that the key does not cover.

    printed: the output of `LOADED`, run after the notebook. Returns the installed
    packages that the kernel has loaded, as `installed.provided` names them.
    """
    found = json.loads(printed)
    files = found["modules"]
    own = {name for name in files if name.partition(".")[0] in key.packages()}
    for name, file in files.items():
        expected = key.source(name) if name in own else None
        if expected is not None and Path(file).resolve() != expected.resolve():
            raise ValueError(
                f"the notebook loaded {name} from {file}, not from {expected}: the key "
                "of the run does not cover that file"
            )
        if expected is None and not installed.is_installed(file):
            raise ValueError(
                f"the notebook loaded {name} from {file}, which is not part of the "
                "installed packages: the key of the run does not cover that file"
            )
    key.check_loaded(node, own)
    if found["refused"]:  # a cell may have caught the error
        raise ValueError(found["refused"][0])
    return installed.provided({*files} - own)
