"""What the tests of configuration share."""

from governance.asking.models import Policy
from governance.configuration.admin import PolicyAdmin
from governance.configuration.models import ConfigurationChange
from governance.configuration.services import ask_change
from governance.people.models import Membership, Role, Team
from tests.factories import NOW, UserFactory

POLICY = PolicyAdmin.kind


def administrator(**fields):
    return UserFactory(roles=[Role.ADMINISTRATOR], **fields)


def review_policy(votes=2, *teams):
    policy = Policy.objects.get(slug="review-privilege")
    policy.required_votes = votes
    policy.save()
    policy.teams.set(teams)
    return policy


def ask_for_one_vote(by, policy=None) -> ConfigurationChange:
    """A request to take one vote where it took two."""
    policy = policy or review_policy()
    before = POLICY.read(policy.pk)
    after = before | {"votes": 1}
    return ask_change(kind="policy", object_id=policy.pk, before=before, after=after, by=by, at=NOW)


def team(name="Security", *members):
    made = Team.objects.create(name=name, slug=name.lower())
    Membership.objects.bulk_create([Membership(team=made, user=user) for user in members])
    return made
