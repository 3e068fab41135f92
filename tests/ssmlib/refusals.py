"""What layers refuse, for `test_layer_promises`: by public name, calls and errors."""

import torch

from ssmlib.initialization import Initialization
from ssmlib.layers import DSS, LRU, S4, S4D, S5, SSM, LinOSS, S4DReal, optimizer, state
from ssmlib.models import Ensemble, Model

U, U_T = torch.ones(2, 3, 9), torch.ones(2, 3)
A, B = torch.tensor([-0.5 + 1j, -0.5 + 2j]), torch.ones(2) + 0j


class Lacking(SSM):
    """It has no `modes`, `system` or `kernel`."""

    def initial_values(self, generator):
        return {"D": torch.ones(3)}


def stepped(layer, u_t=U_T, **state_of):
    """One step of a layer's frozen recurrence, from the state of another one."""
    own = layer.recurrence()
    start = own.initial_state(2)
    if state_of:
        start = state_of["other"].recurrence().initial_state(2)
    return own(u_t, start)


def from_state(layer, like):
    """The state of a layer as that of another layer's frozen recurrence."""
    return layer.recurrence().from_state(like.initial_state(2))


def ramps():
    """Undamped oscillators with A = 0, whose two poles are 1."""
    layer = LinOSS(3, 8, damping=False)
    with torch.no_grad():
        layer.A_diag.zero_()
    return layer


def common(make):
    """The refusals of the arguments that every layer takes."""
    return [
        (lambda: make(d_model=0), ValueError, "d_model must be at least 1"),
        (lambda: make(d_model=3.0), TypeError, "d_model must be an int"),
        (lambda: make(d_state=0), ValueError, "d_state must be"),
        (lambda: make(init="no"), ValueError, "must be one of fout"),
        (lambda: make(dt=-1.0), ValueError, "dt must be"),
        (lambda: make(dt=(0.1, 0.01)), ValueError, "dt must be"),
        (lambda: make(dt="fast"), (TypeError, ValueError), "dt must be"),
        (lambda: make(frozen=("D",)), ValueError, "frozen must be one of"),
        (lambda: make(frozen="A"), TypeError, "frozen must be a tuple"),
        (lambda: make(seed=-1), ValueError, "seed must be"),
        (lambda: make(dtype=torch.float16), (TypeError, ValueError), "dtype must be"),
        (lambda: make(skip="no"), TypeError, "skip must be True or False"),
        (lambda: make(bidirectional=1.0), TypeError, "bidirectional must be True"),
        (lambda: make()(U[0]), ValueError, "u must have shape"),
        (lambda: make()(U[:, :2]), ValueError, "u must have shape"),
        (lambda: make()(U[..., :0]), ValueError, "u must have shape"),
        (lambda: make()(U.long()), TypeError, "u must be real floating point"),
        (lambda: make()([1.0]), TypeError, "u must be a tensor, got list"),
        (lambda: make()(U, make().initial_state(3)), ValueError, "state must be this"),
        (
            lambda: make(bidirectional=True)(U, make().initial_state(2)),
            ValueError,
            "a bidirectional layer has no state",
        ),
        (
            lambda: make(bidirectional=True).recurrence(),
            ValueError,
            "a bidirectional layer has no",
        ),
        (lambda: make().step(U, make().initial_state(2)), ValueError, "u_t must have"),
        (
            lambda: make().step(U_T.long(), make().initial_state(2)),
            TypeError,
            "u_t must be real floating point",
        ),
        (lambda: make().kernel(0), ValueError, "L must be at least 1"),
        (lambda: make().initial_state(-1), ValueError, "batch must be at least 0"),
        (
            lambda: make().load_state_dict(make(d_state=4).state_dict()),
            RuntimeError,
            "d_state",
        ),
    ]


def of(layer, **fixed):
    """A function that makes the layer with other arguments."""
    return lambda **options: layer(**{"d_model": 3, "d_state": 8} | fixed | options)


def lengths(method):
    """The refusals of the L of a layer's method."""
    return [
        (lambda: getattr(S4D(3, 8), method)(0), ValueError, "L must be at least 1"),
        (lambda: getattr(S4D(3, 8), method)(2.0), TypeError, "L must be an int"),
    ]


def batches(make):
    """The refusals of the batch of a state."""
    return [
        (lambda: make().initial_state(-1), ValueError, "batch must be at least 0"),
        (lambda: make().initial_state(2.0), TypeError, "batch must be an int"),
    ]


def exponential(init):
    return lambda: S4D(3, 8, init=init, real_transform="exp")


