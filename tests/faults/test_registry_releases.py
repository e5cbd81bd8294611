"""Traps of releases: spent twice, served though suspended, answered too late, gone back too far."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from agents.models import Permit, Release
from agents.permits import spend_permit
from agents.releasing import services
from agents.resolving import resolve
from escalations.acting import consume
from escalations.answers import answer_markdown, answer_of, load_case
from escalations.cases import case_for_page
from escalations.pages import case_page
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, Refusal
from governance.people.models import Runner, Scope
from governance.people.services import issue_key
from tests.agents import acts
from tests.e2e.conftest import eventually
from tests.escalations import acts as cases
from tests.factories import NOW, RunnerFactory

pytestmark = pytest.mark.django_db(transaction=True)
LATER = NOW + timedelta(minutes=1)
STRICTER = acts.LAW.replace(b"Tests MUST", b"All tests MUST").replace(b"1.0.0", b"2.0.0")


def approved_case() -> tuple[Any, Runner]:
    """A permitted act of the agent that runs in production."""
    acts.put_into_production()
    runner = RunnerFactory(agents=["worker"])
    case = cases.ask(runner, action=cases.ACT)
    cases.approve(case)
    return case, runner


def spend(case: Any, runner: Runner, at=LATER) -> None:
    consume(escalation_id=case.pk, runner=runner, request_sha256=case.request_sha256, at=at)


def is_unspent() -> bool:
    return Permit.objects.get().spent_at is None


# Trap 71: an approval consumed twice at once.
def test_of_many_that_spend_one_approval_at_once_one_does():
    case, runner = approved_case()
    together = Barrier(4)

    def one(_: int) -> str:
        try:
            together.wait(10)
            spend(case, runner)
        except Refusal as refusal:
            return refusal.code
        else:
            return "spent"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        said = sorted(pool.map(one, range(4)))
    assert said == ["permit_spent"] * 3 + ["spent"]
    assert AuditEvent.objects.filter(kind="permit.spent").count() == 1


def is_waited_for() -> bool:
    """Whether somebody waits for a lock that this test holds."""
    with connection.cursor() as cursor:
        # Not from pg_stat_activity, which stands still within a transaction.
        cursor.execute(
            "SELECT count(*) FROM pg_locks"
            " WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))"
        )
        return bool(cursor.fetchone()[0])


def test_who_comes_while_a_permit_is_being_spent_waits_and_is_refused():
    case, runner = approved_case()

    def other() -> str:
        try:
            spend_permit(
                source=case.subject, runner=runner, request_sha256=case.request_sha256, at=LATER
            )
        except Refusal as refusal:
            return refusal.code
        else:
            return "spent"
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        with transaction.atomic():
            spend_permit(
                source=case.subject, runner=runner, request_sha256=case.request_sha256, at=LATER
            )
            second = pool.submit(other)
            eventually(is_waited_for, what="the second waits for the first")
        assert second.result(10) == "permit_spent"
    assert AuditEvent.objects.filter(kind="permit.spent").count() == 1


# Trap 77: a release on a suspended version still served.
@pytest.mark.parametrize(
    "what", [{"slug": "worker"}, {"slug": "worker", "sequence": 1}, {"family": "sample"}]
)
def test_nothing_suspended_is_served_to_anybody_who_fetched_it_before(client, what):
    acts.put_into_production()
    runner = RunnerFactory(agents=["worker"])
    _, key = issue_key(runner_id=runner.pk, scopes=[Scope.READ], by=runner.owner, at=timezone.now())
    url, headers = "/api/v1/agents/worker/resolve", {"authorization": f"Bearer {key}"}
    bundle = "/api/v1/bundle/"
    held, kept = client.get(url, headers=headers), client.get(bundle, headers=headers)
    assert (held.status_code, kept.status_code) == (200, 200)
    suspension = services.suspend(**what, reason="It loops.", by=acts.owner(), at=timezone.now())
    for again in ({}, {"if-none-match": held["ETag"]}, {"accept": "text/markdown"}):
        assert client.get(url, headers=headers | again).status_code == 409
    after = client.get(bundle, headers=headers | {"if-none-match": kept["ETag"]}).json()["bundle"]
    assert (after["agents"], after["revocations"][0]["code"]) == ([], "suspended")
    services.lift(suspension_id=suspension.pk, by=acts.owner(), at=timezone.now())
    assert client.get(url, headers=headers).status_code == 200


# Trap 78: an escalation answered after its version was suspended.
@pytest.mark.parametrize(
    "what", [{"slug": "worker"}, {"slug": "worker", "sequence": 1}, {"family": "sample"}]
)
def test_an_answer_given_to_a_suspended_version_permits_no_act(what):
    acts.put_into_production()
    runner, approver = RunnerFactory(agents=["worker"]), cases.approver()
    case = cases.ask(runner, action=cases.ACT)
    suspension = services.suspend(**what, reason="It loops.", by=acts.owner(), at=NOW)
    cases.approve(case, approver)
    answer = answer_of(load_case(case.pk))
    assert (answer["proceed"], answer["next"]) == (False, "stop")
    assert answer["message"] == "Suspended: It loops."
    assert "Suspended: It loops. Do not proceed." in answer_markdown(load_case(case.pk))
    with pytest.raises(Conflict) as refusal:
        spend(case, runner)
    assert refusal.value.code == "suspended"
    assert "It loops." in refusal.value.sentence
    assert is_unspent()
    page = case_page(case_for_page(case.pk), approver, at=LATER)
    assert page["suspended"] == "Suspended: It loops."
    services.lift(suspension_id=suspension.pk, by=acts.owner(), at=LATER)
    assert answer_of(load_case(case.pk))["next"] == "consume"
    spend(case, runner)


def test_another_version_of_the_agent_is_not_held_by_it():
    case, runner = approved_case()
    acts.bring_in(raw=acts.definition(more="\nBe brief.\n"))
    services.suspend(slug="worker", sequence=2, reason="odd", by=acts.owner(), at=NOW)
    spend(case, runner)
    assert not is_unspent()


# Trap 80: rollback to a version that no longer satisfies today's constitution.
def test_nobody_rolls_back_to_a_version_that_todays_constitution_refuses():
    acts.put_into_production()
    acts.ratify(STRICTER)
    second = acts.bring_in(raw=acts.definition(more="\nBe brief.\n"))
    acts.put_into_production(second)
    with pytest.raises(Conflict) as refusal:
        services.roll_back(
            slug="worker",
            environment="production",
            sequence=1,
            reason="It loops.",
            by=acts.owner(),
            at=LATER,
        )
    assert refusal.value.code == "stale"
    assert Release.objects.count() == 2
    served = resolve(
        slug="worker", environment="production", principal=RunnerFactory(agents=["*"]), at=LATER
    )
    assert served.standing.sequence == 2
