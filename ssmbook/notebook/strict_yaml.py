"""YAML files, without what YAML 1.1 lets pass and a reader would not expect."""

from __future__ import annotations

import re
from pathlib import Path

import yaml

from ssmbook.notebook.files import decoded, shown

DEEPEST = 50  # levels of nesting
MOST = 1_000_000  # values, those that aliases repeat counted each time
# Read as a number that is not the one written: 010 is 8, 1:30 is 90.
_OTHER_NUMBER = re.compile(r"[-+]?(0[0-9_]*[0-9]|[0-9][0-9_]*(:[0-9]+)+(\.[0-9_]*)?)")


def is_ambiguous(text: str) -> bool:
    """Whether a number is written so that another reader takes it for another one."""
    return not text.isascii() or _OTHER_NUMBER.fullmatch(text.strip()) is not None


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with limits, which refuses ambiguous content."""

    def __init__(self, text: str):
        super().__init__(text)
        self.depth = self.count = 0
        self.sizes: dict[yaml.Node, int] = {}

    def compose_node(self, parent, index):
        event, before = self.peek_event(), self.count
        self.depth += 1
        if self.depth > DEEPEST:
            self.refuse(f"it is nested deeper than {DEEPEST} levels", event)
        node = super().compose_node(parent, index)
        assert node is not None  # the stubs say that it may be
        if isinstance(event, yaml.AliasEvent) and node not in self.sizes:
            self.refuse(f"*{event.anchor} contains itself", event)
        self.count += self.sizes.get(node, 1)
        if self.count > MOST:
            self.refuse(f"it has more than {MOST} values", event)
        self.sizes[node] = self.count - before
        self.depth -= 1
        return node

    def construct_mapping(self, node, deep=False):
        seen = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():
            if not isinstance(key, yaml.ScalarNode):
                self.refuse("a key must be text or a number", key)
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if (name := self.construct_object(key)) in seen:
                self.refuse(f"the key {shown(name)} is given twice", key)
            seen.add(name)
        return super().construct_mapping(node, deep)

    def construct_number(self, node):
        if isinstance(node.value, str) and is_ambiguous(node.value):
            self.refuse(
                f"{node.value} is another number in YAML: write it in decimal "
                "digits, or in quotes as text",
                node,
            )
        kind = node.tag.rpartition(":")[2]
        return getattr(super(), f"construct_yaml_{kind}")(node)

    @staticmethod
    def refuse(problem: str, at) -> None:
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=at.start_mark)


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)


def load(path: str | Path):
    """The content of a YAML file.

    Raises ValueError in one line for a file that is not UTF-8 or not YAML, a key that
    is given twice, a number that YAML reads as another one (010, 1:30), or a file that
    is nested too deep or too large; OSError where it cannot be read.
    """
    text = decoded(Path(path).read_bytes(), path)
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f", line {mark.line + 1}" if mark else ""
        raise ValueError(
            f"{path} is not YAML that ssmbook reads{place}: {error.problem}"
        ) from error
    except (yaml.YAMLError, RecursionError, ValueError, LookupError, TypeError,
            AttributeError) as error:  # fmt: skip
        # PyYAML lets through what int(), datetime() and others say of a bad value.
        reason = " ".join(str(error).split())[:200]
        raise ValueError(f"{path} is not YAML that ssmbook reads: {reason}") from error


def text(content: dict) -> str:
    """Return a mapping as YAML, in its own order."""
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=88)
