"""By function a good call, with the kind of each argument, for `test_promises`."""

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
from ssmlib.kernels import dense, diagonal, dplr, tables
from ssmlib.theory import (
    conditioning,
    delay_task,
    gain,
    generalization,
    history,
    learning,
    memory,
    sensitivity,
    timescale,
    width,
)
from tests.ssmlib import calls

A, B, POLES, X, ROW, G = calls.A, calls.B, calls.POLES, calls.X, calls.ROW, calls.G
STEPS, U, MATRIX, VECTOR = calls.STEPS, calls.U, calls.MATRIX, calls.VECTOR
GRID, DRAWS = calls.GRID, np.array(calls.DRAWS)
ENERGY = {
    "A": ("complex", A),
    "dt": ("positive", 0.1),
    "R": ("real", ROW),
    "B": ("complex", B),
    "readout": ("name", "complex"),
}
POLE = {"eigenvalues": ("complex", POLES)}
DELAYS = POLE | {"T": ("size", 9)}
LAYER = POLE | {"weights": ("complex", B), "teacher": ("real", ROW)}
NOISY = {"A_bar": ("complex", POLES), "B_bar": ("complex", B)}
DISCRETE = {"A": ("complex", A), "B": ("complex", B), "dt": ("positive", 0.1)}
DENSE = {
    "A_bar": ("dense", MATRIX),
    "B_bar": ("dense", VECTOR),
    "C": ("dense", VECTOR),
    "L": ("size", 9),
}
MODES = {"v": ("modes", B), "x": ("modes", A), "L": ("size", 9)}
LEGS = history.legs_steps(3, X.shape[1])
CURVE = {"x": ("draws", GRID), "curves": ("curves", calls.CURVES)}
PAIR = {"x": ("draws", GRID + 3), "y": ("draws", calls.CURVES[0] + 1)}

