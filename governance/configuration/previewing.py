"""What another policy would make of the questions that were asked lately.

The change is made, looked at and undone, so that what is shown is what would be.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from governance.asking.models import Ask, AskKind, Policy
from governance.asking.policies.describing import Changed, differences
from governance.asking.policies.matching import Considered, considered_among, in_order
from governance.asking.policies.outlook import Outlook, outlook
from governance.asking.policies.versions import content_of
from governance.base.errors import Conflict, NotThere
from governance.configuration.milder import milder
from governance.configuration.models import ChangeState, ConfigurationChange
from governance.configuration.policies import PolicyKind, write

LATEST = 50
# What a question copies, and so what is felt of a change.
COPIED = ("slug", "votes", "rules", "ladder", "in_digest", "wakes_people")
Content = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Moved:
    """One question: the policy it fell under and would fall under, and what differs."""

    ask: Ask
    before: str
    after: str
    looser: bool
    stricter: bool
    differing: list[Changed]


@dataclass(frozen=True, slots=True)
class Preview:
    """``moved`` of the ``looked_at`` latest questions; the policy itself, and one chosen case."""

    name: str
    content: Content
    outlook: Outlook
    looked_at: int
    moved: list[Moved]
    chosen: Ask | None
    tried: list[Considered]
    chosen_outlook: Outlook | None


class Before:
    """Which policy each of the latest questions falls under as things are."""

    def __init__(self, kind: str, *, chosen: str = "") -> None:
        self.kind = kind
        self.chosen = _chosen(chosen)
        asks = Ask.objects.filter(kind=kind).exclude(facts={}).order_by("-pk")
        self.asks = list(asks[:LATEST]) if kind == AskKind.CASE else []
        self.taken = _taken(kind, self.asks)

    def preview(self, pk: int, *, at: datetime) -> Preview:
        """The same questions, with the policies as they are in this transaction."""
        policy = Policy.objects.get(pk=pk)
        content = content_of(policy)
        after = _taken(self.kind, self.asks)
        pairs = zip(self.asks, self.taken, after, strict=True)
        moved = [_moved(ask, was, now) for ask, was, now in pairs if _differs(was, now)]
        tried, ahead = _ahead(self.chosen, at=at)
        return Preview(
            name=policy.name,
            content=content,
            outlook=outlook(content, at=at),
            looked_at=len(self.asks),
            moved=moved,
            chosen=self.chosen,
            tried=tried,
            chosen_outlook=ahead,
        )


def preview_of(change_id: int, *, at: datetime, chosen: str = "") -> Preview:
    """What a policy would do as a request that waits would have it."""
    change = ConfigurationChange.objects.filter(pk=change_id, kind=PolicyKind.name).first()
    if change is None:
        raise NotThere("There is no such request about a policy.", code="unknown_change")
    if change.state != ChangeState.OPEN:
        raise Conflict("This request is settled.", code="settled")
    before = Before(change.after["kind"], chosen=chosen)
    try:
        with transaction.atomic():
            policy = write(change.object_id, change.after)
            preview = before.preview(policy.pk, at=at)
            transaction.set_rollback(True)
    except (KeyError, IntegrityError, Policy.DoesNotExist) as error:
        raise Conflict(
            f"{change.title} does not fit what there is now. Refuse it, and ask anew.",
            code="outdated",
        ) from error
    return preview


def _chosen(ref: str) -> Ask | None:
    if not ref.strip():
        return None
    number = ref.strip().upper().removeprefix("ESC-")
    subject = f"escalation:ESC-{number}"
    ask = Ask.objects.filter(subject=subject).order_by("-pk").first()
    if ask is None:
        raise NotThere(f"There is no case {ref.strip()}.")
    return ask


def _ahead(ask: Ask | None, *, at: datetime) -> tuple[list[Considered], Outlook | None]:
    if ask is None:
        return [], None
    tried = considered_among(in_order(ask.kind), ask.facts)
    if not (tried and tried[-1].fits):
        return tried, None
    content = content_of(tried[-1].policy)
    return tried, outlook(content, at=at, owner_id=ask.owner_id, excluded=ask.excluded)


def _taken(kind: str, asks: Iterable[Ask]) -> list[Content | None]:
    policies = in_order(kind)
    contents = {policy.pk: content_of(policy) for policy in policies}
    taken: list[Content | None] = []
    for ask in asks:
        tried = considered_among(policies, ask.facts)
        taken.append(contents[tried[-1].policy.pk] if tried and tried[-1].fits else None)
    return taken


def _differs(was: Content | None, now: Content | None) -> bool:
    if was is None or now is None:
        return False
    return any(was[name] != now[name] for name in COPIED)


def _moved(ask: Ask, was: Content | None, now: Content | None) -> Moved:
    if was is None or now is None:
        raise ValueError("a question without a policy cannot be compared")
    names = _Numbers()
    return Moved(
        ask=ask,
        before=was["name"],
        after=now["name"],
        looser=bool(milder(_flat(was), _flat(now), names)),
        stricter=bool(milder(_flat(now), _flat(was), names)),
        differing=differences({**now, **{name: was[name] for name in COPIED}}, now),
    )


class _Numbers(dict[str, str]):
    """Whoever only asks whether a sentence is there needs no names."""

    def __missing__(self, key: str) -> str:
        return key


def _flat(content: Content) -> dict[str, Any]:
    return {**content, "teams": content["rules"]["teams"]}
