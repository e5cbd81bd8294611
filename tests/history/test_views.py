from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from governance.audit.actors import Actor
from governance.audit.models import AuditEvent
from governance.audit.services import append
from governance.people.models import Role
from tests.factories import RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def auditor(client):
    user = UserFactory(roles=[Role.AUDITOR], name="Ada Auditor")
    client.force_login(user)
    return user


def write(now, count, kind="case.raised", by=None, subject="escalation:ESC-1"):
    for n in range(count):
        actor = by or Actor("user", "9999")
        append(stream=subject, kind=kind, by=actor, at=now + timedelta(minutes=n), data={"n": n})


def test_only_those_who_read_history_see_it(client, auditor):
    assert client.get("/history/").status_code == 200
    client.force_login(UserFactory(roles=[Role.APPROVER]))
    answer = client.get("/history/")
    assert answer.status_code == 403
    assert "auditor or administrator" in answer.content.decode()


def test_a_refused_look_leaves_its_trace(client):
    user = UserFactory(roles=[Role.OWNER])
    client.force_login(user)
    client.get("/history/")
    event = AuditEvent.objects.get(stream="refusals")
    assert (event.actor, event.subject) == (user.subject, "GET /history/")


def test_the_filters_narrow_the_list(client, auditor, now):
    write(now, 2)
    write(now, 3, kind="agent.released", by=Actor("user", str(auditor.pk)), subject="agent:x")
    assert len(client.get("/history/?kind=agent.").context["entries"]) == 3
    assert len(client.get("/history/?subject=escalation:").context["entries"]) == 2
    page = client.get(f"/history/?actor={auditor.subject}")
    assert {entry.actor for entry in page.context["entries"]} == {"Ada Auditor"}
    assert len(client.get("/history/?since=2026-03-03").context["entries"]) == 0


def test_the_filters_take_what_people_type(client, auditor, now):
    write(now, 2, kind="escalation.decided", by=Actor("user", str(auditor.pk)))
    write(now, 3, kind="escalation.decided", subject="escalation:ESC-12")
    write(now, 1, kind="agent.suspension_lifted", subject="agent:python-backend")

    def found(query):
        return len(client.get(f"/history/?{query}").context["entries"])

    assert found("kind=Escalation decided") == 5
    assert found("kind=agent suspension lifted") == 1
    assert found("actor=ada") == found(f"actor={auditor.email}") == 2
    assert found("actor=nobody of that name") == 0
    assert found("subject=esc-1") == found("subject=escalation:ESC-1") == 2
    assert found("subject=python-backend") == 1


def test_pages_follow_each_other_without_a_gap(client, auditor, now):
    write(now, 120)
    seen, before = [], ""
    while before is not None:
        page = client.get(f"/history/?before={before}").context
        seen += [entry.event.pk for entry in page["entries"]]
        before = page["older"]
    assert seen == sorted(AuditEvent.objects.values_list("pk", flat=True), reverse=True)


def test_the_page_costs_the_same_queries_for_few_and_for_many(client, auditor, now):
    runner = RunnerFactory()
    write(now, 2, by=Actor("runner", str(runner.pk)))
    write(now, 2, by=Actor("user", str(auditor.pk)))
    with CaptureQueriesContext(connection) as few:
        client.get("/history/")
    write(now, 40, by=Actor("user", str(auditor.pk)))
    with CaptureQueriesContext(connection) as many:
        client.get("/history/")
    assert len(many) == len(few) == 5


def test_the_api_gives_what_is_needed_to_check_the_chain(client, auditor, now):
    write(now, 2)
    rows = client.get("/api/v1/audit/events/").json()["results"]
    assert rows[0]["previous"] == rows[1]["digest"]
    client.force_login(UserFactory(roles=[Role.APPROVER]))
    refused = client.get("/api/v1/audit/events/")
    assert refused.status_code == 403
    assert refused.headers["Content-Type"] == "application/problem+json"
