"""Out of office: who enters it, who stands in, and what pages say is amiss with it."""

from datetime import UTC, datetime, timedelta

import pytest

from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.people.away import (
    absences_of,
    end_absence,
    enter_absence,
    running_or_to_come,
    state_of,
    warnings_about,
)
from governance.people.models import Delegation, Role
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def approver(**fields):
    return UserFactory(**{"roles": [Role.APPROVER], **fields})


def away(person, delegate=None, *, start=0, days=5, by=None, reason="", at=NOW):
    return enter_absence(
        person_id=person.pk,
        starts_at=at + start * DAY,
        ends_at=at + (start + days) * DAY,
        delegate_id=delegate.pk if delegate else None,
        reason=reason,
        by=by or person,
        at=at,
    )


def warned(absence, reader=None, at=NOW):
    return warnings_about([absence], reader=reader or absence.person, at=at)[absence.pk]


def test_an_absence_names_who_is_away_who_stands_in_and_who_entered_it():
    eva, ben = approver(), approver()
    made = away(eva, ben, start=1, reason=" Holiday. ")
    assert (made.person, made.delegate, made.made_by, made.reason) == (eva, ben, eva, "Holiday.")
    (event,) = AuditEvent.objects.filter(kind="user.away")
    assert (event.stream_id, event.actor) == (eva.subject, eva.subject)
    assert b"Holiday" not in bytes(event.body)
    assert ben.subject.encode() in bytes(event.body)


def test_an_administrator_enters_it_for_somebody_and_stands_on_record():
    eva, anna = approver(), UserFactory(roles=[Role.ADMINISTRATOR])
    made = away(eva, by=anna)
    assert (made.person, made.made_by) == (eva, anna)
    assert AuditEvent.objects.get(kind="user.away").actor == anna.subject


def test_nobody_else_enters_it_for_somebody():
    eva = approver()
    for by in (approver(), UserFactory(roles=[Role.AUDITOR]), UserFactory(is_superuser=True)):
        with pytest.raises(NotPermitted, match="Only an administrator"):
            away(eva, by=by)
    assert not Delegation.objects.exists()


def test_it_never_begins_before_it_is_entered():
    eva = approver()
    assert away(eva, start=-3).starts_at == NOW


@pytest.mark.parametrize(("start", "days"), [(0, 0), (1, -1), (-3, 2), (0, 367)])
def test_it_ends_after_it_begins_after_now_and_within_a_year(start, days):
    with pytest.raises(InvalidInput):
        away(approver(), start=start, days=days)
    assert not Delegation.objects.exists()


def test_two_absences_of_one_person_never_overlap():
    eva = approver(time_zone="Europe/Berlin")
    first = away(eva, start=2)
    with pytest.raises(Conflict, match=r"Wednesday 10:00 to Monday 9 March, 10:00 \(Europe/Berlin"):
        away(eva, start=0, days=3)
    assert away(eva, start=0, days=2)
    end_absence(absence_id=first.pk, by=eva, at=NOW)
    assert away(eva, start=3, days=1)
    assert away(approver(), start=2)


def test_a_delegate_who_could_not_even_be_told_is_refused():
    with pytest.raises(NotPermitted, match="Sam has no role here"):
        away(approver(), UserFactory(name="Sam"))


def test_a_delegate_is_somebody_else_who_is_still_here():
    eva = approver()
    for delegate in (eva, approver(is_active=False)):
        with pytest.raises(InvalidInput):
            away(eva, delegate)


def test_a_delegate_with_another_role_is_told_and_the_page_says_what_they_may_not():
    made = away(approver(), UserFactory(name="Olivia", roles=[Role.OWNER]))
    (sentence,) = warned(made)
    assert sentence.startswith("Olivia is told, but may not decide cases, nor ratify")


def test_a_delegate_with_the_role_is_nothing_to_warn_of():
    assert warned(away(approver(), approver())) == []


def test_a_circle_is_accepted_and_said():
    eva, ben = approver(name="Eva"), approver(name="Ben")
    away(ben, eva)
    made = away(eva, ben)
    assert warned(made) == ["Ben is away too and names you: nobody would be told."]
    assert warned(made, reader=ben) == ["Ben is away too and names Eva: nobody would be told."]


def test_a_chain_says_who_would_be_told_in_the_end():
    eva, ben, cleo = approver(), approver(name="Ben"), approver(name="Cleo")
    made = away(eva, ben, start=1)
    away(ben, cleo, start=1)
    assert warned(made) == ["Ben is away too: Cleo would be told."]
    away(cleo, start=1)
    assert warned(made) == ["Ben is away too: nobody would be told."]


def test_a_delegate_whose_absence_is_over_by_then_is_no_reason_to_warn():
    eva, ben = approver(), approver()
    away(ben, days=1)
    assert warned(away(eva, ben, start=2)) == []


def test_a_delegate_who_left_is_said():
    ben = approver(name="Ben")
    made = away(approver(), ben)
    ben.is_active = False
    ben.save()
    made.refresh_from_db()
    assert warned(made) == ["Ben has no account any more: nobody would be told."]


def test_one_comes_back_early_once():
    eva = approver()
    made = away(eva)
    end_absence(absence_id=made.pk, by=eva, at=NOW + DAY)
    made.refresh_from_db()
    assert made.ended_at == NOW + DAY
    assert not Delegation.objects.running(at=NOW + DAY).exists()
    with pytest.raises(Conflict, match="over already"):
        end_absence(absence_id=made.pk, by=eva, at=NOW + 2 * DAY)
    assert AuditEvent.objects.filter(kind="user.back").count() == 1


def test_only_oneself_and_administrators_end_it():
    made, anna = away(approver()), UserFactory(roles=[Role.ADMINISTRATOR])
    for by in (approver(), UserFactory()):
        with pytest.raises(NotThere):
            end_absence(absence_id=made.pk, by=by, at=NOW)
    assert end_absence(absence_id=made.pk, by=anna, at=NOW).ended_at == NOW


def test_what_an_absence_is_at_a_moment():
    eva = approver()
    made = away(eva, start=1, days=2)
    assert state_of(made, at=NOW) == "upcoming"
    assert state_of(made, at=NOW + DAY) == "current"
    assert state_of(made, at=NOW + 3 * DAY) == "past"
    cancelled = away(eva, start=5)
    end_absence(absence_id=cancelled.pk, by=eva, at=NOW)
    cancelled.refresh_from_db()
    assert state_of(cancelled, at=NOW) == "cancelled"
    ended = end_absence(absence_id=made.pk, by=eva, at=NOW + 2 * DAY)
    assert state_of(ended, at=NOW + 3 * DAY) == "ended"
    assert list(absences_of(eva)) == [cancelled, made]
    assert list(running_or_to_come(at=NOW)) == []


def test_moments_are_kept_in_utc_whatever_the_zone():
    made = away(approver(time_zone="Asia/Kathmandu"))
    made.refresh_from_db()
    assert made.starts_at == datetime(2026, 3, 2, 9, tzinfo=UTC)
