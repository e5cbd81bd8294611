"""Ask for a change that loosens something, confirm it, refuse it or take it back.

Tightening needs none of this. Every writer of the configuration holds one lock until it
commits, so that what is compared is what is replaced.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from governance.asking.models import Ask, AskKind, Reason
from governance.asking.outbox import tell
from governance.asking.poke import poke_dispatch
from governance.asking.services import close_ask, open_ask
from governance.audit.services import append
from governance.base.canonical import digest_of
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.configuration.kinds import KINDS, Kind, Snapshot, bare
from governance.configuration.models import ChangeState, ConfigurationChange
from governance.configuration.permissions import check_may_confirm, gaining
from governance.people.models import Role, User
from governance.people.permissions import Permission, check
from governance.people.services import actor_of

LONGEST_REASON = 4000
_LOCK = 0x636F6E66  # any number, as long as nothing else in this database takes it


def hold_configuration() -> None:
    """Keep other writers of the configuration out until the transaction ends."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


@transaction.atomic
def ask_change(
    *,
    kind: str,
    object_id: int | None,
    before: Snapshot,
    after: Snapshot,
    by: User,
    at: datetime,
) -> ConfigurationChange:
    """File what loosens something, as a whole, until another administrator confirms it.

    Administrators are asked, auditors are told. One request per thing is open at a time.
    """
    check(by, Permission.CONFIGURE)
    hold_configuration()
    known = KINDS[kind]
    sentences = known.loosens(before, after)
    if not sentences:
        raise InvalidInput("This loosens nothing: it needs no second person.", code="tightens")
    if kind == "user" and object_id == by.pk:
        raise NotPermitted("Somebody else has to change your own roles.", code="own_roles")
    if bare(known.now(object_id, after)) != bare(before):
        raise Conflict("It has changed meanwhile. Load the page again.", code="outdated")
    change = _filed(known, object_id, before, after, sentences, by, at)
    _record(change, "configuration.asked", by, at, digests=True)
    ask_people(change, by, at)
    return change


def _filed(
    kind: Kind,
    object_id: int | None,
    before: Snapshot,
    after: Snapshot,
    sentences: list[str],
    by: User,
    at: datetime,
) -> ConfigurationChange:
    named = before if after.get("deleted") else after
    subject = f"{kind.name}:{object_id or f'new:{kind.slot(after)}'}"[:160]
    if ConfigurationChange.objects.filter(subject=subject, state=ChangeState.OPEN).exists():
        raise Conflict(
            "A request to loosen this waits already. It has to be settled first.", code="waiting"
        )
    return ConfigurationChange.objects.create(
        kind=kind.name,
        object_id=object_id,
        subject=subject,
        title=kind.title(named)[:200],
        before=before,
        after=after,
        sentences=sentences,
        asked_by=by,
        asked_at=at,
    )


def ask_people(change: ConfigurationChange, by: User, at: datetime) -> None:
    """Open the question about a change, in the caller's transaction; auditors are told."""
    ask = open_ask(
        kind=AskKind.CONFIGURATION,
        subject=change.stream,
        title=change.title,
        about=" ".join(change.sentences),
        path=reverse("configuration-changes"),
        fingerprint=digest_of(bare(change.after)),
        excluded={by.pk, *gaining(change)},
        required_votes=1,
        by=actor_of(by),
        at=at,
    )
    tell(ask, list(User.objects.with_role(Role.AUDITOR)), why="auditors", at=at, reason=Reason.NEWS)


@transaction.atomic
def confirm_change(*, change_id: int, by: User, at: datetime) -> ConfigurationChange:
    """A second administrator agrees: the thing becomes what was asked for, or nothing happens."""
    check(by, Permission.CONFIGURE)
    hold_configuration()
    change = _open_change(change_id)
    check_may_confirm(by, change)
    kind = KINDS[change.kind]
    if bare(_present(kind, change)) != bare(change.before):
        raise Conflict(
            f"{change.title} has changed since this was asked for. Refuse it, and ask anew.",
            code="outdated",
        )
    _settle(change, ChangeState.CONFIRMED, "", by, at)
    try:
        with transaction.atomic():
            kind.apply(change.object_id, change.after, by=by, at=at)
    except IntegrityError as error:
        raise Conflict(
            f"{change.title} does not fit what there is now. Refuse it, and ask anew.",
            code="outdated",
        ) from error
    return change


def _present(kind: Kind, change: ConfigurationChange) -> Snapshot:
    """What there is now; nothing at all where it is gone."""
    try:
        return kind.now(change.object_id, change.after)
    except ObjectDoesNotExist:
        return {}


@transaction.atomic
def refuse_change(*, change_id: int, reason: str, by: User, at: datetime) -> ConfigurationChange:
    """Turn a request down, with a reason; who asked takes it back."""
    check(by, Permission.CONFIGURE)
    hold_configuration()
    change = _open_change(change_id)
    withdraws = change.asked_by_id == by.pk
    said = reason.replace("\0", "\ufffd").strip()
    if len(said) > LONGEST_REASON:
        raise InvalidInput(f"A reason has at most {LONGEST_REASON} characters.", code="too_long")
    if not said and not withdraws:
        raise InvalidInput("Say why it stays as it is.", code="reason_needed")
    _settle(change, ChangeState.WITHDRAWN if withdraws else ChangeState.REFUSED, said, by, at)
    return change


def _open_change(change_id: int) -> ConfigurationChange:
    """The request under its lock, still open."""
    locked = ConfigurationChange.objects.select_for_update(of=("self",))
    change = locked.select_related("asked_by").filter(pk=change_id).first()
    if change is None:
        raise NotThere("There is no such request.", code="unknown_change")
    if change.state != ChangeState.OPEN:
        raise Conflict(
            f"This request is settled: {change.get_state_display().lower()}.", code="settled"
        )
    return change


def _settle(
    change: ConfigurationChange, state: ChangeState, reason: str, by: User, at: datetime
) -> None:
    """The end of a request: its row, its event, its question, and word to the auditors."""
    change.move_to(state)
    change.settled_by, change.settled_at, change.reason = by, at, reason
    change.save(update_fields=["state", "settled_by", "settled_at", "reason"])
    _record(change, f"configuration.{state.value}", by, at, digests=state == ChangeState.CONFIRMED)
    ask = Ask.objects.open().filter(subject=change.stream).first()
    because = state.label.lower()
    close_ask(subject=change.stream, because=because, by=actor_of(by), at=at)
    if ask is not None:
        auditors = {user.pk: user for user in User.objects.with_role(Role.AUDITOR)}
        told = auditors | ({change.asked_by_id: change.asked_by} if change.asked_by != by else {})
        tell(ask, [*told.values()], why="settled", at=at, reason=Reason.SETTLED)
        poke_dispatch()


def _record(
    change: ConfigurationChange, kind: str, by: User, at: datetime, *, digests: bool
) -> None:
    """In the history of the request; names of people stay out of it."""
    data: dict[str, Any] = {"about": change.subject, "asked_by": change.asked_by.subject}
    if digests:
        data |= {"before": _told(change.before), "after": _told(change.after)}
    append(stream=change.stream, kind=kind, by=actor_of(by), at=at, data=data)


def _told(snapshot: Mapping[str, Any]) -> dict[str, Any]:
    """What counts of it, without the words that people are called by."""
    return {key: value for key, value in bare(snapshot).items() if key != "name"}
