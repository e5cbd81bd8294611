"""Teams of which each gives one of the approvals."""

import pytest
from django.db import transaction
from django.db.utils import IntegrityError

from governance.asking.models import Ask, Notification, Policy
from governance.asking.sweep import sweep
from governance.people.models import Membership, Role, Team, User
from governance.review.models import Review, Vote
from governance.review.panel import panel_for, teams_without_voters
from tests.factories import NOW, UserFactory
from tests.review.test_services import approver, cast, opened

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def security() -> Team:
    team = Team.objects.create(name="Security", slug="security")
    Policy.objects.get(kind="review", is_default=True).teams.add(team)
    return team


def member(team: Team, **fields) -> User:
    user = UserFactory(**({"roles": [Role.APPROVER]} | fields))
    Membership.objects.create(team=team, user=user)
    return user


def test_enough_votes_without_the_team_approve_nothing(security):
    review = opened(votes=1)
    assert review.required_teams == ["security"]
    assert cast(review, approver()).status == "in_review"
    assert cast(review, member(security)).status == "approved"


def test_the_panel_says_what_is_still_needed(security):
    member(security)
    review = opened(votes=2)
    voter = approver()
    said = panel_for(voter, review, at=NOW).still_needed
    assert said == "2 more approvals, one from Security"
    cast(review, voter)
    assert panel_for(voter, review, at=NOW).still_needed == "one more approval, one from Security"


def test_a_vote_counts_for_the_teams_of_its_day(security):
    review = opened(votes=2)
    voter = member(security)
    cast(review, voter)
    Membership.objects.all().delete()
    assert Vote.objects.get().teams == ["security"]
    assert cast(review, approver()).status == "approved"


def test_who_joins_the_team_after_voting_has_not_voted_for_it(security):
    review = opened(votes=1)
    voter = approver()
    cast(review, voter)
    Membership.objects.create(team=security, user=voter)
    assert Vote.objects.get().teams == []
    assert Review.objects.get().status == "in_review"


def test_teams_are_copied_when_the_review_is_opened(security):
    review = opened()
    Policy.objects.get(kind="review", is_default=True).teams.clear()
    assert cast(review, approver()).status == "in_review"


@pytest.mark.parametrize("who", ["nobody", "auditor", "author", "inactive"])
def test_a_team_of_which_nobody_can_vote_is_said(security, who):
    author = UserFactory(roles=[Role.OWNER, Role.APPROVER])
    if who == "author":
        Membership.objects.create(team=security, user=author)
    if who == "auditor":
        member(security, roles=[Role.AUDITOR])
    if who == "inactive":
        member(security, is_active=False)
    review = opened(author)
    assert teams_without_voters(review) == ["Security"]
    member(security)
    assert teams_without_voters(review) == []


def test_the_teams_are_told_with_the_first_step_and_reminded(security):
    colleague = member(security, roles=[Role.AUDITOR])
    voter, author = approver(), UserFactory(roles=[Role.APPROVER])
    Membership.objects.create(team=security, user=author)
    opened(author)
    sweep(at=NOW)
    told = set(Notification.objects.values_list("recipient", flat=True))
    assert told == {colleague.pk, voter.pk}
    for _ in range(2):
        sweep(at=Ask.objects.get().next_action_at)
    assert Notification.objects.filter(recipient=colleague).count() == 2


def test_the_ladder_names_the_teams_that_are_asked_besides(security):
    member(security)
    panel = panel_for(approver(), opened(), at=NOW)
    assert panel.ladder[0]["who"] == "Everybody with the role approver, and team Security"
    assert "Security" not in panel.ladder[1]["who"]


def test_the_database_refuses_an_approval_without_the_team(security):
    review = opened(votes=1)
    cast(review, approver())
    with pytest.raises(IntegrityError), transaction.atomic():
        Review.objects.filter(pk=review.pk).update(status="approved", closed_at=NOW)
