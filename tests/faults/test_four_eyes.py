"""46: nobody approves their own, on whatever way they come and whatever else they are."""

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from agents.models import Permit, Release
from escalations.models import Ballot
from governance.asking.links import link_for, token_of
from governance.asking.models import Ask
from governance.audit.models import AuditEvent
from governance.constitution import services as law
from governance.people.models import Role
from governance.review.models import Vote
from tests.agents import acts as agent_acts
from tests.constitution import acts as law_acts
from tests.escalations.acts import ACT, agent, approver, ask, version
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
ALL_ROLES = [Role.OWNER, Role.APPROVER]


def one_person(**fields):
    return UserFactory(roles=ALL_ROLES, **fields)


def author(kind):
    return made_by(kind, one_person())


def superuser_author(kind):
    return made_by(kind, one_person(is_superuser=True))


def runners_owner(kind):
    """The runner proposed the version, or asks for the act."""
    user = one_person()
    runner = RunnerFactory(owner=user)
    if kind == "case":
        return user, ask(runner, action=ACT)
    proposed, _ = agent_acts.import_definition(
        raw=agent_acts.definition(), filename="worker.md", family="sample", by=runner, at=NOW
    )
    agent_acts.submit_version(version_id=proposed.pk, by=agent_acts.owner(), at=NOW)
    return user, proposed


def submitter(kind):
    """Somebody else wrote it."""
    user = one_person()
    made = law_acts.imported() if kind == "law" else agent_acts.bring_in()
    submit = law.submit_version if kind == "law" else agent_acts.submit_version
    submit(version_id=made.pk, by=user, at=NOW)
    return user, made


def made_by(kind, user):
    if kind == "law":
        return user, law_acts.submitted(by=user)
    if kind == "version":
        made = agent_acts.bring_in(user)
        agent_acts.submit_version(version_id=made.pk, by=user, at=NOW)
        return user, made
    acting = version(agent(), author=user)
    return user, ask(action=ACT, version=acting.sequence)


def signed_in(user):
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


def ballot_for(case):
    return {"choice": "option:carry-out", "seen_sha256": case.request_sha256}


def by_page(client, kind, thing):
    if kind == "case":
        choice = f"option:{thing.options.first().key}"
        return client.post(
            reverse("case-decide", args=[thing.pk]), ballot_for(thing) | {"choice": choice}
        )
    sent = {"verdict": "approve", "seen_sha256": thing.sha256}
    return client.post(f"{thing.get_absolute_url()}vote/", sent)


def by_api(client, kind, thing):
    if kind == "case":
        address = reverse("api-case-ballots", args=[thing.pk])
        option = thing.options.first().key
        body = {
            "verdict": "approved_option",
            "option": option,
            "seen_sha256": thing.request_sha256,
        }
    else:
        address = reverse("api-constitution-votes", args=[thing.sequence])
        body = {"verdict": "approve", "seen_sha256": thing.sha256}
    return client.post(address, body, content_type="application/json")


def by_mailed_link(client, kind, thing):
    """A link that was mailed before the person had a part in it, or is not theirs at all."""
    ask_ = Ask.objects.open().get()
    link = link_for(ask_, thing_reader(client), at=timezone.now())
    assert client.get(f"/r/{token_of(link)}", follow=True).redirect_chain[-1][0] == ask_.path
    return by_page(client, kind, thing)


def thing_reader(client):
    return type(UserFactory()).objects.get(pk=client.session["_auth_user_id"])


def by_admin(client, kind, thing):
    if kind == "case":
        address = reverse("admin:escalations_escalation_decide", args=[thing.pk])
        choice = f"option:{thing.options.first().key}"
        return client.post(address, ballot_for(thing) | {"choice": choice})
    app = "constitution_constitutionversion" if kind == "law" else "agents_agentversion"
    sent = {
        "action": "approve",
        "_selected_action": thing.pk,
        f"seen_{thing.pk}": thing.sha256,
        "confirmed": "yes",
    }
    return client.post(reverse(f"admin:{app}_changelist"), sent)


WHO = {
    "case": [author, superuser_author, runners_owner],
    "version": [author, superuser_author, runners_owner, submitter],
    "law": [author, superuser_author, submitter],
}
WAYS = [by_page, by_api, by_mailed_link, by_admin]
# Versions of agents are voted on by pages, links and the admin; there is no call for it.
MATRIX = [
    (kind, who, way)
    for kind, whos in WHO.items()
    for who in whos
    for way in WAYS
    if (kind, way) != ("version", by_api)
]


@pytest.mark.parametrize(("kind", "who", "way"), MATRIX)
def test_46_nobody_approves_their_own_on_any_way_and_the_attempt_stays(kind, who, way):
    user, thing = who(kind)
    answer = way(signed_in(user), kind, thing)
    assert answer.status_code in {302, 403}
    assert not Ballot.objects.exists()
    assert not Vote.objects.exists()
    assert not Permit.objects.exists()
    assert not Release.objects.exists()
    assert law.current() is None
    refused = AuditEvent.objects.get(stream="refusals")
    assert refused.actor == user.subject
    assert b"four_eyes" in bytes(refused.body)
    assert Ask.objects.open().count() == 1


@pytest.mark.parametrize(("kind", "way"), sorted({(k, w) for k, _, w in MATRIX}, key=str))
def test_46_on_the_same_way_somebody_else_succeeds(kind, way):
    _, thing = author(kind)
    way(signed_in(approver()), kind, thing)
    assert Ballot.objects.count() + Vote.objects.count() == 1
    assert not Ask.objects.open().exists()
    assert not AuditEvent.objects.filter(stream="refusals").exists()
