"""Who acted, as a string: the history knows no tables of people."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Actor:
    """``user:12``, ``runner:3`` or ``system:sweep``."""

    kind: str
    id: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.id}"


def system(name: str) -> Actor:
    """A part of the portal itself, such as the sweep. It never decides."""
    return Actor("system", name)


NOBODY = Actor("anonymous", "-")
