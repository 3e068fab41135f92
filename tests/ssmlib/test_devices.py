"""One device throughout: nothing hidden on the CPU, forward or backward.

Without a GPU, meta tensors stand for it: a dispatch mode refuses every operation that
mixes them with tensors of real memory. `test_gpu` has the tests that need a GPU.
"""

import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ssmlib import autocorrelation, discretization, hippo, initialization, inputs
from ssmlib.initialization import Initialization
from ssmlib.kernels import final_states, log_vandermonde, log_vandermonde_reference
from ssmlib.layers import S4D
from ssmlib.models import POOLING, Ensemble, Model
from ssmlib.theory import conditioning, learning, timescale

CASES = {
    "zoh": {},
    "bilinear": {"discretization": "bilinear"},
    "bidirectional": {"bidirectional": True},
    "no skip": {"skip": False},
    **{f"init {name}": {"init": name} for name in initialization.names()},
}


class OneDevice(TorchDispatchMode):
    """Refuses operations on two devices; a bare number may live anywhere."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        moves = func in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
        devices = {
            leaf.device.type
            for leaf in tree_leaves((args, kwargs))
            if isinstance(leaf, torch.Tensor) and leaf.ndim > 0
        }
        if len(devices) > 1 and not moves:
            raise RuntimeError(f"{func} mixes {sorted(devices)}")
        return func(*args, **(kwargs or {}))


def run_layer(device, **options):
    layer = S4D(3, 8, device=device, **options)
    u = torch.randn(2, 3, 50, device=device, requires_grad=True)
    y = layer(u)
    assert y.device.type == torch.device(device).type
    y.sum().backward()
    assert all(p.grad.device == p.device for p in layer.parameters())
    if not layer.bidirectional:
        state = layer.initial_state(2)
        y, state = layer(u, state)
        (y.sum() + layer.step(u[..., 0], state)[0].sum()).backward()
        recurrence = layer.recurrence()
        y, _ = recurrence(u[..., 0].detach(), recurrence.initial_state(2))
        assert y.device == u.device
    layer.reset_parameters()


def run_ensemble(device, **options):
    inits = [Initialization(), Initialization("inv", real=0.0, dt=0.1)]
    shape = {"d_model": 4, "d_state": 8} | options
    model = Ensemble([Model(2, 3, init=init, **shape) for init in inits]).to(device)
    x = torch.randn(2, 5, 2, 30, device=device)
    model(x).sum().backward()
    assert all(u.device == x.device for u in model.layer_inputs(x))
    assert all(p.grad.device == p.device for p in model.parameters())


def run_functions(device):
    x = torch.zeros(3, 4, dtype=torch.complex64, device=device, requires_grad=True)
    for kernel in (log_vandermonde, log_vandermonde_reference):
        kernel(x, x, 20).sum().backward()
    final_states(torch.zeros(2, 3, 20, device=device), x).real.sum().backward()
    dt = torch.ones(3, 1, device=device)
    for method in (discretization.zoh, discretization.bilinear):
        A_bar, B_bar = method(x, x, dt)
        (A_bar.real.sum() + B_bar.real.sum()).backward()


@pytest.mark.parametrize("options", CASES.values(), ids=CASES)
def test_layer_on_one_device(options):
    with OneDevice():
        run_layer("meta", **options)


@pytest.mark.parametrize("pooling", POOLING)
@pytest.mark.parametrize("options", [{}, {"n_layers": 2, "norm": True}])
def test_ensemble_on_one_device(pooling, options):
    with OneDevice():
        run_ensemble("meta", pooling=pooling, **options)


def test_functions_on_one_device():
    with OneDevice():
        run_functions("meta")


def test_the_mode_sees_a_hidden_cpu_tensor():
    with pytest.raises(RuntimeError, match="mixes"), OneDevice():
        torch.ones(3, device="meta") * torch.ones(3)


@pytest.mark.slow
def test_the_kernel_compiles_whole():
    """As `test_features` has it for layers."""
    v = torch.randn(3, 4, dtype=torch.complex64)
    kernel = torch.compile(log_vandermonde, backend="aot_eager", fullgraph=True)
    assert torch.allclose(
        kernel(v, -v.abs() + 1j * v, 30),
        log_vandermonde(v, -v.abs() + 1j * v, 30),
        atol=1e-5,
    )


# What takes eigenvalues or data works on their device: every tensor made on the way
# says on which, and none is handed to NumPy before it was brought to the host.

FACTORIES = {
    getattr(torch, name)
    for name in (
        "arange as_tensor empty eye full linspace logspace ones rand randn randint "
        "randperm tensor zeros"
    ).split()
}


class DeviceStated(TorchFunctionMode):
    """Refuses tensors made on no stated device, and NumPy on what may be elsewhere."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        seeded = kwargs.get("generator") is not None
        if func in FACTORIES and "device" not in kwargs and not seeded:
            if not (args and isinstance(args[0], torch.Tensor)):
                raise RuntimeError(
                    f"{func.__name__} makes a tensor on no stated device"
                )
        if func in (torch.Tensor.numpy, torch.Tensor.__array__):
            if not getattr(args[0], "brought", False):
                raise RuntimeError("NumPy is given a tensor that may be elsewhere")
        result = func(*args, **kwargs)
        if func is torch.Tensor.cpu:
            result = result.clone()
            result.brought = True
        return result


