"""Open and close questions to people, and tell what goes on with them.

The owner of the subject opens and closes the ask in the transaction that creates and settles
the subject; everything in between is the work of sweep and dispatch.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from governance.asking.audiences import names_of
from governance.asking.ladder import Ladder
from governance.asking.models import (
    Ask,
    AskKind,
    NotificationState,
    Policy,
    ReviewLink,
    Sighting,
)
from governance.asking.poke import poke_dispatch
from governance.asking.policies.ladders import with_teams
from governance.asking.policies.rules import Rules, owner_answers
from governance.asking.policies.terms import Terms, terms_for
from governance.asking.spans import delay_text
from governance.asking.together.watching import tell_of_end
from governance.audit.actors import Actor
from governance.audit.services import append
from governance.base.errors import Conflict
from governance.people.models import User
from governance.people.services import actor_of

TITLE_LENGTH = 200


def open_ask(
    *,
    kind: AskKind,
    subject: str,
    title: str,
    path: str,
    fingerprint: str,
    excluded: Iterable[int],
    by: Actor,
    at: datetime,
    policy: Policy | None = None,
    required_votes: int | None = None,
    teams: Sequence[int] = (),
    due_at: datetime | None = None,
    about: str = "",
    facts: Mapping[str, Any] | None = None,
    owner_id: int | None = None,
    group_key: str = "",
) -> Ask:
    """Ask people about a subject, in the caller's transaction.

    The policy (named, else the one that fits the facts, else the default of the kind) is
    copied: later edits move nothing that runs. ``excluded`` are told nothing and may not answer.
    ``teams``, else those of a policy that was chosen by facts, are told with the first step. At
    ``due_at`` people are told once more. ``owner_id`` is whom steps for the agent's owner reach.
    Raises :class:`Conflict` where the subject is asked about already.
    """
    _check_askable(subject, path)
    terms = terms_for(kind, policy, facts, at=at)
    ladder = with_teams(terms.ladder, teams or (terms.rules.teams if facts is not None else ()))
    ask = Ask(
        kind=kind,
        subject=subject,
        title=_one_line(title),
        about=_one_line(about),
        path=path,
        fingerprint=fingerprint,
        **_copied(terms, ladder, required_votes),
        facts=dict(facts or {}),
        owner_id=owner_id,
        group_key=group_key,
        excluded=sorted(set(excluded) - _spared(terms.rules, facts or {}, owner_id)),
        due_at=due_at,
        opened_at=at,
    )
    ask.next_action_at = ask.no_later_than_due(Ladder.of(ladder).first_action_at(at), at=at)
    ask.save(force_insert=True)
    _tell_opened(ask, by, at)
    poke_dispatch()
    return ask


def _check_askable(subject: str, path: str) -> None:
    _need_transaction()
    if not path.startswith("/") or path.startswith("//"):
        raise ValueError(f"{path} is no path on this portal")
    if Ask.objects.open().filter(subject=subject).exists():
        raise Conflict(f"People are asked about {subject} already.", code="already_asked")


def _copied(
    terms: Terms, ladder: list[dict[str, Any]], required_votes: int | None
) -> dict[str, Any]:
    """What a question keeps of its policy, whatever becomes of that."""
    return {
        "policy_name": terms.name,
        "policy_version": terms.version,
        "rules": terms.rules.as_dict(),
        "ladder": ladder,
        "wakes_people": terms.wakes_people,
        "in_digest": terms.in_digest,
        "required_votes": terms.votes if required_votes is None else required_votes,
    }


def _spared(rules: Rules, facts: Mapping[str, Any], owner_id: int | None) -> set[int]:
    """The owner, whom others would have to spare the answer, where the policy lets them give it."""
    return {owner_id} if owner_id and owner_answers(rules, facts) else set()


def _tell_opened(ask: Ask, by: Actor, at: datetime) -> None:
    append(
        stream=ask.subject,
        kind="ask.opened",
        by=by,
        at=at,
        data={
            "ask": ask.pk,
            "policy": ask.policy_name,
            "policy_version": ask.policy_version.number if ask.policy_version else None,
            "rules": ask.rules,
            "facts": ask.facts,
            "votes": ask.required_votes,
            "ladder": ask.ladder,
            "excluded": ask.excluded,
            "fingerprint": ask.fingerprint,
        },
    )


def close_ask(*, subject: str, because: str, by: Actor, at: datetime) -> None:
    """End the question about a subject, in the transaction that settles it.

    What is not sent yet is never sent; links open nothing from now on. Mail that is being sent
    at this moment is left to dispatch. Does nothing where no question is open.
    """
    _need_transaction()
    ask = Ask.objects.open().select_for_update(no_key=True).filter(subject=subject).first()
    if ask is None:
        return
    ask.closed_at, ask.closed_because, ask.next_action_at = at, because[:40], None
    ask.claimed_by = ask.claimed_at = None
    ask.save(
        update_fields=["closed_at", "closed_because", "next_action_at", "claimed_by", "claimed_at"]
    )
    ask.notifications.filter(state=NotificationState.PENDING).update(
        state=NotificationState.CANCELLED, settled_at=at
    )
    ReviewLink.objects.filter(ask=ask, revoked_at=None).update(revoked_at=at)
    append(
        stream=subject,
        kind="ask.closed",
        by=by,
        at=at,
        data={"ask": ask.pk, "because": ask.closed_because},
    )
    tell_of_end(ask, by=str(by), at=at)


@transaction.atomic
def record_sighting(*, ask_id: int, user: User, at: datetime) -> Sighting:
    """Note that a person looked at what is asked; only the first time counts.

    Takes no lock on the ask: whoever settles the subject holds its stream and wants that lock.
    """
    ask = Ask.objects.get(pk=ask_id)
    sighting, is_new = Sighting.objects.get_or_create(ask=ask, user=user, defaults={"first_at": at})
    if is_new:
        append(stream=ask.subject, kind="ask.seen", by=actor_of(user), at=at, data={"ask": ask.pk})
    return sighting


@transaction.atomic
def record_opened(*, ask_id: int, user: User, at: datetime) -> Sighting:
    """Note that a person opened the details of the act; only the first time counts."""
    sighting = record_sighting(ask_id=ask_id, user=user, at=at)
    first = Sighting.objects.filter(pk=sighting.pk, action_opened_at=None)
    if first.update(action_opened_at=at):
        sighting.action_opened_at = at
        subject = sighting.ask.subject
        append(
            stream=subject, kind="ask.act_opened", by=actor_of(user), at=at, data={"ask": ask_id}
        )
    return sighting


def open_asks_for(user: User) -> QuerySet[Ask]:
    """Open questions, without those that this person may not answer."""
    return Ask.objects.open().exclude(excluded__contains=[user.pk])


def ladder_view(ask: Ask) -> list[dict[str, Any]]:
    """The steps for people: who, when, and whether the step is done, current or later."""
    names = names_of(ask.ladder)
    return [
        {
            "position": index + 1,
            "who": names[index],
            "delay_text": delay_text(rung, is_first=index == 0),
            "state": _state(ask, index),
        }
        for index, rung in enumerate(ask.ladder)
    ]


def _state(ask: Ask, index: int) -> str:
    if index == ask.step and ask.closed_at is None:
        return "current"
    return "done" if index <= ask.step else "later"


def _one_line(text: str) -> str:
    line = " ".join(text.replace("\0", "\ufffd").split())
    return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1] + "…"


def _need_transaction() -> None:
    if not transaction.get_connection().in_atomic_block:
        raise RuntimeError("an ask opens and closes in the transaction of its subject")
