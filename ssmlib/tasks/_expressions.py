"""The language of ListOps: expressions as tokens and as text, and their values."""

from __future__ import annotations

from torch import Tensor

from ssmlib import _checks

OPERATORS = ("MIN", "MAX", "MED", "SM")
#: token of each word: 0 is padding, the digits are 1 .. 10
WORDS = ("", *map(str, range(10)), *(f"[{name}" for name in OPERATORS), "]")
FIRST_OPERATOR, CLOSE = 11, 15
_TOKENS = {word: token for token, word in enumerate(WORDS) if word}


def value_of(operator: int, arguments: list[int]) -> int:
    """Return the value of an operator, by its place in `OPERATORS`."""
    name = OPERATORS[operator]
    if name == "MIN":
        return min(arguments)
    if name == "MAX":
        return max(arguments)
    if name == "SM":
        return sum(arguments) % 10
    ordered = sorted(arguments)
    half = len(ordered) // 2
    return (ordered[half] + ordered[~half]) // 2


def text(tokens: Tensor) -> str:
    """Return an expression as text, for example "[MAX 2 9 ]".

    Args:
        tokens: (L,) integers in 0 .. 15; padding is left out.

    Raises:
        TypeError: if tokens are not integers.
        ValueError: for a token out of range, or another shape.
    """
    if _checks.dense("tokens", tokens).is_floating_point() or tokens.is_complex():
        raise TypeError(f"tokens must be integers, got {tokens.dtype}")
    if tokens.ndim != 1:
        raise ValueError(f"tokens must have shape (L,), got {tuple(tokens.shape)}")
    _checks.within("tokens", tokens.cpu(), 0, len(WORDS) - 1)
    return " ".join(WORDS[token] for token in tokens.tolist() if token)


def evaluate(expression: str) -> int:
    """Return the value of an expression.

    Args:
        expression: as `text` writes it.

    Raises:
        TypeError: if it is not a text.
        ValueError: if it is not one complete expression.
    """
    return parsed(expression)[1]


def parsed(expression: str) -> tuple[list[int], int]:
    """Return the tokens of an expression and its value.

    Args:
        expression: as `text` writes it.

    Raises:
        TypeError: if it is not a text.
        ValueError: if it is not one complete expression.
    """
    if not isinstance(expression, str):
        raise TypeError(f"expression must be a text, got {type(expression).__name__}")
    tokens: list[int] = []
    stack: list[list[int]] = [[]]
    for word in expression.split():
        token = _TOKENS.get(word, 0)
        if 1 <= token < FIRST_OPERATOR:
            stack[-1].append(token - 1)
        elif FIRST_OPERATOR <= token < CLOSE:
            stack.append([token - FIRST_OPERATOR])
        elif token == CLOSE and len(stack) > 1 and len(stack[-1]) > 1:
            operator, *arguments = stack.pop()
            stack[-1].append(value_of(operator, arguments))
        else:
            raise ValueError(f"{expression[:40]!r} is no expression: at {word!r}")
        tokens.append(token)
    if len(stack) != 1 or len(stack[0]) != 1:
        raise ValueError(f"{expression[:40]!r} is no one expression")
    return tokens, stack[0][0]


def depths(tokens: Tensor) -> Tensor:
    """Return the nesting depth of each expression.

    Args:
        tokens: (n, L) int64.

    Returns:
        (n,) int64, 1 for a single operator.

    Raises:
        TypeError: if tokens is not a tensor.
    """
    _checks.is_tensor("tokens", tokens)
    opens = ((tokens >= FIRST_OPERATOR) & (tokens < CLOSE)).long()
    return (opens - (tokens == CLOSE).long()).cumsum(-1).amax(-1)
