"""The data sets that are read from a folder that the user names."""

from __future__ import annotations

from ssmlib.tasks import _sources as sources
from ssmlib.tasks._dataset import Dataset
from ssmlib.tasks._sources import File

_UNSTATED = "none stated by the authors"
_ARENA = "none stated for the data; the benchmark's code is under Apache 2.0"
_RELEASE = (
    "lra_release.gz, named at <https://github.com/google-research/long-range-arena>"
)


def _in_folder(
    name: str,
    what: str,
    length: str,
    *,
    license: str,
    cites: tuple[str, ...],
    loader: str,
    folder: str,
    where: str,
    files: tuple[File, ...] = (),
) -> Dataset:
    return Dataset(
        name,
        "folder",
        what,
        length,
        license,
        cites,
        loader,
        files,
        folder=folder,
        where=where,
    )


def _arena(
    name: str, what: str, length: str, function: str, part: str, *cites: str
) -> Dataset:
    """A data set of the release of the Long Range Arena."""
    return _in_folder(
        name,
        what,
        length,
        license=_ARENA,
        cites=("tay2021lra", *cites),
        loader=f"lra:{function}",
        folder=f"lra_release/lra_release/{part}",
        where=_RELEASE,
    )


IN_FOLDERS = (
    _in_folder(
        "mnist_full",
        "MNIST, 60,000 and 10,000 digits",
        "784 pixels",
        license="CC BY-SA 3.0, as usually stated",
        cites=("lecun1998",),
        loader="image_files:mnist",
        folder="mnist",
        where="four .gz files, <https://storage.googleapis.com/cvdf-datasets/mnist/>",
        files=sources.MNIST_FULL,
    ),
    _in_folder(
        "fashion_mnist",
        "Fashion-MNIST, 60,000 and 10,000 images of clothes",
        "784 pixels",
        license="MIT",
        cites=("xiao2017",),
        loader="images:fashion_mnist",
        folder="fashion-mnist",
        where="four .gz files, <https://github.com/zalandoresearch/fashion-mnist> or "
        "Debian's package dataset-fashion-mnist",
        files=sources.FASHION,
    ),
    _in_folder(
        "cifar10",
        "CIFAR-10, 50,000 and 10,000 photographs; in gray it is the task Image of the "
        "Long Range Arena",
        "1,024 pixels",
        license=_UNSTATED,
        cites=("krizhevsky2009",),
        loader="image_files:cifar10",
        folder="cifar-10-batches-bin",
        where="cifar-10-binary.tar.gz, the binary version, "
        "<https://www.cs.toronto.edu/~kriz/cifar.html>",
        files=sources.CIFAR10,
    ),
    _in_folder(
        "imdb",
        "25,000 and 25,000 reviews of films by characters, positive or negative; the "
        "task Text of the Long Range Arena",
        "up to 4,096 characters",
        license=_UNSTATED,
        cites=("maas2011",),
        loader="text:imdb",
        folder="aclImdb",
        where="aclImdb_v1.tar.gz, <https://ai.stanford.edu/~amaas/data/sentiment/>",
        files=(sources.IMDB_ARCHIVE,),
    ),
    _in_folder(
        "spoken_digits",
        "Free Spoken Digit Dataset: 3,000 recordings of six speakers at 8 kHz",
        "up to 8,192 samples",
        license="CC BY-SA 4.0",
        cites=("fsdd",),
        loader="audio:spoken_digits",
        folder="free-spoken-digit-dataset",
        where="<https://github.com/Jakobovski/free-spoken-digit-dataset>",
    ),
    _in_folder(
        "speech_commands",
        "Speech Commands 0.02: 105,829 recordings of 35 words at 16 kHz",
        "16,000 samples",
        license="CC BY 4.0",
        cites=("warden2018",),
        loader="audio:speech_commands",
        folder="speech_commands_v0.02",
        where="speech_commands_v0.02.tar.gz, "
        "<http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz>",
        files=(sources.COMMANDS_ARCHIVE,),
    ),
    _arena(
        "lra_listops",
        "ListOps of the Long Range Arena: 96,000, 2,000 and 2,000 expressions",
        "up to 2,000 tokens",
        "listops",
        "listops-1000",
        "nangia2018listops",
    ),
    _arena(
        "lra_retrieval",
        "Retrieval of the Long Range Arena: 147,086, 18,090 and 17,437 pairs of papers "
        "by characters",
        "up to 4,000 characters",
        "retrieval",
        "tsv_data",
        "radev2013",
    ),
    _arena(
        "lra_pathfinder",
        "Pathfinder of the Long Range Arena: 200,000 pictures",
        "1,024 pixels",
        "pathfinder",
        "pathfinder32",
        "linsley2018",
    ),
    _arena(
        "lra_pathx",
        "Path-X of the Long Range Arena: 200,000 pictures",
        "16,384 pixels",
        "pathx",
        "pathfinder128",
        "linsley2018",
    ),
    _in_folder(
        "bidmc",
        "BIDMC: windows of a pleth and an electrocardiogram at 125 Hz, and the "
        "breathing rate, the heart rate or the oxygen saturation",
        "4,000 samples",
        license="ODC-By 1.0, as PhysioNet states for the recordings",
        cites=("pimentel2017", "tan2021"),
        loader="medical:bidmc",
        folder="bidmc",
        where="BIDMC32RR_TRAIN.ts and BIDMC32RR_TEST.ts, "
        "<https://zenodo.org/record/4001463>; HR, "
        "<https://zenodo.org/record/4001456>; SpO2, "
        "<https://zenodo.org/record/4001464>",
    ),
)
