"""Show the parameters of a class's constructor where its `__new__` hides them.

Sphinx takes the signature of a class from `__new__` if there is one. The layers have a
`__new__` that passes all arguments on.
"""

import inspect

from sphinx.util.inspect import stringify_signature


def constructor(app, what, name, obj, options, signature, returned):
    """Return the signature of `__init__` for a class that passes arguments on."""
    if what != "class" or "*_" not in (signature or ""):
        return None
    _, *own = inspect.signature(obj.__init__).parameters.values()
    shown = stringify_signature(inspect.Signature(own), show_annotation=False)
    return shown, returned


def setup(app):
    app.connect("autodoc-process-signature", constructor)
    return {"parallel_read_safe": True}
