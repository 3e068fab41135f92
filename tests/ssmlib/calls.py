"""One representative call of each public function of the numerical modules."""

import inspect
from types import ModuleType

import numpy as np
import torch

from ssmlib import (
    autocorrelation,
    curves,
    discretization,
    hippo,
    initialization,
    inputs,
    statistics,
)
from ssmlib.initialization import (
    Initialization,
    arguments,
    discrete,
    for_task,
    modes,
    oscillators,
    schemes,
)
from ssmlib.initialization import initialization as configuration
from ssmlib.kernels import compiled, dense, diagonal, dplr, squared, tables
from ssmlib.statistics import comparisons, gaps, means, resampling, slopes
from ssmlib.theory import (
    conditioning,
    delay_task,
    gain,
    generalization,
    history,
    learning,
    memory,
    memory_noise,
    memory_window,
    population,
    sensitivity,
    tails,
    timescale,
    width,
)

MODULES: tuple[ModuleType, ...] = (
    autocorrelation,
    means,
    slopes,
    comparisons,
    resampling,
    gaps,
    curves,
    inputs,
    hippo,
    discretization,
    dense,
    diagonal,
    dplr,
    squared,
    compiled,
    tables,
    oscillators,
    schemes,
    arguments,
    modes,
    discrete,
    for_task,
    configuration,
    conditioning,
    delay_task,
    generalization,
    gain,
    history,
    learning,
    population,
    sensitivity,
    memory,
    memory_window,
    memory_noise,
    timescale,
    tails,
    width,
)

RNG = np.random.default_rng(0)
X = torch.from_numpy(RNG.standard_normal((40, 12)) + 0.5)
SERIES = torch.from_numpy(RNG.standard_normal(400))
ROW = 0.9 ** torch.arange(60, dtype=torch.float64)
A = torch.tensor([-0.5 + 1j, -0.5 + 3j, -1 + 7j], dtype=torch.complex128)
B = torch.tensor([1 + 1j, 0.5, 2], dtype=torch.complex128)
UNDAMPED = torch.tensor([1j, 3j], dtype=torch.complex128)
POLES = torch.tensor([0.5 + 0.1j, 0.5 - 0.1j, 0.9], dtype=torch.complex128)
STEPS = torch.tensor([0.1, 0.2], dtype=torch.float64)
G = conditioning.gram(A)
MATRIX = torch.from_numpy(RNG.standard_normal((2, 4, 4)) / 4)
VECTOR = torch.from_numpy(RNG.standard_normal((2, 4)))
SQUARED = (
    squared.Factors(POLES[:2].expand(2, 2), MATRIX[:, :1], MATRIX[:, 1:2], VECTOR),
    VECTOR,
    (2, 1),
)
GRID = np.linspace(-2.0, 2.0, 9)
CURVES = 0.3 * GRID**2 + RNG.normal(0, 0.02, (5, 9))
DRAWS = RNG.standard_normal(12).tolist()
U = torch.from_numpy(RNG.standard_normal((2, 3, 20)))


def generator() -> torch.Generator:
    """A generator of its own for each call, on the CPU."""
    return torch.Generator("cpu").manual_seed(3)


def process(made: inputs.Process) -> list:
    """Every result of an input process."""
    found = [made.moment(9), made.sample(3, 9, generator())]
    if made.largest_eigenvalue:
        found.append(made.largest_eigenvalue(9))
    if made.density:
        found.append(made.density(STEPS))
    return found


