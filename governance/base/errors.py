"""Refusals: what a service raises when it says no.

Each carries the sentence that a person or a runner reads. The edges (pages, API, admin,
commands, mail links) turn them into an answer and write them to the refusals stream.
"""

from collections.abc import Callable


class Refusal(Exception):
    """A service said no, and nothing was changed.

    ``status`` is the HTTP status of the answer, ``code`` a stable name for machines.
    """

    status = 400
    code = "refused"
    title = "Refused"

    def __init__(self, sentence: str, *, code: str = "", **details: object) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code or self.code
        self.details = details


class InvalidInput(Refusal):
    """The input cannot be understood or is outside the limits."""

    status = 400
    code = "invalid_input"
    title = "Invalid input"


class NotPermitted(Refusal):
    """This actor may not do this act."""

    status = 403
    code = "not_permitted"
    title = "Not permitted"


class NotThere(Refusal):
    """The object does not exist, or this actor must not learn that it does."""

    status = 404
    code = "not_found"
    title = "Not found"


class Conflict(Refusal):
    """The state of the object does not allow the act."""

    status = 409
    code = "conflict"
    title = "Conflict"


class InvalidTransition(Conflict):
    """A state machine has no such transition."""

    code = "invalid_transition"
    title = "Not possible in this state"


class TooLarge(Refusal):
    """The input is larger than the portal accepts."""

    status = 413
    code = "too_large"
    title = "Too large"


def sentence_of(check: Callable[..., object], *args: object, **kwargs: object) -> str:
    """What a check would answer: the sentence on a disabled button; empty where it passes."""
    try:
        check(*args, **kwargs)
    except Refusal as refusal:
        return refusal.sentence
    return ""
