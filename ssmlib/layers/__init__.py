"""State space layers with one interface: read `s4d`, `modal` and `base` first."""

from ssmlib.layers.base import SSM
from ssmlib.layers.diagonal import DiagonalSSM
from ssmlib.layers.dss import DSS
from ssmlib.layers.kernel_alone import KernelSSM
from ssmlib.layers.linoss import LinOSS
from ssmlib.layers.lru import LRU
from ssmlib.layers.modal import ModalSSM, as_complex
from ssmlib.layers.optim import optimizer, parameter_groups, ssm_layers
from ssmlib.layers.oscillator_recurrence import OscillatorRecurrence
from ssmlib.layers.oscillators import Oscillators
from ssmlib.layers.recurrence import DenseRecurrence, Recurrence
from ssmlib.layers.rescaling import rescale_C_
from ssmlib.layers.s4 import S4
from ssmlib.layers.s4d import S4D
from ssmlib.layers.s4d_real import S4DReal
from ssmlib.layers.s5 import S5
from ssmlib.layers.selective import Selective
from ssmlib.layers.selective_forms import SelectiveState
from ssmlib.layers.shared import SharedSSM
from ssmlib.layers.shared_recurrence import SharedRecurrence
from ssmlib.layers.shared_system import Shared
from ssmlib.layers.systems import Dense, Diagonal
from ssmlib.layers.transforms import REAL_TRANSFORMS

__all__ = [
    "DSS",
    "LRU",
    "REAL_TRANSFORMS",
    "S4",
    "S4D",
    "S5",
    "SSM",
    "Dense",
    "DenseRecurrence",
    "Diagonal",
    "DiagonalSSM",
    "KernelSSM",
    "LinOSS",
    "ModalSSM",
    "OscillatorRecurrence",
    "Oscillators",
    "Recurrence",
    "S4DReal",
    "Selective",
    "SelectiveState",
    "Shared",
    "SharedRecurrence",
    "SharedSSM",
    "as_complex",
    "optimizer",
    "parameter_groups",
    "rescale_C_",
    "ssm_layers",
]
