"""Write others.json: SSM parameters of models that other packages build.

    python tests/ssmlib/others.py CLONES

It needs transformers 5.23, mambapy 1.2, flax, and in the folder CLONES the clones
state-spaces/s4, lindermanlab/S5 and NicolasZucchet/minimal-LRU, under the names s4, S5
and minimal-LRU. No test runs it. The faults are planted here as their reports describe
them; the expectations are in test_others.py.
"""

from __future__ import annotations

import base64
import importlib
import json
import sys
import types
from pathlib import Path

import torch
from torch import nn

#: larger tensors are projections, which no adapter reads
MOST = {"weight": 512, "bias": 512}
BASE = {"vocab_size": 16, "hidden_size": 32, "num_hidden_layers": 2, "pad_token_id": 0}
ATTENTION = {"num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 16}
ATTENTION |= {"intermediate_size": 32}


def of_transformers(name: str, **options) -> nn.Module:
    """A fresh model from a configuration."""
    import transformers

    torch.manual_seed(0)
    config = getattr(transformers, f"{name}Config")(**BASE | options)
    return getattr(transformers, f"{name}Model")(config)


def jamba():
    own = {"attn_layer_period": 4, "attn_layer_offset": 3, "use_mamba_kernels": False}
    own |= {"num_experts": 1, "expert_layer_period": 4, "expert_layer_offset": 3}
    return of_transformers("Jamba", **ATTENTION, **own, mamba_dt_rank=4)


def zamba2():
    own = {"mamba_expand": 2, "n_mamba_heads": 16, "mamba_d_state": 8}
    own |= {"mamba_headdim": 4, "mamba_ngroups": 1, "layers_block_type": ["mamba"] * 2}
    own |= {"num_attention_heads": 2, "intermediate_size": 32}
    return of_transformers("Zamba2", **own)


def falcon_h1():
    own = {"mamba_n_heads": 16, "mamba_d_head": 4, "mamba_d_state": 8}
    return of_transformers("FalconH1", **ATTENTION, **own, mamba_d_ssm=64)


def olmo_hybrid():
    own = {"linear_num_key_heads": 4, "linear_num_value_heads": 16}
    own |= {"linear_key_head_dim": 4, "linear_value_head_dim": 4}
    kinds = ["linear_attention"] * 3 + ["full_attention"]
    own |= {"num_hidden_layers": 4, "layer_types": kinds}
    return of_transformers("OlmoHybrid", **{**ATTENTION, **own})


def mamba_in_bfloat16():
    """As `from_pretrained(..., dtype=torch.bfloat16)` keeps it."""
    return of_transformers("Mamba", state_size=16).bfloat16()


def rwkv_overwritten():
    """A generic `apply` that draws every parameter from N(0, 0.02^2)."""
    model = of_transformers("Rwkv", attention_hidden_size=32, num_hidden_layers=3)
    with torch.no_grad():
        for p in model.parameters():
            p.normal_(0, 0.02)
    return model


def qwen_without_values():
    """`to_empty` after the meta device: pages of an allocator, not zeroed."""
    own = {"linear_num_value_heads": 16, "linear_num_key_heads": 4}
    own |= {"linear_key_head_dim": 8, "linear_value_head_dim": 8}
    own |= {"num_hidden_layers": 4}
    model = of_transformers("Qwen3_5Text", **{**ATTENTION, **own})
    g = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if name.endswith(("A_log", "dt_bias")):
                bits = torch.randint(-(2**31), 2**31, p.shape, generator=g)
                p.copy_(bits.int().view(torch.float32))
    return model


class Norm(nn.RMSNorm):
    """In place of a norm of `mamba_ssm`, which needs a GPU; it has the same weight."""

    def __init__(self, size, eps, norm_before_gate, **kwargs):
        super().__init__(size, eps, **kwargs)


def mamba2_of_mambapy():
    for name in ("", ".ops", ".ops.triton", ".ops.triton.ssd_combined"):
        sys.modules[f"mamba_ssm{name}"] = types.ModuleType(name)
    kernels = sys.modules["mamba_ssm.ops.triton.ssd_combined"]
    kernels.mamba_chunk_scan_combined = None
    kernels.mamba_split_conv1d_scan_combined = None
    gated = types.ModuleType("layernorm_gated")
    gated.RMSNorm, gated.LayerNorm = Norm, nn.LayerNorm
    sys.modules["mamba_ssm.ops.triton.layernorm_gated"] = gated
    from mambapy.mamba2 import Mamba2, Mamba2Config

    torch.manual_seed(0)
    own = {"d_model": 32, "n_layers": 2, "d_head": 2, "d_state": 8}
    return Mamba2(Mamba2Config(**own))


def mamba_in_a_language_model():
    """A trainer's `apply` in the manner of GPT-2, after Mamba's own."""
    from mambapy.mamba import Mamba, MambaConfig

    torch.manual_seed(0)
    blocks = Mamba(MambaConfig(d_model=32, n_layers=2))
    model = nn.ModuleDict({"embed": nn.Embedding(16, 32), "backbone": blocks})

    def generic(module):
        if isinstance(module, nn.Linear):
            nn.init.normal_(module.weight, std=0.02)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    return model.apply(generic)


def s4d(clones: Path):
    sys.path.insert(0, str(clones / "s4"))
    # Its package imports a framework that the file itself does not need.
    for name in ("src", "src.models", "src.models.nn"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["src.models.nn"].DropoutNd = nn.Dropout1d
    torch.manual_seed(0)
    return importlib.import_module("models.s4.s4d").S4D(32, 32)


def s5(clones: Path):
    """Two blocks of HiPPO, as its training script sets them."""
    import jax
    from jax.scipy.linalg import block_diag

    jax.numpy.DeviceArray = jax.Array  # the name of older versions
    sys.path.insert(0, str(clones / "S5"))
    init = importlib.import_module("s5.ssm_init")
    layer = importlib.import_module("s5.ssm")
    blocks, P, H = 2, 32, 8
    Lambda, _, _, V, _ = init.make_DPLR_HiPPO(P // blocks)
    n = P // blocks // 2
    Lambda, V = Lambda[:n], V[:, :n]
    Vinv = block_diag(*([V.conj().T] * blocks))
    make = layer.init_S5SSM(
        H=H,
        P=P // 2,
        Lambda_re_init=jax.numpy.tile(Lambda.real, blocks),
        Lambda_im_init=jax.numpy.tile(Lambda.imag, blocks),
        V=block_diag(*([V] * blocks)),
        Vinv=Vinv,
        C_init="lecun_normal",
        discretization="zoh",
        dt_min=0.001,
        dt_max=0.1,
        conj_sym=True,
        clip_eigs=False,
        bidirectional=False,
    )
    x = jax.numpy.zeros((4, H))
    return make(step_rescale=1.0).init(jax.random.PRNGKey(0), x)


def lru(clones: Path):
    import jax

    sys.path.insert(0, str(clones / "minimal-LRU"))
    layer = importlib.import_module("lru.model").LRU
    made = layer(d_model=8, d_hidden=32, r_min=0.9, r_max=0.999, max_phase=0.314)
    return made.init(jax.random.PRNGKey(0), jax.numpy.zeros((4, 8)))


def tensors(model) -> dict[str, torch.Tensor]:
    """All tensors by name, of a module or of a pytree."""
    if isinstance(model, nn.Module):
        return model.state_dict()
    found = {}
    for key, value in model.items():
        if hasattr(value, "items"):
            found |= {f"{key}.{k}": v for k, v in tensors(value).items()}
        else:
            found[key] = torch.from_numpy(__import__("numpy").array(value))
    return found


def is_small(name: str, x: torch.Tensor) -> bool:
    return x.numel() <= MOST.get(name.rsplit(".", 1)[-1], 1024)


def stored(x: torch.Tensor) -> list:
    """The dtype, the shape and the bytes."""
    raw = x.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return [str(x.dtype)[6:], list(x.shape), base64.b64encode(raw).decode()]


def main(clones: Path) -> None:
    models = {
        "jamba": jamba(),
        "zamba2": zamba2(),
        "falcon_h1": falcon_h1(),
        "olmo_hybrid": olmo_hybrid(),
        "mamba_in_bfloat16": mamba_in_bfloat16(),
        "rwkv_overwritten": rwkv_overwritten(),
        "qwen_without_values": qwen_without_values(),
        "mamba2_of_mambapy": mamba2_of_mambapy(),
        "mamba_in_a_language_model": mamba_in_a_language_model(),
        "s4d": s4d(clones),
        "s5": s5(clones),
        "lru": lru(clones),
    }
    found = {
        name: {k: stored(v) for k, v in tensors(m).items() if is_small(k, v)}
        for name, m in models.items()
    }
    text = json.dumps(found, indent=0)
    (Path(__file__).parent / "others.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
