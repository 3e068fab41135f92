"""A stack of sequence layers with encoder and decoder."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from ssmlib import _checks
from ssmlib._literals import Mix, NormName, OtherLayerName, Part, Pooling
from ssmlib.initialization import Range
from ssmlib.layers import S4D
from ssmlib.layers.base import Init
from ssmlib.layers.parameters import DTYPES
from ssmlib.layers.state import set_
from ssmlib.models import blocks
from ssmlib.models.inputs import (
    LayerInputs,
    check_dtype,
    check_masks,
    check_shape,
    checked_lengths,
    padded,
)
from ssmlib.models.norms import Norm
from ssmlib.models.options import (
    MIXING,
    POOLING,
    check_layer,
    check_sizes,
    check_switches,
    checked_dropout,
    checked_norm,
    with_options,
)
from ssmlib.models.padding import aligned, mean, valid_steps, within
from ssmlib.models.parts import (
    Place,
    drawn,
    is_whole,
    layers,
    matrix,
    mixed,
    mixing,
    reset,
    zeros,
)
from ssmlib.models.prediction import Predicting
from ssmlib.models.saving import Saving, arguments
from ssmlib.models.sizes import Sizes
from ssmlib.models.stepping import Stepping


class Model(Predicting, Saving, Sizes, Stepping):
    """A stack of sequence layers between a linear encoder and a linear decoder.

    It maps x (B, channels, L) to (B, outputs), or to (B, outputs, L) without pooling.
    Each of its blocks computes u + mix(gelu(layer(u))).

    With tokens=True, x is int64 (B, L) with values 0 .. channels-1, 0 for padding, and
    the encoder is a table of vectors. The values of x at steps that do not count, NaN
    included, change neither the output nor the gradient.

    A layer "transformer" is a block of its own: norm, mix, linear and the bias of the
    mixing do not apply to it. The layers of `OTHER_LAYERS` have no init, dt, d_state or
    frozen.

    A state dict stores the options in `meaning`. Loading it into a model with other
    options raises RuntimeError, as in `layers.SSM`.

    Args:
        channels: number of channels of x; with tokens, the number of tokens.
        outputs: number of outputs.
        layer: a class of SSM layers; a function of (d_model, d_state, init=, seed=)
            that returns a layer, and that accepts frozen= if frozen is given; or a name
            of `OTHER_LAYERS`.
        init: initialization of the layers, as the layer accepts it.
        later_dt: the dt of the layers after the first; None for that of init.
        frozen: those of "A", "B" and "dt" that are not trained; they are buffers.
        d_model: number of features, at least 1.
        d_state: real state size of the layers.
        n_layers: number of blocks, at least 1.
        pooling: "last" decodes the last step, "mean" the mean over time, "none" every
            step. With "last", the last block needs only one product with its kernel.
        linear: whether a block is its layer alone.
        mix: "linear" for one matrix, or "glu" for two of which one gates the other.
        norm: "layer" (or True), "batch", or False for no normalization. It follows each
            block.
        prenorm: whether the norm precedes each layer, with one more before the decoder.
        bias: whether encoder and mixing have a bias. Without one, an input of zeros
            gives blocks of zeros. A constant that is added to the input would require
            dt of about 1/L.
        dropout: share of the features and steps that are set to 0 in training after
            each GELU, and with mix="glu" also after each gate, in [0, 1). The masks are
            drawn from torch's generator.
        tied_dropout: whether the masks are the same at all steps.
        tokens: whether x has tokens instead of numbers.
        layer_options: further keyword arguments of each layer, such as
            {"bidirectional": True}; None for none.
        seed: of the random numbers of all parameters, drawn in float32 whatever the
            default dtype; None draws one from torch's generator, which
            `torch.manual_seed` sets.
        dtype: of the parameters, float32 or float64; a layer receives it unless it is
            float32.
        device: where the parameters are; a layer receives it unless it is None, which
            stands for torch's default device.

    Raises:
        TypeError: for an argument of another type, or a layer that returns no module.
        ValueError: for an argument outside these values, norm, mix or dropout with
            linear=True, prenorm without norm, options of SSM layers with another layer,
            or layer_options that the model gives its layers.
    """

    meaning: ClassVar = ("pooling", "linear", "mix", "norm", "prenorm", "tokens")
    norm: NormName | Literal[False]
    mix: Mix
    dropout: float = 0.0  # of a model that was stored before it had one

    def __init__(
        self,
        channels: int,
        outputs: int,
        *,
        layer: OtherLayerName | Callable[..., nn.Module] = S4D,
        init: Init = "lin",
        later_dt: Range | None = None,
        frozen: Sequence[Part] = (),
        d_model: int = 16,
        d_state: int = 32,
        n_layers: int = 1,
        pooling: Pooling = "last",
        linear: bool = False,
        mix: Mix = "linear",
        norm: bool | NormName = False,
        prenorm: bool = False,
        bias: bool = False,
        dropout: float = 0.0,
        tied_dropout: bool = False,
        tokens: bool = False,
        layer_options: Mapping[str, Any] | None = None,
        seed: int | None = 0,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str | None = None,
    ):
        super().__init__()
        check_sizes(channels=channels, outputs=outputs)
        check_sizes(d_model=d_model, n_layers=n_layers)
        check_switches(linear=linear, prenorm=prenorm, bias=bias, tokens=tokens)
        check_switches(tied_dropout=tied_dropout)
        _checks.one_of("pooling", pooling, POOLING)
        _checks.one_of("mix", mix, MIXING)
        self.norm = checked_norm(norm, mix=mix, linear=linear, prenorm=prenorm)
        check_layer(layer)
        whole = is_whole(layer)
        layer = with_options(layer, layer_options)
        place = Place(device, _checks.a_dtype(dtype, DTYPES))
        self._arguments = arguments(layer, init, later_dt, frozen, d_state, bias)
        self.dropout = checked_dropout(dropout, mixes=not (linear or whole))
        self.channels, self.d_model = channels, d_model
        self.pooling, self.mix = pooling, mix
        self.linear, self.prenorm = linear, prenorm
        self.tokens, self.tied_dropout = tokens, tied_dropout
        self.seed = _checks.seed_or_drawn(seed)
        generator = torch.Generator("cpu").manual_seed(self.seed)
        self._add_ends(outputs, bias, generator, place)
        self._add_mixing(0 if linear or whole else n_layers, bias, generator, place)
        self._add_norms(0 if whole else n_layers, place)
        seeds = torch.randint(2**32, (n_layers,), generator=generator, device="cpu")
        self.ssms = layers(
            layer, d_model, d_state, init, later_dt, frozen, seeds.tolist(), place
        )

    def _add_ends(
        self, outputs: int, bias: bool, generator: torch.Generator, place: Place
    ) -> None:
        """Draw the encoder and the decoder."""
        # One row of a table is all that a token reads.
        size = 1 if self.tokens else None
        self.encoder = matrix(self.d_model, self.channels, generator, place, size)
        self.decoder = matrix(outputs, self.d_model, generator, place)
        self.decoder_bias = zeros(outputs, place)
        biased = bias and not self.tokens
        self.encoder_bias = zeros(self.d_model, place) if biased else None

    def _add_mixing(
        self, count: int, bias: bool, generator: torch.Generator, place: Place
    ) -> None:
        """Draw the matrix that mixes features in each of `count` blocks."""
        pairs = [
            mixing(self.d_model, self.mix, bias, generator, place) for _ in range(count)
        ]
        self.mixers = nn.ParameterList(weights for weights, _ in pairs)
        self.mixer_biases = nn.ParameterList(b for _, b in pairs if b is not None)

    def _add_norms(self, blocks: int, place: Place) -> None:
        """Add one norm per block, and with prenorm one before the decoder."""
        self.norms = nn.ModuleList()
        if self.norm and blocks:
            for _ in range(blocks + self.prenorm):
                norm = Norm(self.norm, self.d_model)
                self.norms.append(norm.to(**place.options()))

    def extra_repr(self) -> str:
        """Return the sizes and options that `repr` shows."""
        return (
            f"{self.channels}, {len(self.decoder)}, pooling={self.pooling!r}, "
            f"linear={self.linear}, mix={self.mix!r}, norm={self.norm!r}, "
            f"prenorm={self.prenorm}, dropout={self.dropout}, "
            f"tied_dropout={self.tied_dropout}, tokens={self.tokens}"
        )

    @property
    def vmaps(self) -> bool:
        """Return whether `torch.func.vmap` has a rule for each of its layers."""
        return all(getattr(ssm, "vmaps", True) for ssm in self.ssms)

    def forward(
        self,
        x: Tensor,
        masks: Sequence[Tensor] | None = None,
        lengths: Tensor | None = None,
    ) -> Tensor:
        """Return the outputs.

        Args:
            x: (B, channels, L) in the dtype of the parameters, or int64 (B, L) for
                tokens.
            masks: factors of the blocks, with the shapes that `mask_shapes` returns;
                None for those of `dropout` in training, and for none in evaluation.
            lengths: (B,) integers in 1 .. L, the number of steps of each sequence that
                count; None if all count. Layers, norms and pooling leave the other
                steps out.

        Returns:
            (B, outputs), or (B, outputs, L) with pooling "none".

        Raises:
            TypeError: for x of another dtype, or masks or lengths of another type or
                dtype.
            ValueError: for another shape or, on a CPU, tokens outside 0 .. channels-1
                or lengths outside 1 .. L.
        """
        check_shape(self, x)
        check_dtype(self, x)
        if masks is not None:
            masks = check_masks(self, masks, x)
        elif self.training and self.dropout:
            shapes = self.mask_shapes(len(x), x.shape[-1])
            masks = blocks.drawn_masks(shapes, self.dropout, self.encoder)
        lengths = checked_lengths(lengths, x)
        valid = valid_steps(lengths, x.shape[-1])
        x = padded(self, x, valid)
        if blocks.last_alone(self):
            u = blocks.last(self, x, masks, lengths, valid)
        else:
            u = blocks.encode(self, x, valid)
            u = blocks.through(self, u, len(self.ssms), masks, valid)
            if self.prenorm and self.norms:
                u = within(self.norms[-1](u, valid, clean=True), valid)
            if self.pooling == "mean":
                u = mean(u, valid)
            elif self.pooling == "last":
                u = aligned(u, lengths)[..., -1:]
        out = mixed(self.decoder, u) + self.decoder_bias
        return out if self.pooling == "none" else out.squeeze(-1)

    def layer_inputs(self, x: Tensor) -> list[Tensor]:
        """Return the input of each SSM layer when the model reads x.

        The result is float64, whatever the model's dtype, and has no gradients.

        Args:
            x: (B, channels, L) real floating point, or int64 (B, L) for tokens.

        Returns:
            (B, H, L) float64 per layer.

        Raises:
            TypeError: for x of another dtype.
            ValueError: for x of another shape or, on a CPU, tokens outside 0 ..
                channels-1.
        """
        check_shape(self, x)
        if not self.tokens and not x.is_floating_point():
            raise TypeError(f"x must be real floating point, got {x.dtype}")
        x = padded(self, x, None)
        with torch.no_grad():
            return LayerInputs(copy.deepcopy(self).double())(x)

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Set all parameters, also of the layers, to those drawn from their seeds."""
        generator = torch.Generator("cpu").manual_seed(self.seed)
        for p in (self.encoder, self.decoder, *self.mixers):
            size = 1 if p is self.encoder and self.tokens else p.shape[-1]
            set_(p, drawn(p.shape[-2:], size, generator))
        for p in (self.decoder_bias, self.encoder_bias, *self.mixer_biases):
            if p is not None:
                p.zero_()
        for part in (*self.norms, *self.ssms):
            reset(part)
