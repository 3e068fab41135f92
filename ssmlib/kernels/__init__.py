"""Kernels of diagonal and dense SSMs, each with a plain reference."""

from ssmlib.kernels.compiled import real_product
from ssmlib.kernels.dense import (
    dense_final_state,
    dense_kernel,
    dense_kernel_reference,
    krylov,
)
from ssmlib.kernels.diagonal import (
    final_states,
    log_vandermonde,
    log_vandermonde_reference,
    vandermonde_product,
)
from ssmlib.kernels.dplr import dplr_kernel_reference
from ssmlib.kernels.tables import (
    COMPLEX,
    REAL,
    conjugate,
    full_precision,
    powers,
    stacked,
)

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
    "real_product",
    "stacked",
    "vandermonde_product",
]
