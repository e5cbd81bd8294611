"""A permit is spent once, in time, by its runner, for exactly what was shown."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection
from django.db.utils import IntegrityError

from agents import permits
from agents.models import Permit
from agents.releasing.services import suspend
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, NotThere
from tests.agents import acts
from tests.factories import NOW, RunnerFactory

pytestmark = pytest.mark.django_db(transaction=True)
SOURCE, DIGEST = "escalation:ESC-1", "a" * 64
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def permit() -> Permit:
    return granted()


def granted() -> Permit:
    return permits.grant_permit(
        source=SOURCE,
        agent=acts.bring_in().agent,
        runner=RunnerFactory(),
        request_sha256=DIGEST,
        at=NOW,
        use_before=LATER,
    )


def spend(permit: Permit, **changes: object) -> Permit:
    known = {
        "source": SOURCE,
        "runner": permit.runner,
        "request_sha256": DIGEST,
        "at": NOW + timedelta(minutes=1),
    }
    return permits.spend_permit(**(known | changes))


def is_unspent(permit: Permit) -> bool:
    permit.refresh_from_db()
    return permit.spent_at is None and not AuditEvent.objects.filter(kind="permit.spent").exists()


def test_a_permit_is_spent_and_recorded(permit):
    spent = spend(permit)
    assert spent.state(at=LATER) == "spent"
    kinds = AuditEvent.objects.filter(stream=SOURCE).order_by("id").values_list("kind", flat=True)
    assert list(kinds) == ["permit.granted", "permit.spent"]


def test_a_permit_is_spent_only_once(permit):
    spend(permit)
    with pytest.raises(Conflict) as refusal:
        spend(permit)
    assert refusal.value.code == "permit_spent"


@pytest.mark.parametrize(
    ("changes", "error", "code"),
    [
        ({"at": LATER}, Conflict, "permit_expired"),
        ({"request_sha256": "b" * 64}, Conflict, "other_request"),
        ({"request_sha256": "ü"}, Conflict, "other_request"),
        ({"source": "escalation:ESC-2"}, NotThere, "no_permit"),
    ],
)
def test_a_permit_is_not_spent_late_or_for_something_else(permit, changes, error, code):
    with pytest.raises(error) as refusal:
        spend(permit, **changes)
    assert refusal.value.code == code
    assert is_unspent(permit)


def test_another_runner_does_not_learn_that_there_is_a_permit(permit):
    with pytest.raises(NotThere):
        spend(permit, runner=RunnerFactory(owner=permit.runner.owner))
    assert is_unspent(permit)


def test_nothing_is_spent_while_the_agent_is_suspended(permit):
    suspend(slug=permit.agent.slug, reason="odd", by=acts.owner(), at=NOW)
    with pytest.raises(Conflict):
        spend(permit)
    assert is_unspent(permit)


def test_nothing_is_spent_by_a_version_that_brings_back_a_suspended_text(permit):
    suspend(slug=permit.agent.slug, sequence=1, reason="odd", by=acts.owner(), at=NOW)
    other = acts.bring_in(raw=acts.definition(more="\nBe brief.\n"))
    back = acts.bring_in()
    assert (back.sequence, back.text) == (3, permit.agent.versions.get(sequence=1).text)
    with pytest.raises(Conflict, match="suspended: odd"):
        spend(permit, version_id=back.pk)
    assert is_unspent(permit)
    assert spend(permit, version_id=other.pk).spent_at


def test_of_two_at_once_one_wins(permit):
    together = Barrier(2)

    def one(_: int) -> bool:
        try:
            together.wait(10)
            spend(permit)
        except Conflict:
            return False
        else:
            return True
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(one, range(2))) == [False, True]
    assert AuditEvent.objects.filter(kind="permit.spent").count() == 1


def test_a_decision_grants_one_permit(permit):
    with pytest.raises(IntegrityError):
        granted()


def test_a_permit_without_time_left_is_not_granted():
    agent = acts.bring_in().agent
    with pytest.raises(Conflict):
        permits.grant_permit(
            source=SOURCE,
            agent=agent,
            runner=RunnerFactory(),
            request_sha256=DIGEST,
            at=NOW,
            use_before=NOW,
        )
    assert not Permit.objects.exists()


def test_the_database_refuses_a_permit_spent_too_late(permit):
    permit.spent_at = LATER
    with pytest.raises(IntegrityError):
        permit.save()
