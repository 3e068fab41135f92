"""Which form of a layer works with which feature of PyTorch: each cell of the API page.

The page's table is read, and every cell of it tried: a "yes" must work, a "no" must
raise an error that says why.
"""

import io
import itertools
from functools import partial
from pathlib import Path

import pytest
import torch
from packaging.version import Version
from torch import nn
from torch.func import functional_call, jacfwd, jacrev, vmap

from ssmlib.layers import DSS, LRU, S4, S4D, S5, LinOSS, S4DReal, diagonal

PAGE = Path(__file__).resolve().parents[2] / "book" / "api" / "layers.md"
#: the first PyTorch known to export a layer with an open length; 2.9 does not
EXPORTS = Version("2.13")
SHAPE = {"d_model": 2, "d_state": 4, "dtype": torch.float64, "seed": 1}


def two_steps(layer, u):
    first, state = layer.step(u[..., 0], layer.initial_state(u.shape[0]))
    return first + layer.step(u[..., 1], state)[0]


def two_frozen_steps(recurrence, u):
    first, state = recurrence(u[..., 0], recurrence.initial_state(u.shape[0]))
    return first + recurrence(u[..., 1], state)[0]


def with_state(layer, u):
    """Begin in a state that is not zero, and depend on the state at the end."""
    y, state = layer(u, layer.initial_state(u.shape[0]) + 0.5)
    size = (state * state.conj()).real.sum(-1, keepdim=True)
    return y + (size if size.ndim == 3 else size.unsqueeze(-1))


FORMS = {
    "`layer(u)`": lambda layer, u: layer(u),
    "`layer(u)`, bidirectional": lambda layer, u: layer(u),
    "`layer(u)`, in chunks": lambda layer, u: layer(u),
    "`layer(u, state)`": with_state,
    "`layer.kernel(L)`": lambda layer, u: layer.kernel(u.shape[-1]),
    "`layer.step`": two_steps,
    "`layer.recurrence()`": two_frozen_steps,
}


#: what makes a layer, by its name; those with a table on the page first
LAYERS = {
    "S4D": S4D,
    "S4": S4,
    "LRU": LRU,
    "DSS": partial(DSS, length=4096),
    "S4DReal": S4DReal,
    "S5": partial(S5, blocks=2),
    "LinOSS": LinOSS,
    "shared": partial(S4D, n_ssm=1, real_transform="exp", frozen=("B",)),
}
TABLES = {"S4D": "(forms)=", "S4": "(dense-forms)=", "LRU": "(shared-forms)="}


class Form(nn.Module):
    """A form of a layer as a module: u (B, H, L) -> a tensor."""

    def __init__(self, name, kind="S4D", **options):
        super().__init__()
        options = SHAPE | options | {"bidirectional": "bidirectional" in name}
        layer = LAYERS[kind](**options)
        self.layer = layer.recurrence() if "recurrence" in name else layer
        self.name, self.kind = name, kind

    def forward(self, u):
        return FORMS[self.name](self.layer, u)


def signal(L=9, B=2, dtype=torch.float64):
    return torch.randn(B, 2, L, generator=torch.Generator().manual_seed(L)).to(dtype)


def as_function(form):
    """(a function of u and the parameters, their values)"""
    names = [name for name, _ in form.named_parameters()]

    def call(u, *values):
        return functional_call(form, dict(zip(names, values, strict=True)), (u,))

    return call, [p.detach().clone() for p in form.parameters()]


#: Random projections of the Jacobians, which cost less than each entry. A difference
#: over steps of 1e-6 rounds by about 1e-9. PyTorch's own tolerance of 1e-5 is larger
#: than some derivatives here.
PROJECTED = {"fast_mode": True, "atol": 1e-8, "rtol": 1e-5}


def first_derivative(form):
    call, values = as_function(form)
    inputs = [t.requires_grad_() for t in (signal(5), *values)]
    assert torch.autograd.gradcheck(call, inputs, **PROJECTED)


def second_derivative(form):
    call, values = as_function(form)
    inputs = [t.requires_grad_() for t in (signal(5, B=1), *values)]
    assert torch.autograd.gradgradcheck(call, inputs, **PROJECTED)