UNDAMPED = Initialization("lin", real=0.0)
STATE = S4D(3, 8).initial_state(2)
BOTH = of(S4D, bidirectional=True)
#: by public name, calls with what they raise
REFUSALS = {
    "layers.base.SSM": [
        *common(of(S4D)),
        (lambda: Lacking(3, 8), TypeError, "Lacking"),
        (lambda: S4D(3, 8, discretization="euler"), ValueError, "discretization must"),
    ],
    "layers.base.SSM.forward": [
        (
            lambda: S4D(3, 8)(U, S4D(3, 4).initial_state(2)),
            ValueError,
            "state must be this layer's own",
        ),
        (lambda: S4D(3, 8)(U.long()), TypeError, "u must be real floating point"),
    ],
    "layers.base.SSM.kernel": lengths("kernel"),
    "layers.base.SSM.impulse_response": lengths("impulse_response"),
    "layers.base.SSM.last_weights": lengths("last_weights"),
    "layers.stepping.Stepping.initial_state": batches(lambda: S4D(3, 8)),
    "layers.stepping.Stepping.step": [
        (lambda: S4D(3, 8).step(U_T.long(), STATE), TypeError, "u_t must be real"),
        (lambda: S4D(3, 8).step(U_T[:, :2], STATE), ValueError, "u_t must have shape"),
        (lambda: S4D(3, 8).step(U_T, STATE[:1]), ValueError, "state must be this"),
        (lambda: BOTH().step(U_T, STATE), ValueError, "a bidirectional layer has no"),
    ],
    "layers.stepping.Stepping.recurrence": [
        (lambda: S4D(3, 8).recurrence(torch.float16), TypeError, "dtype must be"),
        (lambda: BOTH().recurrence(), ValueError, "a bidirectional layer has no"),
    ],
    "layers.modal.ModalSSM": common(of(S4D)),
    "layers.s5.S5": [
        *common(of(S5)),
        (lambda: S5(3, 8, blocks=3), ValueError, "blocks must divide d_state / 2"),
        (lambda: S5(3, 8, blocks=2.0), TypeError, "blocks must be an int"),
        (lambda: S5(3, 8, init="lin"), ValueError, "init of S5 must be 'legs'"),
    ],
    "layers.lru.LRU": [
        *(case for case in common(of(LRU)) if "dt must be" not in case[2]),
        (lambda: LRU(3, 8, init="lin"), ValueError, "init must be stated in discrete"),
        (lambda: LRU(3, 8, init="post"), ValueError, "init of LRU must have poles"),
    ],
    "layers.linoss.LinOSS": [
        *(case for case in common(of(LinOSS)) if "dt must be" not in case[2]),
        (lambda: LinOSS(3, 8, init="lru"), ValueError, "init of LinOSS must be"),
        (lambda: LinOSS(3, 8, damping=1), TypeError, "damping must be True or"),
        (lambda: LinOSS(3, 8, discretization="im"), ValueError, "damping must be Fal"),
    ],
    "layers.linoss.LinOSS.modes": [
        (lambda: ramps().modes(), ValueError, "modes need two different poles"),
    ],
    "layers.oscillator_recurrence.OscillatorRecurrence.forward": [
        (lambda: stepped(LinOSS(3, 8), U_T[:, :2]), ValueError, "u_t must have shape"),
        (
            lambda: stepped(LinOSS(3, 8), other=LinOSS(3, 4)),
            ValueError,
            "state must be this recurrence's own",
        ),
    ],
    "layers.oscillator_recurrence.OscillatorRecurrence.from_state": [
        (
            lambda: from_state(LinOSS(3, 8), LinOSS(3, 4)),
            ValueError,
            "state must be that",
        ),
    ],
    "layers.oscillator_recurrence.OscillatorRecurrence.initial_state": batches(
        lambda: LinOSS(3, 8).recurrence()
    ),
    "layers.shared_recurrence.SharedRecurrence.forward": [
        (lambda: stepped(LRU(3, 8), U_T[:, :2]), ValueError, "u_t must have shape"),
        (lambda: stepped(LRU(3, 8), U_T.double()), ValueError, "u_t must have shape"),
        (
            lambda: stepped(LRU(3, 8), other=LRU(3, 4)),
            ValueError,
            "state must be this recurrence's own",
        ),
    ],
    "layers.shared_recurrence.SharedRecurrence.from_state": [
        (lambda: from_state(LRU(3, 8), LRU(3, 4)), ValueError, "state must be that"),
        (lambda: from_state(LRU(3, 8), S4D(3, 8)), ValueError, "state must be that"),
    ],
    "layers.shared_recurrence.SharedRecurrence.initial_state": batches(
        lambda: LRU(3, 8).recurrence()
    ),
    "layers.parameters.Parametrized.reset_parameters": [
        (
            lambda: (
                Ensemble([Model(2, 1), Model(2, 1)]).stacked.ssms[0].reset_parameters()
            ),
            ValueError,
            "of an ensemble, reset each member",
        ),
    ],
    "layers.parameters.Parametrized.dtype": [
        (lambda: S4D(3, 8).half().dtype, TypeError, "half|float16"),
    ],
    "layers.s4d.S4D": [
        *common(of(S4D)),
        (lambda: S4D(3, 7), ValueError, "d_state must be .*even"),
        (lambda: S4D(3, 8, n_ssm=2), ValueError, "n_ssm must divide d_model"),
        (lambda: S4D(3, 8, n_ssm=0), ValueError, "n_ssm must be at least 1"),
        (lambda: S4D(3, 8, real_transform="no"), ValueError, "real_transform must be"),
        (exponential(UNDAMPED), ValueError, "real part"),
        (
            lambda: S4D(3, 8, init=UNDAMPED, real_transform="softplus"),
            ValueError,
            "real part",
        ),
    ],
    "layers.s4.S4": [
        *common(of(S4)),
        (lambda: S4(3, 8, init="lin"), ValueError, "legs"),
        (lambda: S4(3, 8, init="fout", real_transform="exp"), ValueError, "real part"),
    ],
    "layers.dss.DSS": [
        *common(of(DSS, length=9)),
        (lambda: DSS(3, 8), ValueError, "length must be given with variant"),
        (lambda: DSS(3, 8, length=9, variant="exp"), ValueError, "length must be"),
        (lambda: DSS(3, 8, length=0), ValueError, "length must be at least 1"),
        (lambda: DSS(3, 8, variant="no"), ValueError, "variant must be one of"),
        (lambda: DSS(3, 8, length=8)(U), ValueError, "L must be at most length, 8"),
        (lambda: DSS(3, 8, length=8).kernel(9), ValueError, "L must be at most length"),
        (
            lambda: DSS(3, 8, length=9, discretization="zoh"),
            ValueError,
            "DSS has no discretization",
        ),
        (
            lambda: DSS(3, 4, length=9, init=(A, 2 * B)),
            ValueError,
            "init of DSS must have B = 1",
        ),
    ],
    "layers.s4d_real.S4DReal": [
        *common(of(S4DReal)),
        (lambda: S4DReal(3, 8, init="lin"), ValueError, "real"),
        (lambda: S4DReal(3, 2, init=(A, B)), ValueError, "real"),
    ],
    "layers.recurrence.Recurrence.forward": [
        (lambda: stepped(S4D(3, 8), U_T[:, :2]), ValueError, "u_t must have shape"),
        (lambda: stepped(S4D(3, 8), U_T.double()), ValueError, "u_t must have shape"),
        (
            lambda: stepped(S4D(3, 8), other=S4D(3, 4)),
            ValueError,
            "state must be this recurrence's own",
        ),
    ],
    "layers.optim.optimizer": [
        (lambda: optimizer(S4D(3, 8), 0.1, kind="sgd"), TypeError, "kind must be a"),
        (lambda: optimizer(S4D(3, 8), 0.1, kind=list), TypeError, "kind must give a"),
        (lambda: optimizer(S4D(3, 8), 0.1, bet=1), TypeError, "bet"),
        (lambda: optimizer(S4D(3, 8), 0.1, betas=(2, 0.9)), ValueError, "beta"),
        (
            lambda: optimizer(S4D(3, 8), 0.1, 0.1, kind=torch.optim.Rprop),
            ValueError,
            "weight_decay must be 0 with Rprop",
        ),
    ],
    "layers.recurrence.Recurrence.from_state": [
        (lambda: from_state(S4D(3, 8), S4D(3, 4)), ValueError, "state must be that"),
        (lambda: from_state(S4D(3, 8), S4(3, 4)), ValueError, "state must be that"),
    ],
    "layers.recurrence.DenseRecurrence.from_state": [
        (lambda: from_state(S4(3, 8), S4(3, 4)), ValueError, "state must be that"),
        (lambda: from_state(S4(3, 8), S4D(3, 16)), ValueError, "state must be that"),
    ],
    "layers.recurrence.Recurrence.initial_state": batches(
        lambda: S4D(3, 8).recurrence()
    ),
    "layers.recurrence.DenseRecurrence.initial_state": batches(
        lambda: S4(3, 8).recurrence()
    ),
    "layers.recurrence.DenseRecurrence.forward": [
        (lambda: stepped(S4(3, 8), U_T[:, :2]), ValueError, "u_t must have shape"),
        (lambda: stepped(S4(3, 8), U_T.double()), ValueError, "u_t must have shape"),
        (
            lambda: stepped(S4(3, 8), other=S4(3, 4)),
            ValueError,
            "state must be this recurrence's own",
        ),
    ],
    "layers.state.set_": [
        (lambda: state.set_(U_T, U), ValueError, "shape"),
    ],
}
