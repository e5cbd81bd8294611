"""71 and others: two people or machines at once, on a real database, each in a thread."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from agents.batches.services import open_batch, vote_on_batch
from agents.ledger.guarding import Question, guard
from agents.models import Agent, Batch, Release, ReleaseKind
from agents.releasing import services as releasing
from agents.resolving import resolve
from agents.reviewing import services as reviewing
from governance.audit.services import verify
from governance.base.errors import Conflict, Refusal
from governance.constitution import services as law
from governance.review.models import Review, ReviewStatus
from governance.review.services import latest_review
from tests.agents import acts
from tests.agents.ledger import acts as ledger_acts
from tests.factories import NOW, RunnerFactory

pytestmark = pytest.mark.django_db(transaction=True)

LATER = NOW + timedelta(hours=1)
OTHER = acts.definition(more="\nBe brief.\n")


def at_once(*doing: Callable[[], Any]) -> list[Any]:
    """What each of them returned, or the code of its refusal; begun together."""
    together = threading.Barrier(len(doing))
    results: list[Any] = [None] * len(doing)

    def run(index: int, act: Callable[[], Any]) -> None:
        together.wait()
        try:
            results[index] = act()
        except Refusal as refusal:
            results[index] = refusal.code
        except Exception as error:
            results[index] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=item) for item in enumerate(doing)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not [one for one in results if isinstance(one, Exception)], results
    assert list(verify()) == []
    return results


def listed(*versions, by=None) -> Batch:
    return open_batch(
        kind="baseline",
        version_ids=[one.pk for one in versions],
        title="",
        by=by or acts.owner(),
        at=NOW,
    )


def vote_for(batch, by) -> str:
    return vote_on_batch(
        batch_id=batch.pk, by=by, verdict="approve", comment="", seen_sha256=batch.sha256,
        method="session", at=LATER,
    ).status  # fmt: skip


def broken(version, by) -> Release:
    return releasing.break_glass(
        version_id=version.pk, environment="production", hours=2, by=by, at=NOW,
        reason="The payment service is down since nine.",
    )  # fmt: skip


def test_two_lists_over_the_same_version_are_one():
    first, second = (acts.bring_in(raw=acts.definition(name)) for name in ("a", "b"))
    one, other = acts.owner(), acts.owner()
    results = at_once(lambda: listed(first, second, by=one), lambda: listed(second, by=other))
    assert results.count("in_another_list") == 1
    assert Review.objects.filter(subject=second.subject, status="in_review").count() == 1


def test_a_list_and_another_version_of_its_agent_are_not_both_approved_unseen():
    acts.approve(acts.bring_in())
    listed_one = acts.bring_in(raw=acts.definition(more="\nBe quick.\n"))
    alone = acts.bring_in(raw=OTHER)
    reviewing.submit_version(version_id=alone.pk, by=alone.author, at=NOW)
    batch = listed(listed_one)
    voter, other = acts.approver(), acts.approver()
    results = at_once(lambda: vote_for(batch, voter), lambda: acts.say(alone, other).status)
    assert sorted(results) in (["approved", "base_changed"], ["approved", "list_moved"])


def test_a_vote_on_a_list_while_the_law_changes_gives_nothing_that_is_released():
    acts.ratify()
    version = acts.bring_in()
    batch = listed(version)
    amended = law.import_constitution(raw=acts.AMENDED, by=acts.owner(), at=NOW)
    law.submit_version(version_id=amended.pk, by=amended.author, at=NOW)
    voter, ratifier, owner = acts.approver(), acts.approver(), acts.owner()

    def ratifies() -> str:
        return law.vote(
            version_id=amended.pk, by=ratifier, verdict="approve", comment="",
            seen_sha256=amended.sha256, method="session", at=LATER,
        ).status  # fmt: skip

    said, ratified = at_once(lambda: vote_for(batch, voter), ratifies)
    assert ratified == ReviewStatus.APPROVED
    assert said in {"approved", "list_moved"}
    with pytest.raises(Conflict) as refused:
        releasing.release(version_id=version.pk, environment="production", by=owner, at=LATER)
    assert refused.value.code == ("stale" if said == "approved" else "not_approved")


def test_what_is_suspended_while_it_is_released_is_not_served():
    acts.ratify()
    version = acts.bring_in()
    acts.approve(version)
    owner, other, runner = acts.owner(), acts.owner(), RunnerFactory()
    at_once(
        lambda: releasing.release(
            version_id=version.pk, environment="production", by=owner, at=NOW
        ),
        lambda: releasing.suspend(family="sample", reason="It loops.", by=other, at=NOW),
        lambda: releasing.suspend(slug="worker", reason="It loops.", by=other, at=NOW),
    )
    with pytest.raises(Conflict) as refused:
        resolve(slug="worker", environment="production", principal=runner, at=NOW)
    assert refused.value.code == "suspended"


def test_two_imports_of_a_new_agent_are_one_agent():
    people = [acts.owner() for _ in range(4)]
    texts = [acts.definition(), OTHER, acts.definition(), OTHER]
    results = at_once(
        *(
            lambda by=by, raw=raw: acts.bring_in(by, raw=raw).sequence
            for by, raw in zip(people, texts, strict=True)
        )
    )
    agent = Agent.objects.get()
    numbers = list(agent.versions.order_by("sequence").values_list("sequence", flat=True))
    assert numbers == list(range(1, len(numbers) + 1))
    assert set(results) <= set(numbers)


def test_the_glass_is_broken_once():
    acts.ratify()
    version = acts.bring_in()
    people = [acts.owner() for _ in range(3)]
    results = at_once(*(lambda by=by: broken(version, by) for by in people))
    assert results.count("glass_broken_before") == 2
    assert Release.objects.filter(kind=ReleaseKind.BREAK_GLASS).count() == 1
    assert latest_review(version.subject).mandatory


def test_a_rule_that_begins_to_be_enforced_while_the_guard_is_asked_is_told_or_counted():
    acts.put_into_production()
    judge, runner = acts.approver(), RunnerFactory()
    ledger_acts.judge(judge)

    def asked() -> str:
        question = Question(
            "worker", "production", "r", "i", "command", arguments={"command": "pip install x"}
        )
        return guard(question=question, runner=runner, at=NOW).answer

    said, enforced = at_once(asked, lambda: ledger_acts.judge(judge, mode="enforce").mode)
    assert (said in {"allow", "approval_required"}, enforced) == (True, "enforce")
    assert asked() == "approval_required"


def test_a_version_that_is_submitted_twice_at_once_is_in_one_review():
    version = acts.bring_in()
    people = [version.author, acts.owner()]
    at_once(
        *(
            lambda by=by: reviewing.submit_version(version_id=version.pk, by=by, at=NOW)
            for by in people
        )
    )
    assert Review.objects.filter(subject=version.subject, status="in_review").count() == 1