def transforms(form):
    """vmap over parameters and inputs; jacrev and jacfwd, also nested."""
    call, values = as_function(form)
    u = torch.stack([signal(5), signal(6)[..., :5]])
    many = [torch.stack([v, v + 0.01]) for v in values]
    together = vmap(call)(u, *many)
    for k in range(2):
        alone = call(u[k], *(v[k] for v in many))
        assert torch.allclose(together[k], alone, rtol=1e-10)
    arguments = tuple(range(len(values) + 1))
    plain = torch.autograd.functional.jacobian(call, (u[0], *values))
    for jacobian in (jacrev, jacfwd):
        found = jacobian(call, argnums=arguments)(u[0], *values)
        assert all(map(torch.allclose, found, plain))
    nested(call, (u[0], *values))


def nested(call, inputs):
    """Second derivatives along a line: forward modes in one another, and reverse."""

    def along(t):
        moved = [value + t * value.cos() for value in inputs]
        return call(*moved).square().sum()

    zero = torch.zeros((), dtype=torch.float64)
    expected = jacrev(jacrev(along))(zero)
    for outer, inner in ((jacfwd, jacfwd), (jacfwd, jacrev), (jacrev, jacfwd)):
        assert float(outer(inner(along))(zero) / expected - 1) == pytest.approx(0)


def compiled(form):
    """In one graph, dynamic in the length: output and gradients."""
    torch._dynamo.reset()
    fast = torch.compile(form, backend="aot_eager", fullgraph=True, dynamic=True)
    # A dense kernel takes longer to compile, and anew where it needs more products.
    dense = (9, 131) if form.name == "`layer(u)`" else (9, 10)
    for L in dense if form.kind in ("S4", "LinOSS") else (9, 30, 131):
        results = []
        for call in (fast, form):
            form.zero_grad()
            u = signal(L).requires_grad_()
            y = call(u)
            y.square().sum().backward()
            moved = [t.grad for t in (u, *form.parameters()) if t.grad is not None]
            results.append([y.detach(), *(g.clone() for g in moved)])
        for one, other in zip(*results, strict=True):
            assert torch.allclose(one, other, rtol=1e-8, atol=1e-10)


def exported(form):
    """With dynamic length, or batch for a step; saved, loaded and run."""
    axis = 0 if "step" in form.name or "recurrence" in form.name else 2
    dims = {"u": {axis: torch.export.Dim("size", min=2, max=4096)}}
    program = torch.export.export(form, (signal(),), dynamic_shapes=dims)
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    loaded = torch.export.load(file).module()
    for size in (2, 3, 64, 131):
        u = signal(size) if axis else signal(2, B=size)
        u = u if axis else torch.cat([u, u, u, u, u[..., :1]], -1)
        assert torch.allclose(loaded(u), form(u), rtol=1e-8, atol=1e-10)


@pytest.mark.filterwarnings("ignore")
def onnx(form):
    runtime = pytest.importorskip("onnxruntime")
    form = form.float()
    u = signal(dtype=torch.float32)
    program = torch.onnx.export(form, (u,), dynamo=True, verbose=False)
    content = program.model_proto.SerializeToString()
    session = runtime.InferenceSession(content)
    name = session.get_inputs()[0].name
    (found,) = session.run(None, {name: u.numpy()})
    assert torch.allclose(torch.from_numpy(found), form(u), rtol=1e-5, atol=1e-6)


def on_meta(form):
    """Made without memory, run without memory, given memory, begun anew."""
    with torch.device("meta"):
        empty = Form(form.name, form.kind)
        assert all(p.is_meta for p in (*empty.parameters(), *empty.buffers()))
        assert empty(torch.empty(2, 2, 9, dtype=torch.float64)).is_meta
    if "recurrence" in form.name:  # made from a layer, which begins anew
        layer = LAYERS[form.kind](**SHAPE, device="meta").to_empty(device="cpu")
        layer.reset_parameters()
        empty.layer = layer.recurrence()
    else:
        empty.to_empty(device="cpu").layer.reset_parameters()
    assert torch.equal(empty(signal()), form(signal()))


def under_autocast(form):
    form = form.float()
    u = signal(dtype=torch.float32)
    plain = form(u)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(form(u), plain)


FEATURES = {
    "gradient": first_derivative,
    "second": second_derivative,
    "`torch.func`": transforms,
    "compile": compiled,
    "export": exported,
    "ONNX": onnx,
    "meta": on_meta,
    "autocast": under_autocast,
}