PROMISES = {
    autocorrelation.windows: {
        "series": ("real", calls.SERIES),
        "L": ("size", 8),
        "stride": ("integer", 2),
    },
    autocorrelation.standardize: {"x": ("real", X)},
    autocorrelation.second_moment: {"x": ("real", X)},
    autocorrelation.toeplitz_moment: {"x": ("real", X)},
    autocorrelation.largest_eigenvalue: {"x": ("real", X)},
    autocorrelation.moment_largest_eigenvalue: {"R": ("real", ROW)},
    autocorrelation.moment_timescale: {"R": ("real", ROW)},
    autocorrelation.timescale: {"x": ("real", X), "constant": ("positive", 1.0)},
    statistics.mean: {"values": ("draws", DRAWS), "level": ("share", 0.9)},
    statistics.paired: {
        "a": ("draws", DRAWS),
        "b": ("draws", DRAWS[::-1]),
        "level": ("share", 0.9),
    },
    statistics.count_error: {"count": ("integer", 3), "n": ("integer", 9)},
    statistics.slope: PAIR,
    statistics.log_log_slope: PAIR,
    curves.minimum: CURVE | {"width": ("number", 1.0)},
    curves.cost: CURVE | {"at": ("number", 1.0)},
    curves.edges: CURVE | {"rise": ("number", 1.0)},
    curves.ceiling: CURVE | {"factor": ("number", 2.0)},
    inputs.ar1: {"rho": ("number", 0.5)},
    inputs.power_law: {"alpha": ("positive", 0.5)},
    inputs.equicorrelated: {"r": ("number", 0.5)},
    inputs.sinusoid: {"omega": ("number", 0.5)},
    hippo.legs: {"N": ("size", 6)},
    hippo.legs_nplr: {"N": ("size", 6)},
    hippo.legs_frequencies: {"N": ("size", 6)},
    hippo.legs_input_weights: {"omega": ("real", STEPS)},
    hippo.fout: {"N": ("size", 6)},
    discretization.phi: {"z": ("tensor", A)},
    discretization.zoh: DISCRETE,
    discretization.bilinear: DISCRETE,
    dense.krylov: {
        "A": ("dense", MATRIX),
        "x": ("dense", VECTOR),
        "count": ("integer", 5),
    },
    dense.dense_kernel: DENSE,
    dense.dense_kernel_reference: DENSE | {"L": ("integer", 9)},
    tables.powers: {
        "x": ("modes", A),
        "count": ("integer", 4),
        "dtype": ("name", torch.float32),
    },
    diagonal.final_states: {"u": ("tensor", U), "x": ("modes", A)},
    diagonal.log_vandermonde: MODES,
    diagonal.log_vandermonde_reference: MODES,
    dplr.dplr_kernel_reference: {
        "A": ("complex", A),
        "P": ("complex", B / 3),
        "B": ("complex", B),
        "C": ("complex", B),
        "dt": ("positive", 0.1),
        "L": ("size", 9),
    },
    initialization.is_random: {"name": ("name", "lin")},
    initialization.initialize: {
        "name": ("name", "rand"),
        "N": ("size", 8),
        "imag_scale": ("number", 1.0),
        "B": ("name", "one"),
    },
    initialization.low_rank: {"name": ("good", "legs"), "N": ("size", 8)},
    initialization.lattice: {
        "n": ("size", 4),
        "spacing": ("number", 1.0),
        "real": ("number", -1.0),
    },
    initialization.spectrum: {"A": ("complex", A)},
    initialization.window_spacing: {"dt": ("positive", 0.1), "L": ("integer", 9)},
    initialization.window_grid: {"dt": ("positive", 0.1), "L": ("integer", 9)},
    conditioning.gram: {"A": ("complex", A), "readout": ("name", "real")},
    conditioning.features: {
        "A": ("complex", A),
        "dt": ("positive", 0.1),
        "L": ("size", 9),
        "readout": ("name", "real"),
    },
    conditioning.condition_number: {"G": ("real", G)},
    conditioning.lattice_condition: {
        "delta": ("positive", 1.5),
        "a": ("positive", 0.5),
        "readout": ("name", "real"),
    },
    conditioning.separation_bound: {"delta": ("positive", 1.5), "a": ("positive", 0.5)},
    learning.descent_error: {
        "F": ("real", X),
        "target": ("real", X[:, 0]),
        "steps": ("integer", 3),
    },
    learning.least_error: {
        "F": ("real", X),
        "target": ("real", X[:, 0]),
        "cut": ("number", 1e-9),
    },
    delay_task.delay_error: {
        "F": ("real", X),
        "delay": ("integer", 3),
        "r": ("real", calls.ROW[:40]),
        "cut": ("number", 1e-9),
    },
    generalization.output_measure: {"kernel": ("real", X[:2]), "x": ("real", X)},
    gain.frequency_response: {
        "log_A_bar": ("complex", A),
        "weights": ("complex", B),
        "omega": ("real", ROW),
    },
    gain.peak_gain: {"log_A_bar": ("complex", A), "weights": ("complex", B)},
    gain.narrowest: {
        "x": ("real", ROW),
        "weights": ("real", ROW.abs()),
        "share": ("positive", 0.5),
    },
    hippo.unhippo: {
        "N": ("size", 5),
        "steps": ("size", 4),
        "noise": ("positive", 2.0),
    },
    hippo.log_step: {"k": ("integer", 3)},
    history.legs_steps: {"N": ("size", 5), "steps": ("size", 4)},
    history.states: {
        "A": ("real", LEGS[0]),
        "B": ("real", LEGS[1]),
        "u": ("real", X),
    },
    history.reconstruct: {"c": ("real", X), "steps": ("size", 4)},
    history.relative_error: {"found": ("real", X), "true": ("real", X + 3)},
    sensitivity.sensitivity: POLE,
    learning.recovery: {"F": ("real", X), "cut": ("number", 1e-9)},
    learning.recovery_with_noise: {"F": ("real", X), "noise": ("positive", 0.1)},
    learning.descent_excess: {
        "G": ("real", G),
        "best": ("real", A.imag),
        "steps": ("integer", 3),
    },
    learning.two_mode_condition: {"d": ("positive", 0.3)},
    learning.two_mode_error: {
        "d": ("positive", 0.3),
        "e": ("positive", 0.2),
        "sign": ("integer", 1),
    },
    learning.population_loss: LAYER,
    learning.loss_gradient: LAYER,
    learning.readout_kernel: DELAYS,
    memory.distinct: POLE | {"tol": ("number", 1e-9)},
    memory.memory_function: DELAYS,
    memory.whitened_kernels: DELAYS,
    memory.window_basis: DELAYS,
    memory.finite_memory_function: DELAYS,
    memory.memory_capacity: POLE,
    memory.group_delay: POLE | {"omega": ("real", STEPS)},
    memory.mean_delay: POLE,
    memory.memory_quantile: POLE | {"share": ("share", 0.9)},
    memory.coloured_memory_function: POLE | {"R": ("real", ROW)},
    memory.effective_capacity: NOISY | {"noise": ("positive", 0.1)},
    memory.fisher_memory: NOISY | {"T": ("size", 9)},
    timescale.output_energy: ENERGY,
    timescale.bound: ENERGY,
    timescale.damped_bound: ENERGY,
    timescale.stationary_energy: {
        "A": ("complex", calls.UNDAMPED),
        "dt": ("positive", 0.1),
        "L": ("integer", 9),
        "density": ("name", torch.ones_like),
        "readout": ("name", "complex"),
    },
    timescale.critical_dt: {
        "A": ("complex", calls.UNDAMPED),
        "R": ("real", ROW),
        "threshold": ("positive", 1.0),
    },
    timescale.final_state: {
        "A": ("complex", A),
        "dt": ("positive", 0.1),
        "x": ("real", X),
    },
    timescale.tail_probability: {
        "states": ("complex", torch.complex(X, X)),
        "level": ("real", STEPS),
    },
    width.transfer_gap: {"N": ("size", 8), "s": ("tensor", 1j * STEPS)},
    width.legs_basis: {"n": ("size", 3), "t": ("real", STEPS)},
    width.normal_kernels: {
        "N": ("size", 8),
        "n": ("integer", 3),
        "dt": ("positive", 0.1),
        "L": ("size", 9),
        "discretization": ("name", "zoh"),
        "input_scale": ("number", 0.5),
    },
    width.normal_responses: {
        "N": ("size", 8),
        "n": ("integer", 3),
        "t": ("real", STEPS),
    },
    width.eigenvector_digits: {"N": ("size", 8)},
}
