"""What a policy would do with a question asked now."""

from datetime import time, timedelta

import pytest

from governance.asking.models import Policy, Rung
from governance.asking.policies.outlook import NOBODY_BY_SILENCE, outlook
from governance.asking.policies.versions import content_of
from governance.people.models import Delegation, Membership, QuietHours, Role, Team
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


def approver(name, **fields):
    return UserFactory(roles=[Role.APPROVER], name=name, **fields)


def policy(**fields):
    made = Policy.objects.create(name="P", slug="p", kind="case", **fields)
    steps = [("approver", 0 * HOUR, HOUR, 4 * HOUR), ("administrator", 3 * HOUR, HOUR, HOUR)]
    for position, (role, delay, repeat, cap) in enumerate(steps):
        Rung.objects.create(
            policy=made,
            position=position,
            audience="role",
            role=role,
            delay=delay,
            repeat_every=repeat,
            repeat_cap=cap,
        )
    return made


def ahead(made, **said):
    return outlook(content_of(made), at=NOW, **said)


def quiet(user, starts, ends):
    QuietHours.objects.create(user=user, weekdays=list(range(7)), starts=starts, ends=ends)


def test_each_step_says_when_whom_and_how_often_again():
    approver("Ann"), approver("Ben"), UserFactory(roles=[Role.ADMINISTRATOR], name="Root")
    first, second = ahead(policy()).moments
    assert (first.when, second.when) == ("At once", "After 3 hours")
    assert first.sentence == "Ann and Ben are told (everybody with the role approver)."
    assert first.again == "Again after 1 hour, then with growing pauses of up to 4 hours."
    assert second.sentence == "Root is told (everybody with the role administrator)."
    assert second.again == "Again after 1 hour, and so on."
    assert first.notes == second.notes == ()


def test_who_is_away_is_named_with_who_stands_in():
    ann, ben, cleo = approver("Ann"), approver("Ben"), UserFactory(name="Cleo")
    for person, delegate in ((ann, cleo), (ben, None)):
        Delegation.objects.create(
            person=person,
            delegate=delegate,
            starts_at=NOW - HOUR,
            ends_at=NOW + 5 * HOUR,
            made_by=person,
            made_at=NOW,
        )
    moment = ahead(policy()).moments[0]
    assert moment.sentence.startswith("Cleo is told")
    assert "Cleo is told for Ann, who is away." in moment.notes
    assert "Ben is away until 02 March, 14:00, and nobody stands in." in moment.notes


def test_quiet_hours_are_told_on_the_clock_of_the_person():
    ann = approver("Ann", time_zone="Europe/Berlin")
    approver("Ben")
    quiet(ann, time(9), time(12))
    waits = ahead(policy()).moments[0].notes
    assert waits == (
        "Ann has quiet hours until 02 March, 12:00 in Europe/Berlin; the mail waits for that.",
    )
    Policy.objects.filter(slug="p").update(wakes_people=True)
    rung = ahead(Policy.objects.get(slug="p")).moments[0].notes
    assert rung[0].endswith("this policy does not wait for that.")


def test_a_step_that_reaches_nobody_or_only_sleepers_passes_at_once():
    UserFactory(roles=[Role.ADMINISTRATOR], name="Root")
    made = policy()
    first, second = ahead(made).moments
    assert first.sentence.startswith("Nobody is reached by this step")
    assert second.when == "At once"
    quiet(approver("Ann"), time(8), time(20))
    first, second = ahead(made).moments
    assert first.notes[-1].startswith("Nobody of this step is awake before the next one")
    assert second.when == "At once"


def test_those_who_may_not_answer_are_left_out_and_the_owner_is_found():
    ann, owner = approver("Ann"), UserFactory(name="Olga")
    made = policy()
    made.rungs.filter(position=1).update(audience="owner", role="")
    first, second = ahead(made, owner_id=owner.pk, excluded=[ann.pk]).moments
    assert "Ann is not told: the question is too close to them." in first.notes
    assert second.sentence == "Olga is told (the agent's owner)."


def test_what_an_answer_takes_is_said_and_silence_never_decides():
    team = Team.objects.create(name="Security", slug="security")
    Membership.objects.create(team=team, user=approver("Sue"))
    made = policy(
        required_votes=2,
        one_rejection_ends=False,
        authentication="passkey",
        reason_required=True,
        owner_may_answer=True,
        permit_scopes=["run"],
        standing_risks=["low"],
        standing_uses=3,
        standing_days=7,
    )
    made.teams.set([team])
    made.option_authorities.create(option="drop", role="administrator", team=team)
    ahead_of = ahead(made)
    assert ahead_of.moments[0].sentence.startswith("Sue is told")
    assert ahead_of.answering == [
        "2 people must choose the same.",
        "One of them must come from each of these: team Security.",
        "A rejection takes as many votes as an approval.",
        "What an answer takes: passkey or security key, a moment ago, and a reason.",
        "Kept for some: the option drop: the role administrator and team Security.",
        "The agent’s owner may answer alone where the risk is low and no act is asked for.",
        "A permit may also reach further: exactly this act, during this run.",
        (
            "A standing decision may answer questions of low risk, 3 times and for 7 days at most, "
            "in the name of who made it."
        ),
        NOBODY_BY_SILENCE,
    ]


def test_the_first_step_of_a_digest_says_so():
    approver("Ann")
    first, second = ahead(policy(in_digest=True)).moments
    assert first.sentence.endswith(", in the daily digest.")
    assert "digest" not in second.sentence