def table(kind):
    """(form, feature) -> "yes" or "no", as the page has it."""
    text = PAGE.read_text(encoding="utf-8").split(TABLES[kind])[1].split("\n\n")
    rows = next(part for part in text if part.startswith("| form"))
    rows = [line.strip("| ").split("|") for line in rows.splitlines()]
    head, _, *rows = [[cell.strip() for cell in row] for row in rows]
    return {
        (row[0], feature): mark
        for row in rows
        for feature, mark in zip(head[1:], row[1:], strict=True)
    }


#: only the kernel of a diagonal state has a form in chunks
CELLS = [
    (kind, *cell)
    for kind in TABLES
    for cell in itertools.product(FORMS, FEATURES)
    if kind == "S4D" or "chunks" not in cell[0]
]
#: what the layers without a table are tried with: the cells of S4D, or of another one
ALIKE = {"S5": "LRU", "LinOSS": "S4"}
OTHERS = [
    (kind, form, feature)
    for kind in LAYERS
    for form in ("`layer(u)`", "`layer(u, state)`")
    for feature in FEATURES
    if kind not in TABLES
    and feature != "ONNX"
    and (form == "`layer(u)`" or feature not in ("compile", "export"))
]
OTHERS += [  # and its step and frozen step, which are classes of their own
    ("LinOSS", form, feature)
    for form in ("`layer.step`", "`layer.recurrence()`")
    for feature in FEATURES
]
SLOW = ("second", "compile", "export", "ONNX")


def marks(kind, form, feature):
    """Slow cells; and those of an open length, whose export needs a newer PyTorch."""
    found = [pytest.mark.slow] * (feature in SLOW)
    open_length = (
        kind not in ("S4", "LinOSS") and "step" not in form and "recurrence" not in form
    )
    if feature == "export" and open_length:
        older = Version(torch.__version__) < EXPORTS
        reason = f"PyTorch before {EXPORTS} exports no layer with an open length"
        found.append(pytest.mark.skipif(older, reason=reason))
    return found


def test_the_page_has_every_cell():
    assert CELLS == [(kind, *cell) for kind in TABLES for cell in table(kind)]


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    ("kind", "name", "feature"),
    [pytest.param(*cell, marks=marks(*cell)) for cell in CELLS + OTHERS],
)
def test_a_cell_of_the_table(kind, name, feature, monkeypatch):
    form, mark = (
        Form(name, kind),
        table(kind if kind in TABLES else ALIKE.get(kind, "S4D"))[name, feature],
    )
    if "chunks" in name:  # of 4 steps, where the layer may choose them
        monkeypatch.setattr(
            diagonal, "chunk_length", lambda *_: 4 * (not torch.compiler.is_compiling())
        )
    if mark == "yes":
        FEATURES[feature](form)
        return
    assert mark == "no"
    reason = {
        ("LRU", "ONNX"): r"export its recurrence\(\)|ONNX",
        ("S4D", "ONNX"): r"export its recurrence\(\)",
        ("S4", "ONNX"): r"export its recurrence\(\)",
        ("S4", "export"): "a dense kernel cannot be exported with L left open",
    }[ALIKE.get(kind, kind), feature]
    if feature == "ONNX":
        pytest.importorskip("onnxruntime")
    with pytest.raises(Exception, match=reason):
        FEATURES[feature](form)


# What PyTorch itself cannot do: minimal examples, without this library.


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_pytorch_exports_no_complex_exponential_to_onnx():
    pytest.importorskip("onnxscript")

    class Exponential(nn.Module):
        def forward(self, x):
            return torch.exp(torch.complex(x, x)).real

    with pytest.raises(Exception, match=r"No ONNX function found for .*aten.exp"):
        torch.onnx.export(Exponential(), (torch.zeros(3),), dynamo=True, verbose=False)


@pytest.mark.slow
def test_pytorch_compiles_no_second_derivative():
    torch._dynamo.reset()
    x = torch.ones(3, requires_grad=True)
    cube = torch.compile(lambda x: (x**3).sum(), backend="aot_eager")
    (first,) = torch.autograd.grad(cube(x), x, create_graph=True)
    with pytest.raises(
        RuntimeError, match="does not currently support double backward"
    ):
        first.sum().backward()


