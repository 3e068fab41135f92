"""Kernels of diagonal and dense SSMs, each with a plain reference."""

from ssmlib.kernels.dense import (
    dense_final_state,
    dense_kernel,
    dense_kernel_reference,
    krylov,
)
from ssmlib.kernels.diagonal import (
    COMPLEX,
    REAL,
    conjugate,
    final_states,
    full_precision,
    log_vandermonde,
    log_vandermonde_reference,
    powers,
    stacked,
    vandermonde_product,
)
from ssmlib.kernels.dplr import dplr_kernel_reference

__all__ = [
    "COMPLEX",
    "REAL",
    "conjugate",
    "dense_final_state",
    "dense_kernel",
    "dense_kernel_reference",
    "dplr_kernel_reference",
    "final_states",
    "full_precision",
    "krylov",
    "log_vandermonde",
    "log_vandermonde_reference",
    "powers",
    "stacked",
    "vandermonde_product",
]
