"""The first and last line of every notebook: fixed threads, and what it ran on."""

from __future__ import annotations

import platform
import time
from dataclasses import dataclass, field
from importlib.metadata import version

THREADS = 2


@dataclass
class Session:
    """A running notebook. Seed and device are for its footer; nothing is seeded."""

    seed: int
    device: str
    started: float = field(default_factory=time.perf_counter)

    def footer(self) -> None:
        """Print versions, seed, device, threads and run time, in one line."""
        packages = ("ssmlib", "torch", "numpy", "scipy")
        parts = [f"Python {platform.python_version()}"]
        parts += [f"{name} {version(name)}" for name in packages]
        parts += [f"seed {self.seed}", f"{self.device}, {THREADS} threads"]
        parts += [f"{time.perf_counter() - self.started:.0f} s"]
        print(" | ".join(parts))


def start(seed: int, device: str) -> Session:
    """Fix the number of threads and check the device; first line of a notebook.

    Raises ValueError where device "cuda" is asked for and there is none.
    """
    import torch
    from threadpoolctl import ThreadpoolController

    if device == "cuda" and not torch.cuda.is_available():
        raise ValueError("device is cuda, but PyTorch finds no CUDA device here")
    torch.set_num_threads(THREADS)
    # NumPy's own threads would wait actively beside PyTorch's, on the same cores.
    ThreadpoolController().select(internal_api="openblas").limit(limits=1)
    return Session(seed, device)