CALLS = {
    "autocorrelation.windows": lambda: autocorrelation.windows(SERIES, 8, 3),
    "autocorrelation.standardize": lambda: autocorrelation.standardize(X),
    "autocorrelation.second_moment": lambda: autocorrelation.second_moment(X),
    "autocorrelation.toeplitz_moment": lambda: autocorrelation.toeplitz_moment(X),
    "autocorrelation.largest_eigenvalue": lambda: [
        autocorrelation.largest_eigenvalue(X),
        autocorrelation.largest_eigenvalue(autocorrelation.windows(SERIES, 8)),
        autocorrelation.largest_eigenvalue(X.repeat(26, 90)),
    ],
    "autocorrelation.moment_largest_eigenvalue": lambda: [
        autocorrelation.moment_largest_eigenvalue(ROW),
        autocorrelation.moment_largest_eigenvalue(X.mT @ X),
        autocorrelation.moment_largest_eigenvalue(ROW.repeat_interleave(6)),
    ],
    "autocorrelation.timescale": lambda: autocorrelation.timescale(X, 2.0),
    "means.mean": lambda: statistics.mean(DRAWS, level=0.9),
    "means.paired": lambda: statistics.paired(DRAWS, DRAWS[::-1]),
    "means.count_error": lambda: statistics.count_error(3, 10),
    "slopes.slope": lambda: statistics.slope(GRID, CURVES[0]),
    "slopes.log_log_slope": lambda: statistics.log_log_slope(GRID + 3, CURVES[0] + 1),
    "comparisons.holm": lambda: statistics.holm(
        [statistics.mean(DRAWS), statistics.mean(CURVES[:, 0])]
    ),
    "resampling.bootstrap": lambda: statistics.bootstrap(np.mean, DRAWS),
    "curves.minimum": lambda: curves.minimum(GRID, CURVES, 1.0),
    "curves.cost": lambda: curves.cost(GRID, CURVES, 0.7),
    "curves.edges": lambda: curves.edges(GRID, CURVES, 0.1),
    "curves.ceiling": lambda: curves.ceiling(GRID, CURVES),
    "resampling.moved": lambda: statistics.moved(np.mean, CURVES, CURVES + 1),
    "gaps.largest_gap": lambda: statistics.largest_gap(X + 1, X),
    "autocorrelation.moment_timescale": lambda: autocorrelation.moment_timescale(ROW),
    "inputs.white": lambda: process(inputs.white()),
    "inputs.ar1": lambda: process(inputs.ar1(0.7)),
    "inputs.power_law": lambda: process(inputs.power_law(0.4)),
    "inputs.equicorrelated": lambda: process(inputs.equicorrelated(0.3)),
    "inputs.constant": lambda: process(inputs.constant()),
    "inputs.sinusoid": lambda: process(inputs.sinusoid(0.4)),
    "hippo.legs": lambda: hippo.legs(6),
    "hippo.legs_nplr": lambda: hippo.legs_nplr(6),
    "hippo.legs_frequencies": lambda: hippo.legs_frequencies(8),
    "hippo.legs_input_weights": lambda: hippo.legs_input_weights(
        hippo.legs_frequencies(8)
    ),
    "hippo.fout": lambda: hippo.fout(6),
    "hippo.unhippo": lambda: [
        *hippo.unhippo(5, 4, 2.0),
        *hippo.unhippo(5, 4, torch.tensor([1, 2], device="cpu")),
    ],
    "hippo.log_step": lambda: hippo.log_step(3),
    "history.legs_steps": lambda: history.legs_steps(5, 4),
    "history.states": lambda: history.states(*history.legs_steps(5, 12), X),
    "history.reconstruct": lambda: history.reconstruct(X, 7),
    "history.relative_error": lambda: history.relative_error(X, X[0]),
    "sensitivity.sensitivity": lambda: sensitivity.sensitivity(POLES),
    "discretization.phi": lambda: discretization.phi(A / 10),
    "discretization.real_phi": lambda: discretization.real_phi(A.real, A.imag),
    "discretization.zoh_parts": lambda: discretization.zoh_parts(A, B, 0.1),
    "discretization.bilinear_parts": lambda: discretization.bilinear_parts(A, B, 0.1),
    "discretization.dense_parts": lambda: [
        discretization.dense_parts(MATRIX, VECTOR, 0.1, method)
        for method in discretization.METHODS
    ],
    "discretization.zoh": lambda: [
        discretization.zoh(A, B, 0.1),
        discretization.zoh(A, B, STEPS[:, None]),
        discretization.zoh(A.to(torch.complex64), B.to(torch.complex64), 0.1),
    ],
    "discretization.bilinear": lambda: discretization.bilinear(A, B, STEPS[:, None]),
    "dense.krylov": lambda: dense.krylov(MATRIX, VECTOR, 5),
    "dense.dense_kernel": lambda: dense.dense_kernel(MATRIX, VECTOR, VECTOR, 30),
    "dense.dense_final_state": lambda: dense.dense_final_state(
        MATRIX[:1].expand(3, 4, 4),
        VECTOR[:1].expand(3, 4),
        U,
        torch.zeros_like(U)[..., :4],
    ),
    "dense.dense_kernel_reference": lambda: dense.dense_kernel_reference(
        MATRIX, VECTOR, VECTOR, 30
    ),
    "compiled.real_product": lambda: compiled.real_product(
        (B.real, B.imag), (A.real / 10, A.imag / 10), 30, torch.float64
    ),
    "squared.squared_kernel": lambda: squared.squared_kernel(
        *SQUARED, 30, torch.float64
    ),
    "squared.squared_kernel_reference": lambda: squared.squared_kernel_reference(
        *SQUARED, 30, torch.float64
    ),
    "tables.recorded": lambda: tables.recorded(
        torch.sin, [X.clone().requires_grad_()], torch.ones_like(X)
    ),
    "tables.plain_autograd": lambda: tables.plain_autograd(X),
    "tables.full_precision": lambda: tables.full_precision(X.device),
    "tables.conjugate": lambda: tables.conjugate(A),
    "tables.powers": lambda: tables.powers(A / 10, 6, torch.float32),
    "tables.one_by_one": tables.one_by_one,
    "tables.split": lambda: tables.split(30),
    "tables.plain_tables": lambda: tables.plain_tables(A / 10, 6, 5, torch.float64),
    "tables.tables": lambda: tables.tables(A / 10, 6, 5, torch.float64),
    "tables.stacked": lambda: tables.stacked(torch.complex(X, X)),
    "diagonal.vandermonde_product": lambda: diagonal.vandermonde_product(
        B, A / 10, 30, torch.float64
    ),
    "diagonal.final_states": lambda: diagonal.final_states(U, A / 10),
    "diagonal.log_vandermonde": lambda: [
        diagonal.log_vandermonde(B, A / 10, 30),
        diagonal.log_vandermonde(B.to(torch.complex64), A.to(torch.complex64), 30),
    ],
    "diagonal.log_vandermonde_reference": lambda: diagonal.log_vandermonde_reference(
        B, A / 10, 30
    ),
    "dplr.dplr_kernel_reference": lambda: dplr.dplr_kernel_reference(
        A, B / 3, B, B, STEPS[:, None], 30
    ),
    "schemes.uniform": lambda: schemes.uniform(5, generator()),
    "schemes.names": initialization.names,
    "schemes.is_random": lambda: initialization.is_random("rand"),
    "schemes.modes_at": lambda: schemes.modes_at(STEPS, -0.1),
    "arguments.checked_real": lambda: arguments.checked_real(-1),
    "arguments.check_options": lambda: arguments.check_options("lin", -1.0, 2.0, "one"),
    "arguments.check_hippo": lambda: arguments.check_hippo("B='hippo'", "legs"),
    "arguments.check_state_size": lambda: arguments.check_state_size("N", 8),
    "modes.initialize": lambda: [
        *(initialization.initialize(name, 8) for name in initialization.names()),
        *(initialization.initialize(name, 8, B="hippo") for name in schemes.HIPPO),
        initialization.initialize("rand", 8, seed=4, real=-0.25, imag_scale=3.0),
    ],
    "modes.low_rank": lambda: [
        initialization.low_rank(name, 8) for name in schemes.HIPPO
    ],
    "arguments.pair": lambda: [
        *arguments.pair((A, B)),
        *arguments.pair((A[None],) * 2),
    ],
    "schemes.count": lambda: schemes.count(4),
    "discrete.initialize_discrete": lambda: [
        *(initialization.initialize_discrete(name, 8, 3) for name in discrete.DISCRETE),
        Initialization("dfout").modes(8, torch.Generator("cpu").manual_seed(1), 2),
    ],
    "discrete.check_options_discrete": lambda: discrete.check_options_discrete(
        "dfout", {"xi": 0.1}
    ),
    "discrete.principal": lambda: discrete.principal(5 * A),
    "discrete.dfout": lambda: [
        initialization.initialize_discrete("dfout", 8, 2, phases=phases)
        for phases in ("circle", "half", "tokens", "random", "blocks")
    ],
    "discrete.lru": lambda: initialization.initialize_discrete("lru", 8, 2, r_min=0.5),
    "discrete.post": lambda: initialization.initialize_discrete("post", 8, 2),
    "oscillators.linoss": lambda: initialization.initialize_discrete("linoss", 8, 2),
    "oscillators.check_rule": lambda: oscillators.check_rule("im", False),
    "oscillators.draw": lambda: [
        *oscillators.draw(4, generator()),
        *oscillators.draw(4, generator(), damping=False, discretization="im"),
    ],
    "oscillators.edges": lambda: oscillators.edges(ROW, ROW + 1),
    "oscillators.largest_stable": lambda: oscillators.largest_stable(ROW, ROW + 1),
    "oscillators.transition": lambda: [
        *oscillators.transition(ROW, ROW, ROW, "imex"),
        *oscillators.transition(ROW, ROW, ROW, "im"),
    ],
    "oscillators.poles": lambda: [
        *oscillators.poles(ROW**2 + 2, ROW**2, ROW**0, "imex"),
        *oscillators.poles(ROW**2 + 2, ROW**2, ROW**0, "im"),
    ],
    "oscillators.from_poles": lambda: oscillators.from_poles(
        ROW**0 / 2, ROW**0, ROW**0
    ),
    "for_task.for_spectrum": lambda: for_task.for_spectrum(X, 2, 3),
    "for_task.for_delay": lambda: for_task.for_delay(20, 8),
    "delay_task.delay_error": lambda: delay_task.delay_error(
        torch.stack([ROW, ROW.flip(0)], 1), 1, ROW
    ),
    "generalization.output_measure": lambda: generalization.output_measure(X[:2], X),
    "gain.frequency_response": lambda: gain.frequency_response(A, B, ROW),
    "gain.peak_gain": lambda: gain.peak_gain(A, B),
    "gain.narrowest": lambda: list(
        gain.narrowest(ROW.double(), ROW.double().abs(), 0.5)
    ),
    "modes.lattice": lambda: initialization.lattice(5, 0.7, real=-0.1, first=2),
    "modes.spectrum": lambda: initialization.spectrum(A),
    "initialization.as_initialization": lambda: [
        begin.modes(8, generator())
        for begin in (
            initialization.as_initialization("random_inv", dt=0.1),
            initialization.as_initialization((A.repeat(2)[:4], B.repeat(2)[:4])),
            Initialization(([-0.1 + 0.3j] * 4, [0.7] * 4)),
        )
    ],
    "initialization.Initialization": lambda: [
        Initialization("legs").hippo(8),
        Initialization("lin").log_dt(5, generator()),
        Initialization("lin", dt=0.3).fixed_dt,
    ],
    "initialization.window_spacing": lambda: initialization.window_spacing(0.1, 64),
    "initialization.window_grid": lambda: initialization.window_grid(0.1, 64),
    "conditioning.gram": lambda: [
        conditioning.gram(A, readout=readout) for readout in conditioning.READOUTS
    ],
    "conditioning.features": lambda: [
        conditioning.features(A, 0.1, 9, readout=readout)
        for readout in conditioning.READOUTS
    ],
    "conditioning.condition_number": lambda: [
        conditioning.condition_number(G),
        conditioning.condition_number(G, normalized=True),
    ],
    "conditioning.lattice_condition": lambda: conditioning.lattice_condition(1.5),
    "conditioning.separation_bound": lambda: conditioning.separation_bound(1.5),
    "learning.descent_error": lambda: learning.descent_error(X, X[:, 0] ** 2, [1, 10]),
    "learning.least_error": lambda: learning.least_error(X, X[:, 0] ** 2),
    "learning.recovery": lambda: learning.recovery(X),
    "learning.recovery_with_noise": lambda: learning.recovery_with_noise(X, 0.1),
    "learning.descent_excess": lambda: learning.descent_excess(G, A.imag, [1, 10]),
    "learning.two_mode_condition": lambda: learning.two_mode_condition(0.3),
    "learning.two_mode_error": lambda: learning.two_mode_error(0.3, 0.2, -1),
    "population.population_loss": lambda: population.population_loss(POLES, B, ROW),
    "population.loss_gradient": lambda: population.loss_gradient(POLES, B, ROW),
    "population.readout_kernel": lambda: [
        population.readout_kernel(POLES, 7, whitened=whitened)
        for whitened in (False, True)
    ],
    "memory.distinct": lambda: memory.distinct(POLES.repeat(2)),
    "memory.memory_function": lambda: memory.memory_function(POLES, 40),
    "memory.whitened_kernels": lambda: memory.whitened_kernels(POLES, 40),
    "memory_window.window_basis": lambda: memory_window.window_basis(POLES, 40),
    "memory_window.finite_memory_function": lambda: (
        memory_window.finite_memory_function(POLES, 40)
    ),
    "memory.memory_capacity": lambda: [
        memory.memory_capacity(POLES),
        memory.memory_capacity(POLES, 5),
    ],
    "memory.group_delay": lambda: memory.group_delay(POLES, STEPS),
    "memory.mean_delay": lambda: memory.mean_delay(POLES),
    "memory.memory_quantile": lambda: memory.memory_quantile(POLES, 0.95),
    "memory_window.coloured_memory_function": lambda: (
        memory_window.coloured_memory_function(POLES, ROW)
    ),
    "memory_noise.effective_capacity": lambda: memory_noise.effective_capacity(
        POLES, B, 1e-3
    ),
    "memory_noise.fisher_memory": lambda: memory_noise.fisher_memory(POLES, B, 20),
    "timescale.output_energy": lambda: [
        timescale.output_energy(A, STEPS, R, B=B, readout=readout)
        for readout in timescale.READOUTS
        for R in (ROW, X.mT @ X)
    ],
    "timescale.bound": lambda: timescale.bound(A, STEPS, ROW, B=B),
    "timescale.damped_bound": lambda: timescale.damped_bound(A, STEPS, ROW, B=B),
    "timescale.stationary_energy": lambda: timescale.stationary_energy(
        UNDAMPED, 0.1, 99, torch.ones_like
    ),
    "timescale.critical_dt": lambda: timescale.critical_dt(UNDAMPED, ROW),
    "tails.final_state": lambda: tails.final_state(A, 0.1, X),
    "tails.tail_probability": lambda: tails.tail_probability(
        torch.complex(X, X), STEPS + 1
    ),
    "width.transfer_gap": lambda: width.transfer_gap(8, 1j * STEPS),
    "width.legs_basis": lambda: width.legs_basis(3, STEPS),
    "width.normal_kernels": lambda: width.normal_kernels(8, 3, 0.1, 9),
    "width.normal_responses": lambda: width.normal_responses(8, 3, STEPS),
    "width.eigenvector_digits": lambda: width.eigenvector_digits(8),
}


def public() -> list[str]:
    """The names "module.function" of every public function of `MODULES`."""
    return [
        f"{module.__name__.rsplit('.', 1)[-1]}.{name}"
        for module in MODULES
        for name, value in vars(module).items()
        if inspect.isfunction(value)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]


def numbers(result) -> list:
    """The leaves of a result, tensors as NumPy arrays."""
    if isinstance(result, torch.Tensor):
        return [result.detach().cpu().resolve_conj().numpy()]
    if isinstance(result, (list, tuple)):
        return [leaf for part in result for leaf in numbers(part)]
    if isinstance(result, statistics.Estimate):
        return [result.value, result.se, result.freedom, result.low, result.p]
    return [result]
