from datetime import timedelta

import pytest

from governance.people.absences import Absences, Told, delegators_of
from governance.people.models import Delegation
from tests.factories import UserFactory

DAY = timedelta(days=1)
pytestmark = pytest.mark.django_db


@pytest.fixture
def people():
    return [UserFactory(name=name) for name in ("Ada", "Bo", "Cy", "Di")]


def away(person, delegate, now, *, starts=-DAY, ends=DAY, **changes):
    fields = {"made_by": person, "made_at": now - 2 * DAY, "reason": "holiday"}
    return Delegation.objects.create(
        person=person, delegate=delegate, starts_at=now + starts, ends_at=now + ends,
        **fields | changes,
    )  # fmt: skip


def test_who_is_there_is_told_in_their_own_right(now, people):
    assert Absences(now).stand_ins(people[:2]) == [Told(people[0]), Told(people[1])]


def test_a_delegate_is_told_in_place_of_who_is_away(now, people):
    ada, bo, *_ = people
    away(ada, bo, now)
    assert Absences(now).stand_ins([ada]) == [Told(bo, on_behalf_of=ada)]


def test_away_without_a_delegate_is_left_out(now, people):
    ada, bo, *_ = people
    away(ada, None, now)
    assert Absences(now).stand_ins([ada, bo]) == [Told(bo)]


@pytest.mark.parametrize(
    ("starts", "ends", "ended", "holds"),
    [
        (timedelta(0), DAY, False, True),
        (timedelta(microseconds=1), DAY, False, False),
        (-DAY, timedelta(0), False, False),
        (-DAY, timedelta(microseconds=1), False, True),
        (-DAY, DAY, True, False),
    ],
)
def test_an_absence_holds_from_its_start_until_its_end(now, people, starts, ends, ended, holds):
    ada, bo, *_ = people
    away(ada, bo, now, starts=starts, ends=ends, ended_at=now - DAY / 2 if ended else None)
    assert Absences(now).stand_ins([ada]) == [Told(bo, on_behalf_of=ada) if holds else Told(ada)]


def test_a_chain_is_followed_to_somebody_who_is_there(now, people):
    ada, bo, cy, _ = people
    away(ada, bo, now)
    away(bo, cy, now)
    assert Absences(now).stand_ins([ada]) == [Told(cy, on_behalf_of=ada)]


def test_a_circle_of_absences_ends(now, people):
    ada, bo, cy, _ = people
    away(ada, bo, now)
    away(bo, cy, now)
    away(cy, ada, now)
    assert Absences(now).stand_ins([ada, bo]) == []


def test_of_two_absences_the_later_one_counts_first_and_the_other_still_helps(now, people):
    ada, bo, cy, _ = people
    away(ada, bo, now)
    later = away(ada, cy, now, made_at=now - DAY)
    assert Absences(now).stand_ins([ada]) == [Told(cy, on_behalf_of=ada)]
    assert Absences(now).stand_ins([ada], excluded=[cy.pk]) == [Told(bo, on_behalf_of=ada)]
    Delegation.objects.filter(pk=later.pk).update(delegate=None)
    assert Absences(now).stand_ins([ada]) == [Told(bo, on_behalf_of=ada)]


def test_somebody_who_may_not_answer_neither_stands_in_nor_passes_it_on(now, people):
    ada, author, friend, _ = people
    away(ada, author, now)
    assert Absences(now).stand_ins([ada], excluded=[author.pk]) == []
    away(author, friend, now)
    assert Absences(now).stand_ins([ada], excluded=[author.pk]) == []


def test_nobody_stands_in_for_somebody_who_may_not_answer(now, people):
    author, friend, *_ = people
    away(author, friend, now)
    assert Absences(now).stand_ins([author], excluded=[author.pk]) == []


def test_a_delegate_without_an_account_is_passed_over(now, people):
    ada, bo, *_ = people
    bo.is_active = False
    bo.save()
    away(ada, bo, now)
    assert Absences(now).stand_ins([ada]) == []


def test_whoever_is_asked_in_their_own_right_is_told_once(now, people):
    ada, bo, cy, _ = people
    away(ada, bo, now)
    away(cy, bo, now)
    assert Absences(now).stand_ins([ada, bo]) == [Told(bo)]
    assert Absences(now).stand_ins([ada, cy]) == [Told(bo, on_behalf_of=ada)]


def test_for_whom_a_person_stands_in(now, people):
    ada, bo, cy, di = people
    away(ada, bo, now)
    away(bo, cy, now)
    away(di, None, now)
    assert delegators_of(cy, now) == [ada, bo]
    assert delegators_of(bo, now) == []
    assert delegators_of(cy, now, excluded=[ada.pk]) == [bo]
    assert delegators_of(cy, now + DAY) == []


def test_looking_up_costs_one_query_however_long_the_chain(now, people, django_assert_num_queries):
    ada, bo, cy, di = people
    away(ada, bo, now)
    away(bo, cy, now)
    away(cy, di, now)
    with django_assert_num_queries(1):
        assert Absences(now).stand_ins([ada]) == [Told(di, on_behalf_of=ada)]
