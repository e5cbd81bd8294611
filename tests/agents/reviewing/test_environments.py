"""The environment chooses the policy too, and an approval for one is good for that one only."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from agents.models import Environment, ReviewBasis, ReviewRule
from agents.releasing.services import release
from agents.review_policy import ReviewRules, strictest
from agents.reviewing import services as reviewing
from governance.asking.models import Policy
from governance.base.errors import Conflict, NotThere
from governance.people.models import Membership, Role, Team
from governance.review.models import ReviewStatus
from governance.review.services import latest_review
from tests.agents import acts
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def policy(votes: int, *teams: Team) -> Policy:
    made = Policy.objects.create(
        name=f"{votes} votes", slug=f"votes-{votes}-{len(teams)}", kind="review",
        required_votes=votes,
    )  # fmt: skip
    made.teams.set(teams)
    return made


def rule(change_class="new", votes=3, *teams, environment=None, tier="") -> ReviewRule:
    place = Environment.objects.get(slug=environment) if environment else None
    return ReviewRule.objects.create(
        change_class=change_class, tier=tier, environment=place, policy=policy(votes, *teams)
    )


def submitted(environment=None, **changes):
    version = acts.bring_in()
    review = reviewing.submit_version(
        version_id=version.pk, by=version.author, at=NOW, environment=environment, **changes
    )
    return version, review


def test_one_environment_asks_for_its_own_votes_and_all_for_the_most():
    rule(environment="production")
    version, review = submitted("staging")
    assert review.required_votes == 1
    assert ReviewBasis.objects.get(review=review).environment.slug == "staging"
    acts.say(version, acts.approver())
    everywhere = reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    assert everywhere.required_votes == 3


@pytest.mark.parametrize("tier", ["", "medium"])
def test_a_rule_that_names_the_environment_goes_before_one_that_names_the_tier(tier):
    rule(votes=3, environment="production", tier=tier)
    rule(votes=2, tier="medium" if not tier else "")
    _, review = submitted("production")
    assert review.required_votes == 3


def test_an_approval_for_one_environment_is_good_for_that_one_only():
    acts.ratify()
    version, _ = submitted("staging")
    acts.say(version, acts.approver())
    owner = acts.owner()
    with pytest.raises(Conflict, match="approved for staging only"):
        release(version_id=version.pk, environment="production", by=owner, at=NOW)
    assert release(version_id=version.pk, environment="staging", by=owner, at=NOW)


def test_what_is_approved_for_one_is_submitted_for_all_and_not_for_the_same_again():
    version, _ = submitted("staging")
    acts.say(version, acts.approver())
    with pytest.raises(Conflict, match="approved already"):
        reviewing.submit_version(
            version_id=version.pk, by=version.author, at=NOW, environment="staging"
        )
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    assert latest_review(version.subject).status == ReviewStatus.IN_REVIEW


def test_an_environment_that_is_not_there_is_refused():
    with pytest.raises(NotThere):
        submitted("moon")


def test_the_strictest_takes_the_most_votes_and_every_team():
    privacy = Team.objects.create(name="Privacy", slug="privacy")
    security = Team.objects.create(name="Security", slug="security")
    rule("privilege", 4, privacy, environment="production")
    rule("privilege", 2, security, environment="staging")
    needed = ReviewRules().requirement(["privilege"], tier="low")
    assert (needed.votes, [team.slug for team in needed.teams]) == (4, ["privacy", "security"])
    assert needed.words == "4 votes, one each from Privacy and Security"
    assert strictest([needed]) == needed


def test_teams_of_the_policy_are_needed_and_a_team_without_voters_is_said_on_submitting():
    security = Team.objects.create(name="Security", slug="security")
    rule("new", 1, security)
    version = acts.bring_in()
    client = Client()
    client.force_login(version.author)
    address = reverse("agent-version-submit", args=[version.agent.slug, version.sequence])
    page = client.post(address, follow=True).content.decode()
    assert "Nobody in Security can vote" in page
    assert acts.say(version, acts.approver()).status == ReviewStatus.IN_REVIEW
    voter = acts.approver()
    Membership.objects.create(team=security, user=voter)
    assert acts.say(version, voter).status == ReviewStatus.APPROVED


def test_a_cosmetic_change_is_approved_by_one_button():
    acts.approve(acts.bring_in())
    cosmetic = acts.bring_in(raw=acts.definition() + b"\n\n")
    reviewing.submit_version(version_id=cosmetic.pk, by=cosmetic.author, at=NOW)
    client = Client()
    client.force_login(acts.approver())
    assert "Approve cosmetic change" in client.get(cosmetic.get_absolute_url()).content.decode()
    address = reverse("agent-version-vote", args=[cosmetic.agent.slug, cosmetic.sequence])
    client.post(address, {"verdict": "approve", "seen_sha256": cosmetic.sha256})
    assert latest_review(cosmetic.subject).status == ReviewStatus.APPROVED


def test_no_such_button_where_words_change_or_nothing_was_ever_approved():
    client = Client()
    client.force_login(acts.approver())
    first = acts.bring_in()
    reviewing.submit_version(version_id=first.pk, by=first.author, at=NOW)
    assert "Approve cosmetic" not in client.get(first.get_absolute_url()).content.decode()
    acts.say(first, acts.approver())
    other = acts.bring_in(raw=acts.definition(more="\nMore work.\n"))
    reviewing.submit_version(version_id=other.pk, by=other.author, at=NOW)
    assert "Approve cosmetic" not in client.get(other.get_absolute_url()).content.decode()


def test_a_change_of_the_model_alone_needs_one_vote():
    acts.approve(acts.bring_in())
    with_model = acts.definition().replace(b"tools:", b"model: opus\ntools:")
    version = acts.bring_in(raw=with_model)
    review = reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    assert (version.change_class, review.required_votes) == ("behaviour", 1)


def test_the_form_submits_for_one_environment_with_a_day():
    version = acts.bring_in()
    client = Client()
    client.force_login(version.author)
    address = reverse("agent-version-submit", args=[version.agent.slug, version.sequence])
    assert client.post(address, {"environment": "moon"}).status_code == 400
    client.post(address, {"environment": "staging", "due_at": "2099-05-03T12:00"})
    review = latest_review(version.subject)
    assert review.due_at is not None
    assert ReviewBasis.objects.get(review=review).environment.slug == "staging"


def test_people_submit_through_the_api():
    version = acts.bring_in()
    client = Client()
    client.force_login(version.author)
    address = reverse("api-agent-version-reviews", args=[version.agent.slug, version.sequence])
    sent = {"environment": "staging", "due_at": (NOW + timedelta(days=9000)).isoformat()}
    answer = client.post(address, sent, content_type="application/json")
    assert (answer.status_code, answer.json()["status"]) == (201, "in_review")
    assert client.post(address, {}, content_type="application/json").status_code == 409


def test_the_table_of_what_a_change_needs_is_read_by_all_and_changed_by_administrators():
    security = Team.objects.create(name="Security", slug="security")
    rule("privilege", 5, security, environment="production", tier="high")
    client = Client()
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    page = client.get(reverse("review-policies")).content.decode()
    assert "5 votes, one of them from Security" in page
    assert "High risk" in page
    assert "Change the rules" not in page
    client.force_login(UserFactory(roles=[Role.ADMINISTRATOR]))
    assert "Change the rules" in client.get(reverse("review-policies")).content.decode()
