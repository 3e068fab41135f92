"""The checks of make gpu: its tests, rounding errors, and a published row in training.

Each function yields rows of the table.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from xml.etree import ElementTree

import bench
import kernels
import torch
from gpu_speed import entry, peak
from torch import Tensor

from ssmlib import published, reproduction
from ssmlib.kernels import (
    dense_kernel,
    dense_kernel_reference,
    dplr_kernel_reference,
    log_vandermonde,
    log_vandermonde_reference,
)
from ssmlib.layers import DSS, S4, S4D
from ssmlib.tasks.split import Split

#: seconds for the tests, which are a process of their own
TESTS = 240.0
#: the published row with the fewest features x steps x layers in a batch, and the
#: training sequences of its data set
ROW, SEQUENCES = "cifar-ablation", 45_000


def tests(quick: bool) -> Iterator[dict]:
    """The tests marked gpu; quick: one of them, on the CPU."""
    wanted = ["-k", "cpu and dense_kernel"] if quick else ["-m", "gpu"]
    files = sorted(map(str, bench.ROOT.glob("tests/ssmlib/test_gpu*.py")))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        call = [sys.executable, "-m", "pytest", *wanted, f"--junitxml={report}"]
        run = subprocess.run(
            [*call, *files],
            cwd=bench.ROOT,
            stdout=sys.stderr,
            timeout=TESTS,
            env=os.environ | {"OMP_NUM_THREADS": "2"},
        )
        (found,) = ElementTree.parse(report).getroot().iter("testsuite")
    count, bad, skipped = (
        sum(int(found.attrib[name]) for name in names)
        for names in (("tests",), ("failures", "errors"), ("skipped",))
    )
    passed = count - bad - skipped
    yield entry("tests marked gpu: passed", passed, f"of {count} tests", least=1)
    yield entry("tests marked gpu: failed", bad, f"status {run.returncode}", most=0)
    yield entry("tests marked gpu: skipped", skipped, f"of {count} tests", most=0)


def moved(tensors: list[Tensor], device: str, wide: bool) -> list[Tensor]:
    """Leaves on a device, in double precision if wide."""
    dtypes = {torch.float32: torch.float64, torch.complex64: torch.complex128}
    found = [t.detach().to(device) for t in tensors]
    found = [t.to(dtypes.get(t.dtype, t.dtype)) if wide else t for t in found]
    return [t.clone().requires_grad_() for t in found]


def values(call: Callable[..., Tensor], leaves: list[Tensor]) -> list[list[Tensor]]:
    """The output, and the gradients of its sum with fixed weights, on the CPU."""
    y = call(*leaves)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(1))
    y.backward(weights.to(y))
    gradients = [t.grad.cpu() for t in leaves if t.grad is not None]
    return [[y.detach().cpu()], gradients]


def compared(
    name: str, found: list[list[Tensor]], exact: list[list[Tensor]], most: float
) -> Iterator[dict]:
    """The largest error of each tensor relative to its largest value, over tensors."""
    for part, ours, theirs in zip(("forward", "backward"), found, exact, strict=True):
        pairs = zip(ours, theirs, strict=True)
        errors = [((a - b).abs().max() / b.abs().max()).double() for a, b in pairs]
        error = float(torch.stack(errors).max())  # NaN where one is
        unit = "of the largest value; float64 on the CPU"
        yield entry(f"{name}, {part}: largest error", error, unit, most=most)


def kernel_errors(device: str, L: int) -> Iterator[dict]:
    v, x = kernels.modes(16, 64)
    layer = S4(4, 64, dtype=torch.float32)
    system = layer.system()
    parts = [system.A_bar, system.B_bar, system.C]
    poles = [t.to(torch.complex64) for t in (layer.A, layer.P, layer.B, layer.C)]
    short = partial(dense_kernel, L=L // 4, dtype=torch.float32)
    plain = partial(dense_kernel_reference, L=L // 4)
    dplr = partial(dplr_kernel_reference, L=L // 4)
    cases = [
        ("log_vandermonde", log_vandermonde, log_vandermonde_reference, [v, x], 2e-6),
        ("dense_kernel", short, plain, parts, 1e-5),
        ("dplr_kernel_reference", dplr, dplr, [*poles, layer.dt.float()], 1e-6),
    ]
    for name, fast, exact, tensors, most in cases:
        length = {"L": L} if name == "log_vandermonde" else {}
        found = values(partial(fast, **length), moved(tensors, device, wide=False))
        wanted = values(partial(exact, **length), moved(tensors, "cpu", wide=True))
        yield from compared(f"{name}, N=64", found, wanted, most)


def layer_errors(device: str, L: int) -> Iterator[dict]:
    u = torch.randn(2, 8, L, generator=torch.Generator().manual_seed(0))
    for name, kind in (("S4D", S4D), ("S4", S4), ("DSS", partial(DSS, length=L))):
        layer, exact = (kind(8, 64, dtype=d) for d in (torch.float32, torch.float64))
        exact.load_state_dict(layer.state_dict())
        both = []
        for own, place in ((copy.deepcopy(layer).to(device), device), (exact, "cpu")):
            (given,) = moved([u], place, wide=own is exact)
            leaves = [given, *own.parameters()]
            both.append(values(lambda given, *_, own=own: own(given), leaves))
        yield from compared(f"layer {name}, H=8, N=64, L={L}", *both, 1e-5)


def training(device: str, steps: int, changes: dict) -> Iterator[dict]:
    """Two epochs of a published row with their checkpoints, its test and its plan."""
    row = replace(published.configuration(ROW), **changes)
    rng = torch.Generator().manual_seed(0)

    def part(n: int) -> tuple[Tensor, Tensor]:
        x = torch.randn(n, row.channels, row.length, generator=rng)
        return x, torch.randint(0, row.outputs, (n,), generator=rng)

    few = 2 * row.batch_size
    data = Split(*part(steps * row.batch_size), *part(few), *part(few))
    own = reproduction.Training(row, data, device=device)
    name = reproduction.Name(ROW, "paper", "S4D-LegS", 0)
    with tempfile.TemporaryDirectory() as folder:
        done = partial(reproduction.run, name, own, Path(folder), epochs=2)
        result: dict = {}

        def train() -> None:
            result.update(done(say=partial(print, file=sys.stderr)) or {})

        used = peak(train, device)
    plan = reproduction.plan(own)
    hours = plan.seconds * (SEQUENCES // row.batch_size) * row.epochs / 3600
    label = f"row {ROW}, made-up data"
    losses = [epoch["train_loss"] for epoch in result["history"]]
    yield entry(f"{label}: finished epochs", len(losses), "epochs", least=2)
    yield entry(f"{label}: time per step", plan.seconds, "s")
    whole = f"h; {row.epochs} epochs of {SEQUENCES} sequences, without evaluations"
    yield entry(f"{label}: time of the whole row", hours, whole)
    yield entry(f"{label}: peak memory", used, "MiB")
