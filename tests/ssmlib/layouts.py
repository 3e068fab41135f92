"""Tiny made-up data sets in the layouts of the published ones."""

import gzip
import struct
import wave
from pathlib import Path

import numpy as np
from PIL import Image

#: number of images of each class, in the files of MNIST and CIFAR-10
EACH = 2
WORDS = ("bed", "cat")


def write(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


def idx(values: np.ndarray) -> bytes:
    """The IDX format of bytes."""
    head = struct.pack(f">4B{values.ndim}I", 0, 0, 8, values.ndim, *values.shape)
    return head + values.astype(np.uint8).tobytes()


def mnist(folder: Path) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(10 * EACH) % 10
    for part in ("train", "t10k"):
        pixels = rng.integers(256, size=(len(labels), 28, 28))
        images = folder / f"{part}-images-idx3-ubyte.gz"
        write(images, gzip.compress(idx(pixels), mtime=0))
        classes = folder / f"{part}-labels-idx1-ubyte.gz"
        write(classes, gzip.compress(idx(labels), mtime=0))


def cifar10(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"):
        rows = rng.integers(256, size=(10 * EACH, 3073), dtype=np.uint8)
        rows[:, 0] = np.arange(len(rows)) % 10
        write(folder / f"{name}.bin", rows.tobytes())


def imdb(folder: Path) -> None:
    for part in ("train", "test"):
        for kind, rating in (("neg", 3), ("pos", 9)):
            for k in range(11):
                text = f"A {kind} film{' so' * k}é"
                write(folder / part / kind / f"{k}_{rating}.txt", text)


def wav(path: Path, samples: np.ndarray, rate: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())


def spoken_digits(folder: Path) -> None:
    for digit in range(10):
        for k, speaker in enumerate(("anna", "ben", "cleo")):
            for number in (0, 5, 10):
                samples = np.full(40 + 10 * k + number, 1000 * digit + number)
                name = f"{digit}_{speaker}_{number}.wav"
                wav(folder / "recordings" / name, samples, 8000)


def speech_commands(folder: Path) -> None:
    for word in (*WORDS, "_background_noise_"):
        for k in range(3):
            samples = np.arange(16000 - 100 * k) % 100 + k
            wav(folder / word / f"{k}_nohash_0.wav", samples, 16000)
    for k, name in ((1, "validation"), (2, "testing")):
        text = "".join(f"{word}/{k}_nohash_0.wav\n" for word in WORDS)
        write(folder / f"{name}_list.txt", text)


def listops(folder: Path) -> None:
    lines = ("Source\tTarget", "( ( [MAX 2 ) 9 ) ]\t9", "( ( [SM 5 ) 8 ) ]\t3")
    for part in ("train", "val", "test"):
        write(folder / f"basic_{part}.tsv", "".join(f"{line}\n" for line in lines))


def retrieval(folder: Path) -> None:
    for part in ("train", "eval", "test"):
        lines = '1.0\tA1\tA2\tIt is "so".\tYes\n0.0\tA1\tA3\tIt isn\'t.\tAnother\n'
        write(folder / f"new_aan_pairs.{part}.tsv", lines)


def pictures(folder: Path, size: int) -> None:
    place = folder / "curv_contour_length_14"
    lines = []
    for k in range(10):
        (place / "imgs" / "0").mkdir(parents=True, exist_ok=True)
        grey = np.full((size, size), 20 * k, dtype=np.uint8)
        Image.fromarray(grey).save(place / "imgs" / "0" / f"sample_{k}.png")
        lines.append(f"imgs/0 sample_{k}.png {k} {k % 2} 1.8 14 2 5 0\n")
    write(place / "metadata" / "0.npy", "".join(lines))


def pathfinder(folder: Path) -> None:
    pictures(folder, 32)


def pathx(folder: Path) -> None:
    pictures(folder, 128)


def bidmc(folder: Path) -> None:
    for target in ("RR", "HR", "SpO2"):
        for part, n in (("TRAIN", 14), ("TEST", 6)):
            head = (
                f"# made up\n@problemName BIDMC32{target}\n@timeStamps false\n@data\n"
            )
            rows = "".join(
                f"{k},{k}.5,-1e-2,0:1,2,3,{part == 'TEST':d}:{12 + k / 4}\n"
                for k in range(n)
            )
            write(folder / f"BIDMC32{target}_{part}.ts", head + rows)


#: by the name of the data set in the registry
LAYOUTS = {
    "mnist_full": mnist,
    "cifar10": cifar10,
    "imdb": imdb,
    "spoken_digits": spoken_digits,
    "speech_commands": speech_commands,
    "lra_listops": listops,
    "lra_retrieval": retrieval,
    "lra_pathfinder": pathfinder,
    "lra_pathx": pathx,
    "bidmc": bidmc,
}
