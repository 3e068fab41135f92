"""Training that does not depend on PyTorch's global state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

#: the kinds of devices that have an autocast of their own
KINDS = ("cpu", "cuda", "mps", "xpu")


@contextlib.contextmanager
def isolated() -> Iterator[None]:
    """Set PyTorch's global state to its defaults, and put it back afterwards.

    That state is the default dtype and device, the precision of float32 products,
    autocast, inference mode, and whether gradients are recorded.
    """
    dtype, precision = torch.get_default_dtype(), torch.get_float32_matmul_precision()
    torch.set_default_dtype(torch.float32)
    torch.set_float32_matmul_precision("highest")
    try:
        with contextlib.ExitStack() as stack:
            if torch.get_default_device().type != "cpu":
                stack.enter_context(torch.device("cpu"))
            for kind in KINDS:
                if torch.is_autocast_enabled(kind):
                    stack.enter_context(torch.autocast(kind, enabled=False))
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.set_float32_matmul_precision(precision)