@pytest.mark.slow
def test_a_compiled_layer_says_so_too():
    torch._dynamo.reset()
    form = Form("`layer(u)`")
    u = signal().requires_grad_()
    y = torch.compile(form, backend="aot_eager")(u)
    (first,) = torch.autograd.grad(y.square().sum(), u, create_graph=True)
    with pytest.raises(
        RuntimeError, match="does not currently support double backward"
    ):
        first.square().sum().backward()


# And what was silently wrong once.


def test_the_second_derivative_through_the_kernel_is_that_of_differences():
    """d2/da2 of (w . K(x e^a))^2, three ways."""
    from ssmlib.kernels import log_vandermonde, log_vandermonde_reference

    draw = {"dtype": torch.complex128, "generator": torch.Generator().manual_seed(0)}
    v, x = torch.randn(4, **draw), torch.randn(4, **draw)
    x = torch.complex(-x.real.abs(), x.imag) * 0.1
    w = torch.linspace(-1, 1, 50, dtype=torch.float64)

    def value(a, kernel):
        return (w @ kernel(v, x * torch.exp(a), 50)).square()

    def second(kernel):
        a = torch.zeros((), dtype=torch.float64, requires_grad=True)
        (first,) = torch.autograd.grad(value(a, kernel), a, create_graph=True)
        return float(torch.autograd.grad(first, a)[0])

    h = 1e-3  # the fourth-order stencil's error is h^4, its rounding eps / h^2
    a = torch.tensor([-2, -1, 0, 1, 2], dtype=torch.float64) * h
    values = torch.stack([value(k, log_vandermonde) for k in a])
    stencil = torch.tensor([-1, 16, -30, 16, -1], dtype=torch.float64) / (12 * h**2)
    differences = float(stencil @ values)
    assert second(log_vandermonde) == pytest.approx(differences, rel=1e-6)
    assert second(log_vandermonde_reference) == pytest.approx(differences, rel=1e-6)


def test_the_hessian_in_log_dt_is_that_of_differences():
    layer = S4D(3, 8, dtype=torch.float64, seed=0)
    u = torch.randn(2, 3, 40, generator=torch.Generator().manual_seed(0)).double()
    start = layer.log_dt.detach().clone()

    def loss(log_dt):
        y = functional_call(layer, {"log_dt": log_dt}, (u,))
        return y.square().sum()

    hessian = torch.autograd.functional.hessian(loss, start)
    assert torch.allclose(torch.func.hessian(loss)(start), hessian, rtol=1e-10)
    h = 1e-4
    for k in range(3):
        step = h * torch.eye(3, dtype=torch.float64)[k]
        gradients = [
            torch.autograd.functional.jacobian(loss, start + sign * step)
            for sign in (1, -1)
        ]
        row = (gradients[0] - gradients[1]) / (2 * h)
        assert torch.allclose(
            row, hessian[k], rtol=1e-5, atol=1e-7 * hessian.abs().max()
        )


LENGTHS = (100, 101, 211, 500, 777, 1000, 1024, 1500, 2048, 2999, 3000)


@pytest.mark.slow
def test_two_graphs_serve_every_length():
    from torch._dynamo.testing import CompileCounterWithBackend

    torch._dynamo.reset()
    layer = S4D(2, 8, seed=0)
    counter = CompileCounterWithBackend("aot_eager")
    fast = torch.compile(layer, backend=counter, fullgraph=True)
    for L in LENGTHS:
        u = signal(L, dtype=torch.float32)
        assert torch.allclose(fast(u), layer(u), atol=1e-5)
    assert counter.frame_count <= 2


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_compiler_of_kernels_too(tmp_path, monkeypatch):
    """Inductor, one graph for every length: output and gradients."""
    # Its cache does not see ATEN_CPU_CAPABILITY.
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch._dynamo.reset()
    layer = S4D(2, 8, seed=0)
    fast = torch.compile(layer, fullgraph=True, dynamic=True)
    for L in (100, 777):
        results = []
        for call in (fast, layer):
            layer.zero_grad()
            y = call(signal(L, dtype=torch.float32))
            y.square().sum().backward()
            results.append([y.detach(), *(p.grad.clone() for p in layer.parameters())])
        for one, other in zip(*results, strict=True):
            assert float((one - other).abs().max() / other.abs().max()) < 1e-5
