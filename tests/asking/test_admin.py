import json

import pytest
from django.urls import reverse

from governance.asking.models import Policy
from governance.audit.models import AuditEvent
from tests.asking.helpers import ask_for, notify
from tests.factories import UserFactory

# Positions are checked at commit.
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def policy():
    return Policy.objects.get(slug="default-case")


@pytest.fixture
def administrator(client):
    user = UserFactory(roles=["administrator"])
    client.force_login(user)
    return user


def form_of(policy, **changes):
    """What the change page posts for the policy as it is."""
    rungs = list(policy.rungs.order_by("position"))
    form = {
        "name": policy.name,
        "slug": policy.slug,
        "kind": policy.kind,
        "is_default": "on",
        "is_active": "on",
        "position": policy.position,
        "required_votes": policy.required_votes,
        "one_rejection_ends": "on",
        "authentication": policy.authentication,
        "standing_uses": policy.standing_uses,
        "standing_days": policy.standing_days,
        "option_authorities-TOTAL_FORMS": 0,
        "option_authorities-INITIAL_FORMS": 0,
        "rungs-TOTAL_FORMS": len(rungs),
        "rungs-INITIAL_FORMS": len(rungs),
    }
    for n, rung in enumerate(rungs):
        form |= {
            f"rungs-{n}-id": rung.pk,
            f"rungs-{n}-policy": policy.pk,
            f"rungs-{n}-position": rung.position,
            f"rungs-{n}-audience": rung.audience,
            f"rungs-{n}-role": rung.role,
            f"rungs-{n}-delay": str(rung.delay),
            f"rungs-{n}-repeat_every": str(rung.repeat_every),
            f"rungs-{n}-repeat_cap": str(rung.repeat_cap),
        }
    return form | changes


def page(policy):
    return reverse("admin:asking_policy_change", args=[policy.pk])


def test_an_administrator_changes_a_ladder_and_the_history_has_the_whole_of_it(
    client, policy, administrator
):
    response = client.post(page(policy), form_of(policy, **{"rungs-1-delay": "1:30:00"}))
    assert response.status_code == 302
    assert policy.rungs.get(position=1).delay.total_seconds() == 5400
    event = AuditEvent.objects.get(kind="policy.saved")
    data = json.loads(bytes(event.body))["data"]
    assert (event.actor, event.stream_id) == (administrator.subject, f"policy:{policy.pk}")
    assert [rung["delay_s"] for rung in data["ladder"]] == [0, 5400, 72000]


def test_two_steps_change_places_in_one_save(client, policy, administrator):
    changes = {"rungs-1-position": 2, "rungs-2-position": 1}
    changes |= {"rungs-1-delay": "3:00:00", "rungs-2-delay": "1:00:00"}
    assert client.post(page(policy), form_of(policy, **changes)).status_code == 302
    roles = policy.rungs.order_by("position").values_list("role", flat=True)
    assert list(roles) == ["approver", "administrator", "approver"]


def test_two_steps_at_one_place_are_refused(client, policy, administrator):
    response = client.post(page(policy), form_of(policy, **{"rungs-2-position": 1}))
    assert "duplicate data for position" in response.content.decode()
    assert not AuditEvent.objects.exists()


def test_a_policy_without_steps_is_refused(client, policy, administrator):
    changes = {f"rungs-{n}-DELETE": "on" for n in range(3)}
    response = client.post(page(policy), form_of(policy, **changes))
    assert "at least one step" in response.content.decode()
    assert policy.rungs.count() == 3


def test_a_step_without_its_audience_is_refused(client, policy, administrator):
    response = client.post(page(policy), form_of(policy, **{"rungs-0-role": ""}))
    assert response.status_code == 200
    assert policy.rungs.get(position=0).role == "approver"


@pytest.mark.parametrize("roles", [["approver"], ["owner"], ["auditor"]])
def test_others_read_policies_and_change_nothing(client, policy, roles):
    client.force_login(UserFactory(roles=roles))
    assert client.get(page(policy)).status_code == 200
    response = client.post(page(policy), form_of(policy, **{"rungs-1-delay": "1:30:00"}))
    assert response.status_code == 403
    assert policy.rungs.get(position=1).delay.total_seconds() == 4 * 3600


def test_nobody_deletes_a_policy(client, policy, administrator):
    address = reverse("admin:asking_policy_delete", args=[policy.pk])
    assert client.post(address, {"post": "yes"}).status_code == 403


@pytest.mark.parametrize("model", ["ask", "notification", "reviewlink", "heartbeat"])
@pytest.mark.parametrize("act", ["add", "change", "delete"])
def test_asks_notices_links_and_heartbeats_are_only_read(client, administrator, now, model, act):
    notice, link = notify(ask := ask_for(now), UserFactory(), now)
    key = {"ask": ask.pk, "notification": notice.pk, "reviewlink": link.pk}.get(model, "tick")
    assert client.get(reverse(f"admin:asking_{model}_changelist")).status_code == 200
    args = [] if act == "add" else [key]
    response = client.post(reverse(f"admin:asking_{model}_{act}", args=args), {"post": "yes"})
    assert response.status_code == 403
