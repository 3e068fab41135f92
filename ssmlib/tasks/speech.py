"""Vowels of nine speakers, as cepstral coefficients over time."""

from __future__ import annotations

import numpy as np
import torch

from ssmlib.tasks.datasets import DATASETS
from ssmlib.tasks.files import carried
from ssmlib.tasks.split import Split, stratified

LONGEST = 29


def vowels(seed: int = 0) -> Split:
    """Return 640 utterances of nine speakers; the label is the speaker.

    Each utterance has 12 cepstral channels and 7 to 29 steps, and is 0 beyond its
    length. The channels have mean 0 and mean square 1 in the training data. The
    published training and test files are put together and divided again: three fifths,
    one fifth and one fifth of each speaker. The data are Japanese Vowels (Kudo, Toyama
    and Shimbo 1999) of the UCI repository, from the wheel of aeon. They are cited and
    not redistributed.

    Args:
        seed: draws the division.

    Returns:
        Inputs (n, 12, 29) float32, labels (n,) int64, lengths (n,) int64.

    Raises:
        ModuleNotFoundError: if the wheel of aeon is missing.
        ValueError: if a file has other content.
    """
    utterances, speakers = [], []
    for file in DATASETS["vowels"].files:
        lines = (
            carried(file).read_text(encoding="utf-8").split("@data\n")[1].splitlines()
        )
        for line in filter(None, lines):
            *channels, speaker = line.split(":")
            values = [np.array(c.split(","), dtype=np.float32) for c in channels]
            utterances.append(torch.from_numpy(np.stack(values)))
            speakers.append(int(speaker) - 1)
    lengths = torch.tensor([u.shape[1] for u in utterances], device="cpu")
    x = torch.zeros(
        len(utterances), len(utterances[0]), LONGEST, dtype=torch.float32, device="cpu"
    )
    for row, utterance in zip(x, utterances, strict=True):
        row[:, : utterance.shape[1]] = utterance
    y = torch.tensor(speakers, device="cpu")
    part = stratified(y, seed)
    valid = (torch.arange(LONGEST, device="cpu") < lengths[:, None]).unsqueeze(1)
    own, count = x[part == 0], int(lengths[part == 0].sum())
    mean = own.sum((0, 2)) / count
    centred = torch.where(valid, x - mean[:, None], 0.0)
    size = (centred[part == 0].square().sum((0, 2)) / count).sqrt()
    x = centred / size[:, None]
    return Split(
        *(a[part == k] for k in range(3) for a in (x, y)),
        *(lengths[part == k] for k in range(3)),
    )
