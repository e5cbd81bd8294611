"""Two people at once: one judgement each, one grant, and no release that slips past a fail."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from agents.compliance.services import ask_waiver, end_waiver, grant_waiver, judge
from agents.models import Judgement, Release, Waiver
from agents.releasing.services import release
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict
from tests.agents import acts
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)
BINDING = "test-first"


def at_once(*acts_: Callable[[], Any]) -> list[Any]:
    """What each of the acts returned or was refused with, begun together."""
    together = threading.Barrier(len(acts_))
    results: list[Any] = [None] * len(acts_)

    def run(index: int, act: Callable[[], Any]) -> None:
        together.wait()
        try:
            results[index] = act()
        except Conflict as refusal:
            results[index] = refusal.code
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(acts_)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def excuse(version: Any) -> Waiver:
    return ask_waiver(
        version_id=version.pk, principle=BINDING, reason="Later.", by=acts.owner(), at=NOW,
        expires_at=NOW + timedelta(days=3),
    )  # fmt: skip


def fail(version: Any, by: Any) -> Judgement:
    return judge(
        version_id=version.pk, principle=BINDING, verdict="fail", evidence="No tests.", line=None,
        by=by, at=NOW,
    )  # fmt: skip


@pytest.fixture
def version():
    acts.ratify()
    return acts.bring_in()


def test_the_same_judgement_twice_at_once_is_written_once(version):
    reviewer = acts.approver()
    at_once(*[lambda: fail(version, reviewer)] * 3)
    assert Judgement.objects.count() == 1


def test_two_grants_at_once_are_one(version):
    waiver = excuse(version)
    people = [acts.approver(), acts.approver()]
    grants = [
        lambda by=by: grant_waiver(waiver_id=waiver.pk, by=by, at=NOW).granted_by_id
        for by in people
    ]
    first, second = at_once(*grants)
    assert first == second
    assert AuditEvent.objects.filter(kind="waiver.granted").count() == 1


def test_a_waiver_that_is_ended_while_it_is_granted_is_ended(version):
    waiver, grantor, owner = excuse(version), acts.approver(), acts.owner()
    granted, _ = at_once(
        lambda: grant_waiver(waiver_id=waiver.pk, by=grantor, at=NOW),
        lambda: end_waiver(waiver_id=waiver.pk, by=owner, at=NOW),
    )
    waiver.refresh_from_db()
    assert waiver.ended_at == NOW
    assert (granted == "ended") == (waiver.granted_at is None)


def test_two_waivers_of_one_principle_at_once_are_one(version):
    results = at_once(lambda: excuse(version), lambda: excuse(version))
    assert Waiver.objects.count() == 1
    assert "waiver_open" in results


def test_a_release_at_the_moment_of_a_fail_comes_before_it_or_not_at_all(version):
    acts.approve(version)
    reviewer, owner = acts.approver(), acts.owner()
    _, released = at_once(
        lambda: fail(version, reviewer),
        lambda: release(version_id=version.pk, environment="production", by=owner, at=NOW),
    )
    kinds = AuditEvent.objects.filter(kind__in=["agent_version.judged", "agent.released"])
    order = list(kinds.order_by("stream_id", "number").values_list("kind", flat=True))
    if released == "matrix_fail":
        assert order == ["agent_version.judged"]
    else:
        assert order == ["agent.released", "agent_version.judged"]
    assert Release.objects.count() == order.count("agent.released")
