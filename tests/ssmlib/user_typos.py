"""Mistakes of a user: pyright reports the error that the comment of a line names.

`make lint` runs pyright, which fails at an error without a comment, and here also at a
comment that names an error which pyright does not report.
"""

# pyright: reportUnnecessaryTypeIgnoreComment=true

import torch

from ssmlib import DSS, S4, S4D, Model, fit, recommend
from ssmlib.layers import S4DReal
from ssmlib.tasks import images
from ssmlib.training import compare


def typos() -> None:
    data, u = images.digits(), torch.randn(2, 4, 32)
    S4D(4, 8, init="typo")  # pyright: ignore[reportArgumentType]
    S4D(4, 8, real_transform="softmax")  # pyright: ignore[reportArgumentType]
    S4D(4, 8, discretization="euler")  # pyright: ignore[reportArgumentType]
    S4D(4, 8, frozen=("C",))  # pyright: ignore[reportArgumentType]
    S4D(4, 8, dstate=8)  # pyright: ignore[reportCallIssue]
    S4(4, 8, init="lin")  # pyright: ignore[reportArgumentType]
    S4(4, 8, discretisation="zoh")  # pyright: ignore[reportCallIssue]
    S4DReal(4, 8, real_transform="abs")  # pyright: ignore[reportArgumentType]
    DSS(4, 8, variant="sofmax")  # pyright: ignore[reportArgumentType]
    DSS(4, 8, length=9, discretization="zoh")  # pyright: ignore[reportCallIssue]
    S4D(4, 8)(u)[0].backward(u, u, u, u, u)  # pyright: ignore[reportCallIssue]
    y, state = S4D(4, 8)(u, "state")  # pyright: ignore[reportArgumentType, reportCallIssue]
    Model(1, 2, pooling="max")  # pyright: ignore[reportArgumentType]
    Model(1, 2, norm="group")  # pyright: ignore[reportArgumentType]
    Model(1, 2, mix="gelu")  # pyright: ignore[reportArgumentType]
    Model(1, 2, layer="ltsm")  # pyright: ignore[reportArgumentType]
    Model(1, 2, init="typo")  # pyright: ignore[reportArgumentType]
    fit(data, {}, nlayers=2)  # pyright: ignore[reportCallIssue]
    fit(data, {}, optimizer="adam")  # pyright: ignore[reportArgumentType]
    fit(data, {}, pooling="max")  # pyright: ignore[reportArgumentType]
    fit(data, {}, norm="group")  # pyright: ignore[reportArgumentType]
    fit(data, {}, d_state="8")  # pyright: ignore[reportArgumentType]
    compare(data, {}, rates=[0.1], seeds=[0], epochs=1, nlayers=2)  # pyright: ignore[reportCallIssue]
    recommend(u, 8, constants=2.0)  # pyright: ignore[reportCallIssue]
    recommend(u, "8")  # pyright: ignore[reportArgumentType]
    print(y, state)
