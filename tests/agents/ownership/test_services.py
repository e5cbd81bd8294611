"""Whose an agent is."""

import pytest
from django.test import Client
from django.urls import reverse

from agents.ownership.services import hand_over
from agents.reviewing import services as reviewing
from governance.audit.models import AuditEvent
from governance.base.errors import InvalidInput, NotPermitted
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
