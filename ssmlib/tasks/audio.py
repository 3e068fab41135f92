"""Spoken digits and words as sequences of samples, from folders of WAV files."""

from __future__ import annotations

import re
import wave
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from ssmlib import _checks
from ssmlib.tasks import _folders
from ssmlib.tasks.split import PARTS, Split

_DIGIT = re.compile(r"([0-9])_([^_]+)_([0-9]+)\.wav")
_LISTS = {"valid": "validation_list.txt", "test": "testing_list.txt"}
#: published sizes of the spoken digits, and of Speech Commands 0.02
_DIGITS = 3000
_COMMANDS = {"train": 84843, "valid": 9981, "test": 11005}
#: files and labels of each part
Recorded = dict[str, list[tuple[Path, int]]]


def spoken_digits(
    folder: str | Path | None = None,
    *,
    by: Literal["recording", "speaker"] = "recording",
    longest: int = 8192,
    stride: int = 1,
) -> Split:
    """Return the Free Spoken Digit Dataset, 8 kHz, 10 classes.

    The test data are the recordings 0 to 4 of each speaker and digit, as the authors
    say, and the recordings 5 to 9 are validation data. By speaker, the test data are
    all recordings of the last speaker in alphabetical order, and the validation data
    those of the one before. Another number of recordings than 3,000 causes an
    `UnpublishedWarning`.

    Args:
        folder: contains the folder recordings with files DIGIT_SPEAKER_NUMBER.wav. None
            for the folder free-spoken-digit-dataset below SSMLIB_DATA.
        by: how the recordings are divided.
        longest: number of samples at which a recording is cut, before `stride`.
        stride: every stride-th sample is taken, without a filter: the rate is 8 kHz /
            stride.

    Returns:
        Samples (n, L) float32 in [-1, 1), 0 after the end of a recording; digits (n,)
        int64; lengths.

    Raises:
        FileNotFoundError: if the folder or its recordings are missing.
        TypeError: if folder is not a path, or longest or stride not an integer.
        ValueError: for a file with another name or format, a part without recordings,
            another `by`, longest or stride below 1, or if neither folder nor
            SSMLIB_DATA is given.
    """
    _checks.one_of("by", by, ("recording", "speaker"))
    _checks.integer("longest", longest)
    _checks.integer("stride", stride)
    where = _folders.place("spoken_digits", folder)
    paths = sorted((where / "recordings").glob("*.wav"))
    if not paths:
        _folders.files("spoken_digits", where, ["recordings/0_george_0.wav"])
    found = [(path, *_named(path)) for path in paths]
    speakers = sorted({speaker for _, _, speaker, _ in found})
    parts: Recorded = {part: [] for part in PARTS}
    for path, digit, speaker, number in found:
        if by == "recording":
            part = ("test", "valid", "train")[min(number // 5, 2)]
        else:
            last = len(speakers) - speakers.index(speaker)
            part = {1: "test", 2: "valid"}.get(last, "train")
        parts[part].append((path, digit))
    _folders.count("spoken_digits", {"the whole": len(paths)}, {"the whole": _DIGITS})
    rows = _read(where, parts, 8000, longest, stride)
    most = max(len(row) for part in rows.values() for row in part)
    x = {part: _padded(own, most) for part, own in rows.items()}
    lengths = (_integers(map(len, rows[part])) for part in PARTS)
    return Split(*_pairs(x, parts), *lengths)


def _named(path: Path) -> tuple[int, str, int]:
    """The digit, speaker and number of a recording."""
    name = _DIGIT.fullmatch(path.name)
    if name is None:
        raise ValueError(
            f"{path} must be called DIGIT_SPEAKER_NUMBER.wav, as 7_jackson_32.wav"
        )
    return int(name[1]), name[2], int(name[3])


def speech_commands(
    folder: str | Path | None = None,
    *,
    words: Sequence[str] | None = None,
    stride: int = 1,
) -> Split:
    """Return Speech Commands: sequences of one second at 16 kHz, one class per word.

    The parts are those of validation_list.txt and testing_list.txt. As by the authors
    of S4, recordings that are shorter than a second end in zeros that count. Other
    numbers of recordings than those of version 0.02 cause an `UnpublishedWarning`.

    Args:
        folder: contains a folder for each word and both lists. None for the folder
            speech_commands_v0.02 below SSMLIB_DATA.
        words: the words that are read, which are classes in this order. None for all
            folders whose name does not start with an underscore or a dot, in
            alphabetical order. All 35 words take 6.8 GB.
        stride: every stride-th sample is taken, without a filter; 2 gives 8 kHz.

    Returns:
        Samples (n, 16000 / stride, rounded up) float32 in [-1, 1) and classes (n,)
        int64.

    Raises:
        FileNotFoundError: if the folder, a list or the folder of a word is missing.
        TypeError: if folder is not a path, words not a sequence of texts, or stride not
            an integer.
        ValueError: for a file of another format, a list that names a file that is
            missing, a file in both lists, a part without recordings, a word that is
            given twice, no words, stride below 1, or if neither folder nor SSMLIB_DATA
            is given.
    """
    _checks.integer("stride", stride)
    where = _folders.place("speech_commands", folder)
    listed = _listed(where)
    chosen = _words(where, words)
    parts: Recorded = {part: [] for part in PARTS}
    for label, word in enumerate(chosen):
        for path in sorted((where / word).glob("*.wav")):
            part = listed.get(f"{word}/{path.name}", "train")
            parts[part].append((path, label))
    if words is None:
        sizes = {part: len(own) for part, own in parts.items()}
        _folders.count("speech_commands", sizes, _COMMANDS)
    x = {}
    for part in PARTS:  # one at a time, for the memory
        rows = _read(where, {part: parts[part]}, 16000, 16000, stride)[part]
        x[part] = _padded(rows, -(-16000 // stride))
    return Split(*_pairs(x, parts))


def _listed(where: Path) -> dict[str, str]:
    """The part of each file that one of the lists names."""
    listed: dict[str, str] = {}
    for path, part in zip(
        _folders.files("speech_commands", where, _LISTS.values()), _LISTS, strict=True
    ):
        for name in filter(None, map(str.strip, _folders.lines(path))):
            if listed.setdefault(name, part) != part:
                raise ValueError(f"{where} has {name} in both of its lists")
            if not (where / name).is_file():
                raise ValueError(f"{path} names {name}, which {where} lacks")
    return listed


def _words(where: Path, words: Sequence[str] | None) -> list[str]:
    """The folders that are read, in the order of the classes."""
    if words is None:
        folders = sorted(path.name for path in where.iterdir() if path.is_dir())
        chosen = [name for name in folders if name[0] not in "_."]
    elif (
        isinstance(words, str)
        or not isinstance(words, Sequence)
        or not all(isinstance(word, str) for word in words)
    ):
        raise TypeError(f"words must be a sequence of texts, got {words!r}")
    else:
        chosen = list(words)
    if not chosen or len(set(chosen)) < len(chosen):
        raise ValueError(f"words must be at least one, each given once, got {chosen}")
    if missing := [word for word in chosen if not (where / word).is_dir()]:
        raise FileNotFoundError(f"{where} lacks the folder of the word {missing[0]!r}")
    return chosen


def _read(
    where: Path, parts: Recorded, rate: int, longest: int, stride: int
) -> dict[str, list[np.ndarray]]:
    """The samples of each part's recordings, int16."""
    if empty := [name for name, own in parts.items() if not own]:
        raise ValueError(
            f"{where} must hold recordings of each part, {empty[0]} has none"
        )
    return {
        name: [_samples(path, rate)[:longest:stride].copy() for path, _ in own]
        for name, own in parts.items()
    }


def _samples(path: Path, rate: int) -> np.ndarray:
    """The samples of a WAV file of 16 bits and one channel."""
    try:
        with wave.open(str(path)) as file:
            form = file.getframerate(), file.getnchannels(), 8 * file.getsampwidth()
            stated, content = file.getnframes(), file.readframes(file.getnframes())
    except (EOFError, wave.Error) as error:
        raise ValueError(f"{path} must be a complete WAV file: {error}") from error
    if form != (rate, 1, 16):
        raise ValueError(
            f"{path} must have {rate} samples per second, 1 channel and 16 bits, got "
            f"{form[0]}, {form[1]} and {form[2]}"
        )
    if not stated or len(content) != 2 * stated:
        raise ValueError(
            f"{path} must hold at least one sample and all that it states, {stated:,}; "
            f"got {len(content) // 2:,}"
        )
    return np.frombuffer(content, "<i2")


def _padded(rows: list[np.ndarray], most: int) -> Tensor:
    x = np.zeros((len(rows), most), dtype=np.float32)
    for line, row in zip(x, rows, strict=True):
        line[: len(row)] = row
    x /= 2**15
    return torch.from_numpy(x)


def _integers(values: Iterable[int]) -> Tensor:
    return torch.tensor(list(values), device="cpu")


def _pairs(x: dict[str, Tensor], parts: Recorded) -> Iterable[Tensor]:
    """The samples and labels of each part, in the order of `Split`."""
    for part in PARTS:
        yield x[part]
        yield _integers(label for _, label in parts[part])
