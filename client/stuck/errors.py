"""What can keep a runner from going on. Every one of them means: do not proceed.

Catching :class:`DoNotProceed` catches them all; there is no error beside it that the client
raises on purpose, and none of them may be read as permission.
"""

from typing import TYPE_CHECKING, Any, Mapping, Optional

if TYPE_CHECKING:
    from stuck.answers import Answer


class DoNotProceed(Exception):
    """Nobody has said yes. ``exit_code`` is what the command line tool exits with."""

    exit_code = 1

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


class NotSetUp(DoNotProceed):
    """The client was given no usable address, key or input."""


class WithAnswer(DoNotProceed):
    """A state of the case that is not a yes; ``answer`` holds the case as the portal gave it."""

    def __init__(self, sentence: str, answer: "Answer") -> None:
        super().__init__(sentence)
        self.answer = answer


class Rejected(WithAnswer):
    """A person said no. The signed answer says why."""

    exit_code = 10


class Withdrawn(WithAnswer):
    """The runner took the case back; nobody decided."""

    exit_code = 11


class Dismissed(WithAnswer):
    """A person closed the case without deciding it."""

    exit_code = 11


class Undecided(WithAnswer):
    """Nobody has decided yet, and the caller wanted to wait no longer. The case stays open."""

    exit_code = 12


class QuestionOpen(WithAnswer):
    """An approver asked something; the case waits for the runner's answer."""

    exit_code = 13


class Expired(WithAnswer):
    """People said yes, but ``use_before`` has passed. Ask again."""

    exit_code = 14


class Differs(DoNotProceed):
    """The folder holds something else than what people have approved."""

    exit_code = 15


class PortalUnreachable(DoNotProceed):
    """The portal gave no usable answer in the time there was."""

    exit_code = 20


class Refused(DoNotProceed):
    """The portal refused the call; ``problem`` holds the members of RFC 9457."""

    exit_code = 21

    def __init__(self, sentence: str, status: int, problem: Mapping[str, Any]) -> None:
        super().__init__(sentence)
        self.status = status
        self.problem = problem

    @property
    def code(self) -> str:
        """The portal's stable name of the reason, such as ``permit_spent``."""
        return str(self.problem.get("code", ""))


class NotVerified(DoNotProceed):
    """What the portal sent is not proven to be its word for this runner and this case."""

    exit_code = 22

    def __init__(self, sentence: str, answer: "Optional[Answer]" = None) -> None:
        super().__init__(sentence)
        self.answer = answer
