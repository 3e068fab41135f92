"""Initialize and audit the SSM layers of any model, whoever wrote them."""

from ssmlib.adapters._modes import Modes
from ssmlib.adapters.auditing import audit
from ssmlib.adapters.base import Adapter, Refused
from ssmlib.adapters.checkpoint import read
from ssmlib.adapters.found import Audit
from ssmlib.adapters.initializing import Report, initialize_
from ssmlib.adapters.laws import Constant, Law, Uniform
from ssmlib.adapters.registry import find, kinds, register, unregister

__all__ = [
    "Adapter",
    "Audit",
    "Constant",
    "Law",
    "Modes",
    "Refused",
    "Report",
    "Uniform",
    "audit",
    "find",
    "initialize_",
    "kinds",
    "read",
    "register",
    "unregister",
]
