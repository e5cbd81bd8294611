"""Who judges a version against the law, and who excuses it: never who wrote it."""

from typing import Any

from agents.models import AgentVersion, Waiver
from agents.permissions import check_person, excluded_from
from governance.base.errors import NotPermitted
from governance.people.permissions import Permission, check, has

WROTE_IT = "You wrote this version, so somebody else judges it."
NOT_YOUR_OWN = "You wrote this version, so somebody else grants its waiver."
ASKED_FOR_IT = "You asked for this waiver, so somebody else grants it."


def check_can_judge(by: Any, version: AgentVersion) -> None:
    """People who vote on versions, and had no part in this one."""
    check_person(by, "judge versions")
    check(by, Permission.REVIEW)
    if by.pk in excluded_from(version):
        raise NotPermitted(WROTE_IT, code="four_eyes")


def check_can_ask(by: Any) -> None:
    """Whoever may propose versions may ask that one be excused."""
    check_person(by, "ask for waivers")
    check(by, Permission.PROPOSE)


def check_can_grant(by: Any, waiver: Waiver) -> None:
    """An exception to the law is given by those who make it, and by a second person."""
    check_person(by, "grant waivers")
    check(by, Permission.RATIFY)
    if by.pk == waiver.asked_by_id:
        raise NotPermitted(ASKED_FOR_IT, code="four_eyes")
    if by.pk in excluded_from(waiver.version):
        raise NotPermitted(NOT_YOUR_OWN, code="four_eyes")


def check_can_end(by: Any) -> None:
    """Ending one only makes things stricter: who may ask for it or grant it may end it."""
    check_person(by, "end waivers")
    if not has(by, Permission.PROPOSE):
        check(by, Permission.RATIFY)
