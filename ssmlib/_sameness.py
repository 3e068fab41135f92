"""What a thing is made of, as text: equal texts for equal things, whatever their names.

A `repr` does not decide whether two things are the same: it leaves options out and
shortens tensors, and every lambda has the same name. Here a function is its code, its
defaults, and the values it refers to; a class is its functions and values; an object is
its class and its attributes. A part of this package, or of
an installed library, is its name and version.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from torch import nn

from ssmlib._describe import REGISTERED, Describe, Known


def structure(
    module: nn.Module,
    but: Iterable[str] = (),
    *,
    strict: bool = True,
    classes: Known | None = None,
) -> dict[str, str]:
    """Describe a module tree: each module's class, attributes, and tensors' shapes.

    Args:
        module: the tree. Values of its parameters and persistent buffers are left out,
            and whether a tensor is a parameter or a buffer.
        but: names of attributes to leave out wherever they are.
        strict: whether an attribute that cannot be compared is an error. If not, its
            class stands for it.
        classes: texts of library classes, to which this call adds. Calls may share
            it if no class changes between them.

    Returns:
        Texts by path: "ssms.0", "ssms.0.skip" and so on.

    Raises:
        ValueError: for an attribute that cannot be compared, by its path.
    """
    return Describe(module, classes).structure(module, {*but, *REGISTERED}, strict)


def text(value) -> str:
    """Describe a value; ValueError for one that cannot be compared."""
    return Describe()(value)


def differences(one: Mapping[str, str], other: Mapping[str, str]) -> list[str]:
    """The entries in which two descriptions differ, with short values: "skip (...)"."""
    found = []
    for name in dict.fromkeys([*one, *other]):
        a, b = one.get(name, "missing"), other.get(name, "missing")
        if a != b:
            short = max(len(a), len(b)) <= 60
            found.append(f"{name} ({a} and {b})" if short else name)
    return found
