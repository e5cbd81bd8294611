"""Whose an agent is."""

import json

import pytest
from django.test import Client
from django.urls import reverse

from agents.ownership.services import hand_over, set_tier
from agents.reviewing import services as reviewing
from governance.audit.models import AuditEvent
from governance.base.errors import InvalidInput, NotPermitted
from governance.configuration.services import confirm_change
from governance.people.models import Membership, Role, Team
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def handed(agent, owner, team=None, *, by):
    return hand_over(
        slug=agent.slug, owner_id=owner.pk, team_id=team.pk if team else None, by=by, at=NOW
    )


@pytest.fixture
def security():
    return Team.objects.create(name="Security", slug="security")


def test_the_owner_and_an_administrator_hand_an_agent_over_and_it_is_written_down(security):
    first, second = acts.owner(), acts.owner()
    agent = acts.bring_in(first).agent
    handed(agent, second, security, by=first)
    agent.refresh_from_db()
    assert (agent.owner, agent.team) == (second, security)
    handed(agent, first, by=UserFactory(roles=[Role.ADMINISTRATOR]))
    assert AuditEvent.objects.filter(kind="agent.handed_over").count() == 2


def test_the_same_again_writes_nothing():
    owner = acts.owner()
    handed(acts.bring_in(owner).agent, owner, by=owner)
    assert not AuditEvent.objects.filter(kind="agent.handed_over").exists()


def test_nobody_else_hands_an_agent_over():
    agent = acts.bring_in().agent
    for person in (acts.owner(), acts.approver(), RunnerFactory(), UserFactory(is_superuser=True)):
        with pytest.raises(NotPermitted):
            handed(agent, acts.owner(), by=person)


def test_an_agent_goes_to_somebody_who_can_own_it():
    owner = acts.owner()
    agent = acts.bring_in(owner).agent
    for person in (acts.approver(), UserFactory(roles=[Role.OWNER], is_active=False)):
        with pytest.raises(InvalidInput):
            handed(agent, person, by=owner)


def test_members_of_the_team_submit_and_the_authors_still_do_not_vote(security):
    owner = UserFactory(roles=[Role.OWNER, Role.APPROVER])
    version = acts.bring_in(owner)
    member = acts.approver()
    with pytest.raises(NotPermitted):
        reviewing.submit_version(version_id=version.pk, by=member, at=NOW)
    handed(version.agent, owner, security, by=owner)
    Membership.objects.create(team=security, user=member)
    review = reviewing.submit_version(version_id=version.pk, by=member, at=NOW)
    assert review.excluded == sorted([owner.pk, member.pk])
    handed(version.agent, acts.owner(), by=owner)
    with pytest.raises(NotPermitted):
        acts.say(version, owner)


def test_the_page_hands_over_and_says_to_others_why_not(security):
    owner, next_owner = acts.owner(), acts.owner()
    agent = acts.bring_in(owner).agent
    address = reverse("agent-ownership", args=[agent.slug])
    client = Client()
    client.force_login(next_owner)
    assert "Only the owner of this agent" in client.get(address).content.decode()
    client.force_login(owner)
    assert client.post(address, {"owner": "x"}).status_code == 400
    sent = {"owner": next_owner.pk, "team": security.pk}
    assert client.post(address, sent).status_code == 302
    page = client.get(agent.get_absolute_url()).content.decode()
    assert "Security" in page


# --- the tier -------------------------------------------------------------------------------


def administrator():
    return UserFactory(roles=[Role.ADMINISTRATOR])


def tier_of(agent):
    agent.refresh_from_db()
    return agent.tier


def test_the_owner_raises_the_tier_at_once_and_it_is_written_down():
    owner = acts.owner()
    agent = acts.bring_in(owner).agent
    assert set_tier(slug=agent.slug, tier="high", by=owner, at=NOW) is None
    assert set_tier(slug=agent.slug, tier="high", by=owner, at=NOW) is None
    assert tier_of(agent) == "high"
    event = AuditEvent.objects.get(kind="agent.tier_changed")
    assert json.loads(bytes(event.body))["data"] == {"before": "medium", "after": "high"}


def test_lowering_the_tier_waits_for_another_administrator():
    agent, first, second = acts.bring_in().agent, administrator(), administrator()
    change = set_tier(slug=agent.slug, tier="low", by=first, at=NOW)
    assert tier_of(agent) == "medium"
    with pytest.raises(NotPermitted):
        confirm_change(change_id=change.pk, by=first, at=NOW)
    confirm_change(change_id=change.pk, by=second, at=NOW)
    assert tier_of(agent) == "low"


def test_the_owner_does_not_lower_it_and_nobody_else_raises_it():
    owner = acts.owner()
    agent = acts.bring_in(owner).agent
    with pytest.raises(NotPermitted):
        set_tier(slug=agent.slug, tier="low", by=owner, at=NOW)
    for person in (acts.owner(), acts.approver(), RunnerFactory()):
        with pytest.raises(NotPermitted):
            set_tier(slug=agent.slug, tier="high", by=person, at=NOW)
    with pytest.raises(InvalidInput):
        set_tier(slug=agent.slug, tier="none", by=owner, at=NOW)
    assert tier_of(agent) == "medium"


def test_the_page_records_the_tier_and_says_what_waits():
    owner = acts.owner()
    agent = acts.bring_in(owner).agent
    address = reverse("agent-tier", args=[agent.slug])
    client = Client()
    client.force_login(owner)
    client.post(address, {"tier": "high"})
    assert tier_of(agent) == "high"
    assert client.post(address, {"tier": "low"}).status_code == 403
    client.force_login(administrator())
    answer = client.post(address, {"tier": "low"}, follow=True)
    assert f"{agent.name} counts as low risk instead of high risk." in answer.content.decode()
    assert client.post(address, {"tier": "odd"}).status_code == 400
