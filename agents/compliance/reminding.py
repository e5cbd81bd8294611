"""Ask people to affirm touched approvals again, until it is done: silence never decides."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.urls import reverse

from agents.compliance.forecast import touched_releases
from agents.defaults import STALE_APPROVALS
from agents.models import Family, Waiver
from agents.standing import day
from governance.asking.models import Ask, AskKind, Policy
from governance.asking.services import close_ask, open_ask
from governance.audit.actors import Actor, system
from governance.audit.services import append
from governance.base.canonical import digest_of

STALE = "stale:"
WAIVER = "waiver:"
NAMED = 4
REMINDER: Actor = system("stale-approvals")


def remind_stale(*, at: datetime) -> int:
    """Ask once per amendment and family, and stop asking where nothing is left.

    Returns how many questions were opened, changed or closed. It never approves anything, and
    what has stopped already is asked about all the same.
    """
    changed = sum(_remind(slug, at) for slug in sorted(_families()))
    return changed + sum(_close_expired(waiver, at) for waiver in _expired_waivers(at))


def _families() -> set[str]:
    touched = touched_releases().order_by().values_list("agent__family__slug", flat=True)
    asked = Ask.objects.open().filter(subject__startswith=STALE)
    return set(touched.distinct()) | {
        subject.rpartition(":")[2] for subject in asked.values_list("subject", flat=True)
    }


@transaction.atomic
def _remind(slug: str, at: datetime) -> int:
    """One family under its lock: two reminders at once ask one question."""
    family = Family.objects.select_for_update(no_key=True).filter(slug=slug).first()
    if family is None:
        return 0
    groups = _groups(family)
    suffix = f":{family.slug}"
    asks = Ask.objects.open().filter(subject__startswith=STALE, subject__endswith=suffix)
    open_asks = {ask.subject: ask for ask in asks}
    changed = 0
    for subject, releases in groups.items():
        changed += _ask(family, subject, releases, open_asks.pop(subject, None), at)
    for subject in open_asks:
        close_ask(subject=subject, because="nothing_left", by=REMINDER, at=at)
        changed += 1
    return changed


def _groups(family: Family) -> dict[str, list[Any]]:
    """What is touched, by the subject of the question about it."""
    found: dict[str, list[Any]] = {}
    for release in touched_releases().filter(agent__family=family):
        subject = f"{STALE}{release.touched_by}:{family.slug}"
        found.setdefault(subject, []).append(release)
    return found


def _ask(
    family: Family, subject: str, releases: Sequence[Any], ask: Ask | None, at: datetime
) -> int:
    title, about = _title(family, releases, at), _about(releases)
    if ask is None:
        open_ask(
            kind=AskKind.REVIEW,
            subject=subject,
            title=title,
            path=f"{reverse('stale-approvals')}?family={family.slug}",
            fingerprint=digest_of(sorted({one.version.sha256 for one in releases})),
            excluded=(),
            by=REMINDER,
            at=at,
            policy=Policy.objects.filter(slug=STALE_APPROVALS).first(),
            about=about,
        )
        return 1
    return _retitle(ask, title, about, at)


def _retitle(ask: Ask, title: str, about: str, at: datetime) -> int:
    """Later mails count what is left."""
    if (ask.title, ask.about) == (title, about):
        return 0
    Ask.objects.open().filter(pk=ask.pk).update(title=title, about=about)
    append(
        stream=ask.subject, kind="ask.changed", by=REMINDER, at=at,
        data={"ask": ask.pk, "title": title},
    )  # fmt: skip
    return 1


def _title(family: Family, releases: Sequence[Any], at: datetime) -> str:
    """``3 approvals of Sample family stop on 3 May``."""
    first_at = min(release.grace_until for release in releases)
    number = len({release.version_id for release in releases})
    noun = "approval" if number == 1 else "approvals"
    stops = "stops" if number == 1 else "stop"
    when = f"{stops} on {day(first_at, at=at)}"
    if first_at <= at:
        when = f"stopped on {day(first_at, at=at)}"
    return f"{number} {noun} of {family.name} {when}"


def _about(releases: Sequence[Any]) -> str:
    names: list[str] = list(_names(releases))
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"Runners are refused from then on: {', '.join(names[:NAMED])}{more}."


def _names(releases: Sequence[Any]) -> Iterator[str]:
    """The agents, the soonest to stop first, each once."""
    yield from dict.fromkeys(release.agent.slug for release in releases)


def _expired_waivers(at: datetime) -> list[Waiver]:
    """Those that ran out before anybody granted them: nothing is left to decide."""
    numbers = [
        int(subject.removeprefix(WAIVER))
        for subject in Ask.objects.open()
        .filter(subject__startswith=WAIVER)
        .values_list("subject", flat=True)
    ]
    return list(Waiver.objects.filter(pk__in=numbers, expires_at__lte=at))


@transaction.atomic
def _close_expired(waiver: Waiver, at: datetime) -> int:
    close_ask(subject=waiver.subject, because="expired", by=REMINDER, at=at)
    return 1
