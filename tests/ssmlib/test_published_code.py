"""Our kernels beside the S4 authors' published code, on modes that the test draws.

Run where that code is: clone https://github.com/state-spaces/s4, install einops, and
name the clone: S4_CODE=path pytest tests/ssmlib/test_published_code.py. Nothing of it
is kept here. Checked against its commit e757cef.
"""

import importlib.util
import os
import sys
import types
from pathlib import Path

import pytest
import torch

from ssmlib.layers import DSS, S4, S4D

CODE = os.environ.get("S4_CODE")
pytestmark = pytest.mark.skipif(not CODE, reason="S4_CODE names no clone of s4")
H, N, L = 3, 8, 50


@pytest.fixture(scope="module")
def published():
    """models/s4/s4.py as a module; of PyTorch Lightning it needs a decorator."""
    pytest.importorskip("einops")
    stub = types.ModuleType("pytorch_lightning.utilities")
    stub.rank_zero_only = lambda function: function
    sys.modules.setdefault("pytorch_lightning", types.ModuleType("pytorch_lightning"))
    sys.modules.setdefault("pytorch_lightning.utilities", stub)
    path = Path(CODE) / "models/s4/s4.py"
    spec = importlib.util.spec_from_file_location("published_s4", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def drawn(kernel, seed):
    """Their kernel with every parameter moved at random, in float64; and its values."""
    kernel = kernel.double()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in kernel.parameters():
            p.add_(0.3 * torch.randn(p.shape, generator=generator, dtype=p.dtype))
        for name in ("B", "C"):
            getattr(kernel, name).normal_(generator=generator)
    return kernel


def same(layer, kernel):
    """Our layer with their parameters, through the names it documents."""
    dt, A, B, C = kernel._get_params()[:4]
    values = {"log_dt": dt.log().squeeze(-1), "A_re": A.real, "A_im": A.imag}
    values |= {"C_re": C.real, "C_im": C.imag}
    values |= {"B_re": B[0].real, "B_im": B[0].imag}
    if "P_re" in layer.state_dict():
        P = torch.view_as_complex(kernel.P)[0].expand(H, -1)
        values |= {"P_re": P.real, "P_im": P.imag}
    with torch.no_grad():
        for name in layer.state_dict().keys() - {"D"}:
            getattr(layer, name).copy_(values[name].reshape(getattr(layer, name).shape))
    return layer


@pytest.mark.parametrize("disc", ["zoh", "bilinear"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_s4d_is_theirs(published, disc, channels, seed):
    kernel = published.SSMKernelDiag(
        d_model=H, d_state=N, channels=channels, init="diag-lin", disc=disc
    )
    kernel = drawn(kernel, seed)
    layer = S4D(
        H, N, discretization=disc, bidirectional=channels == 2, dtype=torch.float64
    )
    ours = same(layer, kernel).kernel(L).reshape(channels, H, L)
    assert torch.allclose(ours, kernel(L)[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("init", ["legs", "fout"])
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_s4_is_theirs(published, init, channels, seed):
    kernel = published.SSMKernelDPLR(
        d_model=H, d_state=N, channels=channels, init=init, disc="bilinear"
    )
    kernel = drawn(kernel, seed)
    layer = S4(
        H,
        N,
        init="legs",
        discretization="bilinear",
        bidirectional=channels == 2,
        dtype=torch.float64,
    )
    # Before their first call C is C itself; it is truncated to L within that call.
    ours = same(layer, kernel).kernel(L).reshape(channels, H, L)
    theirs = kernel(L=L)[0]
    error = (ours - theirs).abs().max() / theirs.abs().max()
    assert float(error) < 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_dss_is_theirs(published, seed):
    """Theirs has the real part alone, over twice as many modes: half of ours."""
    kernel = published.SSMKernelDiag(d_model=H, d_state=N, init="diag-lin", disc="dss")
    kernel = drawn(kernel, seed)
    layer = same(DSS(H, N, length=L, dtype=torch.float64), kernel)
    with torch.no_grad():  # their B stays a factor
        B, C = (torch.view_as_complex(p)[0] for p in (kernel.B, kernel.C))
        layer.C_re.copy_((B * C).real)
        layer.C_im.copy_((B * C).imag)
    theirs = kernel(L)[0][0].double()  # rounded to float32 by them
    assert torch.allclose(layer.kernel(L) / 2, theirs, rtol=1e-5, atol=1e-5)


def test_initial_modes_are_theirs(published):
    """LegS and FouT in their eigenbasis, up to its phases; B not clipped."""
    for name in ("legs", "fout"):
        A, P, B, _ = published.nplr(name, N, dtype=torch.float64, B_clip=None)
        layer = S4(1, N, init=name, dtype=torch.float64)
        order = layer.A_im[0].argsort(descending=True)
        for ours, theirs in ((layer.A, A.conj()), (layer.B, B), (layer.P, P[0])):
            assert torch.allclose(
                ours[0][order].abs(), theirs.to(torch.complex128).abs(), atol=2e-5
            )
