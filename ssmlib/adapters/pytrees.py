"""Nested mappings and sequences of arrays, as JAX has them: replace some leaves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from torch import Tensor

from ssmlib import _checks


def replaced(tree: Any, values: Mapping[str, Tensor], path: str = "") -> Any:
    """Return a pytree with new values at some paths; the given one is not changed.

    Args:
        tree: nested mappings, lists and tuples of arrays.
        values: by path, the keys joined by dots, float64 or complex128 values.
        path: of the tree itself.

    Returns:
        A tree of the same structure, with arrays of the same kind and dtype.

    Raises:
        ValueError: for a value that the dtype of its array cannot hold.
    """

    def of(key, child):
        return replaced(child, values, f"{path}.{key}" if path else str(key))

    if isinstance(tree, Mapping):
        found = {key: of(key, child) for key, child in tree.items()}
        return found if type(tree) is dict else type(tree)(found)  # type: ignore
    if isinstance(tree, list | tuple):
        children = [of(k, child) for k, child in enumerate(tree)]
        named = hasattr(tree, "_fields")
        return type(tree)(*children) if named else type(tree)(children)
    return like(path, tree, values[path]) if path in values else tree


def like(path: str, leaf: Any, value: Tensor) -> Any:
    """Return a value as an array of the same kind and dtype as another one.

    Args:
        path: of the array, for the error.
        leaf: the array, of NumPy, JAX or another library of the array API, or a tensor.
        value: the new value.

    Raises:
        ValueError: for a value that the dtype cannot hold.
    """
    if isinstance(leaf, Tensor):
        return _checks.finite(path, value.to(leaf.dtype)).to(leaf.device)
    # A conversion through float64 of NumPy, which every array library reads
    found = leaf.__array_namespace__().asarray(value.numpy(), dtype=leaf.dtype)
    wide = np.asarray(found, dtype=complex)
    if not np.isfinite(wide).all():
        raise ValueError(f"{path} must be finite in {leaf.dtype}")
    return found
