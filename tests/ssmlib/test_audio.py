"""Spoken digits and words from WAV files: what the tensors hold, and bad files."""

import wave

import numpy as np
import pytest
import torch

from ssmlib.tasks import audio
from tests.ssmlib import layouts
from tests.ssmlib.layouts import WORDS, wav

pytestmark = pytest.mark.filterwarnings("ignore::ssmlib.tasks.files.UnpublishedWarning")


@pytest.fixture
def digits(tmp_path):
    layouts.spoken_digits(tmp_path)
    return tmp_path


@pytest.fixture
def words(tmp_path):
    layouts.speech_commands(tmp_path)
    return tmp_path


def test_recordings_are_divided_by_their_numbers(digits):
    data = audio.spoken_digits(digits)
    lengths = (data.lengths_train, data.lengths_valid, data.lengths_test)
    for number, (_, x, y), long in zip((10, 5, 0), data.parts(), lengths, strict=True):
        assert x.shape == (30, 70)  # 10 digits of 3 speakers; cleo's is the longest
        assert y.tolist() == [digit for digit in range(10) for _ in range(3)]
        assert long.tolist() == [40 + number, 50 + number, 60 + number] * 10
        value = ((1000 * y + number) / 2**15).float()
        assert torch.equal(x[:, 0], value)
        inside = torch.arange(70) < long[:, None]
        assert torch.equal(x, torch.where(inside, value[:, None], 0.0))


def test_recordings_are_divided_by_their_speakers(digits):
    data = audio.spoken_digits(digits, by="speaker")
    assert data.lengths_train[:3].tolist() == [40, 50, 45]  # anna, by name: 0, 10, 5
    assert set(data.lengths_valid.tolist()) == {50, 55, 60}  # ben
    assert set(data.lengths_test.tolist()) == {60, 65, 70}  # cleo


def test_a_cut_comes_before_the_stride(digits):
    data = audio.spoken_digits(digits, longest=65, stride=2)
    assert data.x_train.shape[-1] == 33
    assert data.lengths_train[:3].tolist() == [25, 30, 33]
    assert data.lengths_test[:3].tolist() == [20, 25, 30]


def stereo(path):
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(bytes(80))


def eight_bits(path):
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(80))


BAD_RECORDINGS = {
    "another rate": lambda path: wav(path, np.zeros(9), 16000),
    "two channels": stereo,
    "8 bits": eight_bits,
    "no sample": lambda path: wav(path, np.zeros(0), 8000),
    "no WAV file": lambda path: path.write_bytes(b"ID3 and so on" * 9),
}


@pytest.mark.parametrize("what", BAD_RECORDINGS)
def test_recordings_of_another_format(what, digits):
    BAD_RECORDINGS[what](digits / "recordings" / "3_ben_5.wav")
    with pytest.raises(ValueError, match=r"3_ben_5\.wav must (have|hold|be) "):
        audio.spoken_digits(digits)


@pytest.mark.parametrize(
    "name",
    ["ben_3_5.wav", "12_ben_5.wav", "3_ben.wav", "3_ben_5 (1).wav", "3_b_e_5.wav"],
)
def test_recordings_that_are_called_otherwise(name, digits):
    (digits / "recordings" / "3_ben_5.wav").rename(digits / "recordings" / name)
    with pytest.raises(ValueError, match="must be called DIGIT_SPEAKER_NUMBER"):
        audio.spoken_digits(digits)


def test_a_part_without_recordings(digits):
    for path in (digits / "recordings").glob("*_0.wav"):
        path.unlink()
    with pytest.raises(ValueError, match="recordings of each part, test has none"):
        audio.spoken_digits(digits)
    for path in (digits / "recordings").glob("*_*n*_*.wav"):  # anna and ben
        path.unlink()
    with pytest.raises(ValueError, match="recordings of each part, train has none"):
        audio.spoken_digits(digits, by="speaker")


def test_words_are_divided_by_the_lists(words):
    data = audio.speech_commands(words)
    for k, (_, x, y) in enumerate(data.parts()):
        assert x.shape == (2, 16000)
        assert y.tolist() == [0, 1]
        assert torch.equal(x[0], x[1])
        long = 16000 - 100 * k
        expected = torch.zeros(16000)
        expected[:long] = (torch.arange(long) % 100 + k) / 2**15
        assert torch.equal(x[0], expected)
    assert data.lengths_train is None


def test_every_second_sample_is_8_khz(words):
    whole, half = audio.speech_commands(words), audio.speech_commands(words, stride=2)
    assert torch.equal(half.x_test, whole.x_test[:, ::2])
    assert audio.speech_commands(words, stride=3).x_test.shape == (2, 5334)


def test_the_order_of_the_words_is_that_of_the_classes(words):
    data = audio.speech_commands(words, words=WORDS[::-1])
    assert data.y_train.tolist() == [0, 1]
    wav(words / "bed" / "0_nohash_0.wav", np.full(9, 77), 16000)
    data = audio.speech_commands(words, words=["cat", "bed"])
    assert (data.x_train[:, 0] * 2**15).tolist() == [0, 77]
    assert len(audio.speech_commands(words, words=["bed"]).y_test) == 1


def test_bad_lists(words):
    path = words / "testing_list.txt"
    path.write_text("bed/2_nohash_0.wav\ncat/9_nohash_0.wav\n", encoding="utf-8")
    with pytest.raises(
        ValueError, match=r"testing_list\.txt names cat/9_nohash_0\.wav"
    ):
        audio.speech_commands(words)
    path.write_text("bed/1_nohash_0.wav\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"bed/1_nohash_0\.wav in both of its lists"):
        audio.speech_commands(words)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="must be a text file in UTF-8"):
        audio.speech_commands(words)


@pytest.mark.parametrize(
    ("call", "options", "kind", "message"),
    [
        (
            "spoken_digits",
            {"by": "digit"},
            ValueError,
            "by must be one of recording, s",
        ),
        ("spoken_digits", {"longest": 0}, ValueError, "longest must be at least 1"),
        ("spoken_digits", {"stride": 2.0}, TypeError, "stride must be an int"),
        ("speech_commands", {"stride": 0}, ValueError, "stride must be at least 1"),
        ("speech_commands", {"words": "bed"}, TypeError, "words must be a sequence"),
        ("speech_commands", {"words": 3}, TypeError, "words must be a sequence"),
        ("speech_commands", {"words": []}, ValueError, "words must be at least one"),
        ("speech_commands", {"words": ["bed"] * 2}, ValueError, "each given once"),
        ("speech_commands", {"words": ["dog"]}, FileNotFoundError, "the word 'dog'"),
    ],
)
def test_bad_arguments(call, options, kind, message, tmp_path):
    layouts.LAYOUTS[call](tmp_path)
    with pytest.raises(kind, match=message):
        getattr(audio, call)(tmp_path, **options)