A = torch.tensor([-0.5 + 1j, -0.5 + 3j, -1 + 7j], dtype=torch.complex128)
X = torch.randn(400, 16, generator=torch.Generator().manual_seed(0)).double()
ROW = 0.9 ** torch.arange(300, dtype=torch.float64)
STEPS = torch.tensor([0.1, 0.2], dtype=torch.float64)
STATED = {
    "output_energy": lambda: timescale.output_energy(A, STEPS, ROW, readout="real"),
    "output_energy of a matrix": lambda: timescale.output_energy(A, 0.1, X.mT @ X),
    "bound": lambda: timescale.bound(A, STEPS, ROW),
    "damped_bound": lambda: timescale.damped_bound(A, STEPS, ROW),
    "stationary_energy": lambda: timescale.stationary_energy(
        torch.complex(torch.zeros_like(A.real), A.imag), 0.1, 99, torch.ones_like
    ),
    "critical_dt": lambda: timescale.critical_dt(A[:1] + 0.5, ROW),
    "final_state": lambda: timescale.final_state(A, 0.1, X),
    "tail_probability": lambda: timescale.tail_probability(
        torch.complex(X, X), STEPS + 1
    ),
    "gram": lambda: conditioning.gram(A, readout="complex"),
    "features": lambda: conditioning.features(A, 0.1, 20, readout="complex"),
    "condition_number": lambda: conditioning.condition_number(
        X.mT @ X, normalized=True
    ),
    "descent_error": lambda: learning.descent_error(X, X[:, 0], [1, 10]),
    "descent_excess": lambda: learning.descent_excess(X.mT @ X, X[0], [1, 10]),
    "least_error": lambda: learning.least_error(X, X[:, 0]),
    "recovery": lambda: learning.recovery(X),
    "recovery_with_noise": lambda: learning.recovery_with_noise(X, 0.1),
    "legs_input_weights": lambda: hippo.legs_input_weights(A.imag),
    "largest_eigenvalue": lambda: autocorrelation.largest_eigenvalue(X),
    "largest_eigenvalue, Lanczos": lambda: autocorrelation.largest_eigenvalue(
        X.repeat(3, 70)
    ),
    "moment_largest_eigenvalue": lambda: autocorrelation.moment_largest_eigenvalue(ROW),
    "moment of a short row": lambda: autocorrelation.moment_largest_eigenvalue(
        ROW[:20]
    ),
    "toeplitz_moment": lambda: autocorrelation.toeplitz_moment(X),
    "second_moment": lambda: autocorrelation.second_moment(X),
    "standardize": lambda: autocorrelation.standardize(X),
    "timescale": lambda: autocorrelation.timescale(X),
    "spectrum": lambda: initialization.spectrum(A),
    **{
        f"sample of {process.name}": lambda p=process: p.sample(
            3, 20, torch.Generator().manual_seed(0)
        )
        for process in (
            inputs.white(),
            inputs.ar1(0.5),
            inputs.power_law(0.5),
            inputs.equicorrelated(0.3),
            inputs.constant(),
            inputs.sinusoid(0.4),
        )
    },
}


@pytest.mark.parametrize("name", STATED)
def test_every_tensor_is_made_on_a_stated_device(name):
    with DeviceStated():
        STATED[name]()


def test_the_other_mode_sees_a_tensor_without_a_device():
    with DeviceStated():
        with pytest.raises(RuntimeError, match="on no stated device"):
            torch.arange(3)
        with pytest.raises(RuntimeError, match="NumPy is given"):
            X.numpy()
        assert X.cpu().numpy() is not None
