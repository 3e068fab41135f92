"""Mistakes of a user: pyright must report each line that ends in `# typo`."""

import torch

from ssmlib import DSS, S4, S4D, Model, fit, recommend
from ssmlib.layers import S4DReal
from ssmlib.tasks import images
from ssmlib.training import compare


def typos() -> None:
    data, u = images.digits(), torch.randn(2, 4, 32)
    S4D(4, 8, init="typo")  # typo
    S4D(4, 8, real_transform="softmax")  # typo
    S4D(4, 8, discretization="euler")  # typo
    S4D(4, 8, frozen=("C",))  # typo
    S4D(4, 8, dstate=8)  # typo
    S4(4, 8, init="lin")  # typo
    S4(4, 8, discretisation="zoh")  # typo
    S4DReal(4, 8, real_transform="abs")  # typo
    DSS(4, 8, variant="sofmax")  # typo
    DSS(4, 8, length=9, discretization="zoh")  # typo
    S4D(4, 8)(u)[0].backward(u, u, u, u, u)  # typo
    y, state = S4D(4, 8)(u, "state")  # typo
    Model(1, 2, pooling="max")  # typo
    Model(1, 2, norm="group")  # typo
    Model(1, 2, mix="gelu")  # typo
    Model(1, 2, layer="ltsm")  # typo
    Model(1, 2, init="typo")  # typo
    fit(data, {}, nlayers=2)  # typo
    fit(data, {}, optimizer="adam")  # typo
    fit(data, {}, pooling="max")  # typo
    fit(data, {}, norm="group")  # typo
    fit(data, {}, d_state="8")  # typo
    compare(data, {}, rates=[0.1], seeds=[0], epochs=1, nlayers=2)  # typo
    recommend(u, 8, constants=2.0)  # typo
    recommend(u, "8")  # typo
    print(y, state)
