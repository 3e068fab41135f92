"""The first and last line of every notebook: fixed threads, and what it ran on."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, field
from importlib.metadata import version

from ssmbook.notebook.allocator import reuse_memory

#: the environment variable that sets a kernel's threads
VARIABLE = "SSMBOOK_THREADS"
_PACKAGES = ("ssmlib", "torch", "numpy", "scipy")


def threads() -> int:
    """The threads a notebook computes with: 1 unless its run asks for more.

    Raises ValueError where the variable is not a positive whole number.
    """
    given = os.environ.get(VARIABLE, "1")
    if not given.isdecimal() or int(given) < 1:
        raise ValueError(f"{VARIABLE} must be a positive whole number, got {given!r}")
    return int(given)


@dataclass
class Session:
    """A running notebook."""

    device: str
    started: float = field(default_factory=time.perf_counter)

    def footer(self, *, seed: int) -> None:
        """Print versions, seed, device, threads and run time, in one line."""
        count = threads()
        parts = [f"Python {platform.python_version()}"]
        parts += [f"{name} {version(name)}" for name in _PACKAGES]
        parts += [f"seed {seed}", f"{self.device}, {count} thread{'s' * (count > 1)}"]
        parts += [f"{time.perf_counter() - self.started:.0f} s"]
        print(" | ".join(parts))


def start(*, device: str) -> Session:
    """Fix the number of threads and check the device: the first line of a notebook.

    With glibc, memory that is freed is kept for the next tensors until the process
    ends. Set `MALLOC_MMAP_MAX_` or `MALLOC_TRIM_THRESHOLD_` in the environment for
    another setting.

    Args:
        device: "cpu" or "cuda".

    Returns:
        The session, whose `footer(seed=...)` is the last line of the notebook.

    Raises:
        ValueError: if device is "cuda" and CUDA is not available, if PyTorch's default
            dtype is not float32 or its default device not the CPU, or if the
            environment variable `SSMBOOK_THREADS` is not a positive whole number.
    """
    import scipy.linalg  # noqa: F401 (its threads are limited below)
    import torch
    from threadpoolctl import ThreadpoolController

    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is cuda, but PyTorch finds no CUDA device here")
    found = (torch.get_default_dtype(), torch.get_default_device().type)
    if found != (torch.float32, "cpu"):
        raise ValueError(
            "PyTorch's default dtype and device must be torch.float32 and cpu when a "
            f"notebook begins, got {found[0]} and {found[1]}: a start-up file has set "
            "them"
        )
    reuse_memory()
    torch.set_num_threads(threads())
    # Threads of NumPy and SciPy would wait actively beside PyTorch's, on the same
    # cores.
    ThreadpoolController().select(internal_api="openblas").limit(limits=1)
    return Session(device)
