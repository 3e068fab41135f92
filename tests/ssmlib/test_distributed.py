"""Two processes on the CPU: the gradients of DDP and FSDP2, and a reset of shards."""

import gc
import os
from datetime import timedelta

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from ssmlib.layers import S4D, optimizer
from ssmlib.models import Model

pytestmark = pytest.mark.slow
SIZE = 2
SHAPE = {"d_model": 8, "d_state": 8, "n_layers": 2, "norm": "layer", "mix": "glu"}
KINDS = {
    "last": {"pooling": "last"},
    "one block": {"pooling": "last", "n_layers": 1},
    "mean": {"pooling": "mean", "prenorm": True},
    "frozen": {"frozen": ("A",), "pooling": "none"},
}


def data():
    generator = torch.Generator().manual_seed(0)
    return torch.randn(4, 2, 12, generator=generator)


def stepped(model, x):
    """Three steps of AdamW; the parameters drawn as 0 must stay at most 0."""
    taken = optimizer(model, 0.05, 0.01)
    for _ in range(3):
        taken.zero_grad()
        model(x).square().mean().backward()
        taken.step()


def whole(value):
    return value.full_tensor() if hasattr(value, "full_tensor") else value


def plain(options):
    model = Model(2, 3, **SHAPE | options)
    stepped(model, data())
    return model


def compare(model, options):
    """Means over two processes are sums in another order: float32, three steps."""
    exact = plain(options).state_dict()
    for name, value in model.state_dict().items():
        found = whole(value.detach())
        assert torch.allclose(found, exact[name], rtol=1e-4, atol=1e-4), name


def ddp(rank, options):
    model = Model(2, 3, **SHAPE | options)
    wrapped = torch.nn.parallel.DistributedDataParallel(model)
    stepped(wrapped, data()[2 * rank : 2 * rank + 2])
    compare(model, options)


def sharded(options, **more):
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (SIZE,))
    model = Model(2, 3, **SHAPE | options, **more)
    for layer in model.ssms:
        fully_shard(layer, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


def fsdp(rank, options):
    model = sharded(options)
    stepped(model, data()[2 * rank : 2 * rank + 2])
    assert all(hasattr(p, "device_mesh") for p in model.parameters())
    compare(model, options)


def reset(rank, options):
    """Made on meta, sharded, given memory, and drawn: the parameters of the seed."""
    del rank
    model = sharded(options, device="meta")
    model.to_empty(device="cpu")
    model.reset_parameters()
    exact = Model(2, 3, **SHAPE | options).state_dict()
    for name, value in model.state_dict().items():
        assert torch.equal(whole(value), exact[name]), name


def projected(rank, options):
    """A real part that a step moves above 0 is set back to 0, in each shard."""
    del rank
    model = sharded(options)
    layer = model.ssms[0]
    assert isinstance(layer, S4D)
    taken = torch.optim.SGD(model.parameters(), lr=1e3)
    model(data()).sum().backward()
    if layer.A_re.requires_grad:
        layer.A_re.grad.fill_(-1)
        taken.step()
        assert not whole(layer.A_re.detach()).any()


def worker(rank, calls, port):
    torch.set_num_threads(1)
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    dist.init_process_group(
        "gloo", rank=rank, world_size=SIZE, timeout=timedelta(seconds=60)
    )
    try:
        for call in calls:
            for options in KINDS.values():
                call(rank, options)
    finally:
        gc.collect()  # a model that is freed after its group may hang
        dist.destroy_process_group()


def test_two_processes_are_as_one():
    """One start of the processes for all calls, since it takes most of the time."""
    calls = [ddp, fsdp, reset, projected]
    store = dist.TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)
    port = store.port
    del store
    mp.spawn(worker, (calls, port), nprocs=SIZE)
