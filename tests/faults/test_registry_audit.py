"""Invariant 3: what changes the registry stands in the history, or it has not happened."""

from collections.abc import Callable
from datetime import timedelta
from inspect import getmembers, isfunction, signature
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from agents import services as agents
from agents.batches import services as batches
from agents.compliance import services as compliance
from agents.editor import services as editor
from agents.intake import fixing
from agents.intake import services as intake
from agents.intake.archives import Incoming
from agents.ledger import services as ledger
from agents.ownership import services as ownership
from agents.releasing import services as releasing
from agents.reviewing import services as reviewing
from governance.asking.models import Ask
from governance.asking.together import claims
from governance.audit import services as audit
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.constitution import drafting
from governance.constitution import services as law
from governance.review import comments
from governance.review import services as reviews
from governance.review.services import latest_review
from tests.agents import acts
from tests.agents.ledger import acts as ledger_acts
from tests.constitution import acts as law_acts
from tests.factories import NOW
from tests.faults.everything import changed, everything

pytestmark = pytest.mark.django_db

LATER = NOW + timedelta(hours=1)
MODULES: tuple[ModuleType, ...] = (
    agents, batches, compliance, editor, fixing, ledger, ownership, releasing, reviewing, claims,
    drafting, law, comments,
)  # fmt: skip
# These take part in the acts of others, which are here.
PARTS = {"ask_for_approval", "judge_all"}


class Broken(Exception):
    """The history could not be written."""


@pytest.fixture
def world() -> SimpleNamespace:
    """Something of everything that an act may begin with."""
    owner, approver, second = acts.owner(), acts.approver(), acts.approver()
    acts.put_into_production()
    draft, reviewed, approved, listed, broken = (
        acts.bring_in(owner, raw=raw)
        for raw in (
            acts.definition("draft"),
            acts.definition("reviewed"),
            acts.definition("approved"),
            acts.definition("listed"),
            b"\xef\xbb\xbf" + acts.definition("broken"),
        )
    )
    reviewing.submit_version(version_id=reviewed.pk, by=owner, at=NOW)
    acts.approve(approved)
    suspension = releasing.suspend(slug="broken", reason="Odd.", by=owner, at=NOW)
    batch = batches.open_batch(
        kind="baseline", version_ids=[listed.pk], title="One", by=owner, at=NOW
    )
    changed_worker = acts.bring_in(raw=acts.definition(more="\nBe brief.\n"))
    acts.approve(changed_worker)
    releasing.release(version_id=changed_worker.pk, environment="production", by=approver, at=NOW)
    stance = ledger_acts.asked_to_loosen()
    waiver = _waiver(approved, owner)
    vague, plain = law_acts.submitted(law_acts.VAGUE), law_acts.imported("Nothing else.")
    review = latest_review(reviewed.subject)
    remark = comments.comment(review_id=review.pk, by=owner, text="Why?", at=NOW)
    return SimpleNamespace(
        owner=owner, approver=approver, second=second, draft=draft, reviewed=reviewed,
        approved=approved, broken=broken, suspension=suspension, batch=batch, stance=stance,
        waiver=waiver, vague=vague, plain=plain, review=review, remark=remark,
        ask=Ask.objects.get(subject=review.stream),
    )  # fmt: skip


def _waiver(version: Any, by: Any) -> Any:
    return compliance.ask_waiver(
        version_id=version.pk, principle="test-first", reason="Later.",
        expires_at=NOW + timedelta(days=9), by=by, at=NOW,
    )  # fmt: skip


Act = Callable[[SimpleNamespace], Any]
ACTS: dict[str, Act] = {
    "import_definition": lambda w: agents.import_definition(
        raw=acts.definition("fresh"), filename="fresh.md", family="new", by=w.owner, at=LATER
    ),
    "submit_version": lambda w: reviewing.submit_version(
        version_id=w.draft.pk, by=w.owner, at=LATER
    ),
    "vote": lambda w: acts.say(w.reviewed, w.approver, at=LATER),
    "open_batch": lambda w: batches.open_batch(
        kind="baseline", version_ids=[w.draft.pk], title="", by=w.owner, at=LATER
    ),
    "vote_on_batch": lambda w: batches.vote_on_batch(
        batch_id=w.batch.pk,
        by=w.approver,
        verdict="approve",
        comment="",
        seen_sha256=w.batch.sha256,
        method="session",
        at=LATER,
    ),
    "judge": lambda w: compliance.judge(
        version_id=w.draft.pk,
        principle="test-first",
        verdict="fail",
        evidence="None.",
        line=None,
        by=w.approver,
        at=LATER,
    ),
    "ask_waiver": lambda w: _waiver(w.draft, w.owner),
    "grant_waiver": lambda w: compliance.grant_waiver(
        waiver_id=w.waiver.pk, by=w.approver, at=LATER
    ),
    "end_waiver": lambda w: compliance.end_waiver(waiver_id=w.waiver.pk, by=w.owner, at=LATER),
    "agents.editor.save_draft": lambda w: editor.save_draft(
        slug="draft",
        raw=acts.definition("draft", "\nMore.\n"),
        filename="draft.md",
        newest=1,
        by=w.owner,
        at=LATER,
    ),
    "save_new": lambda w: editor.save_new(
        raw=acts.definition("fresh"), filename="fresh.md", family="new", by=w.owner, at=LATER
    ),
    "fix_version": lambda w: fixing.fix_version(
        version_id=w.broken.pk, finding_keys=None, by=w.owner, at=LATER
    ),
    "judge_rule": lambda w: ledger_acts.judge(w.approver, key=ledger_acts.ESCALATE, at=LATER),
    "accept_suggestions": lambda w: ledger.accept_suggestions(
        agent_slug="worker", keys=[ledger_acts.ESCALATE], by=w.approver, at=LATER
    ),
    "confirm_stance": lambda w: ledger.confirm_stance(
        stance_id=w.stance.pk, by=w.approver, at=LATER
    ),
    "refuse_stance": lambda w: ledger.refuse_stance(
        stance_id=w.stance.pk, reason="No.", by=w.approver, at=LATER
    ),
    "hand_over": lambda w: ownership.hand_over(
        slug="draft", owner_id=acts.owner().pk, team_id=None, by=w.owner, at=LATER
    ),
    "set_tier": lambda w: ownership.set_tier(slug="draft", tier="high", by=w.owner, at=LATER),
    "release": lambda w: releasing.release(
        version_id=w.approved.pk, environment="production", by=w.approver, at=LATER
    ),
    "roll_back": lambda w: releasing.roll_back(
        slug="worker", environment="production", sequence=1, reason="Odd.", by=w.approver, at=LATER
    ),
    "break_glass": lambda w: releasing.break_glass(
        version_id=w.draft.pk,
        environment="production",
        hours=1,
        by=w.approver,
        at=LATER,
        reason="The payment service is down.",
    ),
    "suspend": lambda w: releasing.suspend(family="sample", reason="Odd.", by=w.owner, at=LATER),
    "lift": lambda w: releasing.lift(suspension_id=w.suspension.pk, by=w.owner, at=LATER),
    "claim_ask": lambda w: claims.claim_ask(ask_id=w.ask.pk, by=w.approver, at=LATER),
    "release_claim": lambda w: claims.release_claim(ask_id=w.ask.pk, by=w.second, at=LATER),
    "governance.constitution.save_draft": lambda w: drafting.save_draft(
        raw=law_acts.raw("Another."), newest=w.plain.sequence, by=w.owner, at=LATER
    ),
    "import_constitution": lambda w: law_acts.imported("Another.", by=w.owner),
    "governance.constitution.submit_version": lambda w: law_acts.submit(w.plain),
    "governance.constitution.vote": lambda w: law_acts.vote(
        w.vague, w.approver, "reject", comment="No."
    ),
    "acknowledge": lambda w: law.acknowledge(
        version_id=w.vague.pk, finding_key=w.vague.findings[0]["key"], by=w.approver, at=LATER
    ),
    "comment": lambda w: comments.comment(review_id=w.review.pk, by=w.owner, text="And?", at=LATER),
    "resolve_comment": lambda w: comments.resolve_comment(
        comment_id=w.remark.pk, by=w.owner, at=LATER
    ),
    "take_back": lambda w: reviews.take_back(review_id=w.review.pk, by=w.owner, at=LATER),
}


def prepared(world: SimpleNamespace, name: str) -> None:
    if name == "release_claim":
        claims.claim_ask(ask_id=world.ask.pk, by=world.second, at=NOW)


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From the call on, nothing more can be written to the history."""

    def broken(*_: Any) -> bytes:
        raise Broken

    return lambda: monkeypatch.setattr(audit, "_body", broken)


@pytest.mark.parametrize("name", ACTS)
def test_an_act_stands_in_the_history(world, name):
    prepared(world, name)
    before = AuditEvent.objects.count()
    ACTS[name](world)
    assert AuditEvent.objects.count() > before
    assert list(verify()) == []


@pytest.mark.parametrize("name", ACTS)
def test_an_act_that_cannot_be_written_down_has_not_happened(world, name, fail):
    prepared(world, name)
    before = everything()
    fail()
    with pytest.raises(Broken):
        ACTS[name](world)
    assert changed(before) == []


def test_a_run_of_imports_that_cannot_be_written_down_keeps_no_file(world, fail):
    before = everything()
    fail()
    with pytest.raises(Broken):
        intake.import_many(
            files=[Incoming("fresh.md", acts.definition("fresh"))], family="new", by=world.owner,
            at=LATER, source="api", name="x",
        )  # fmt: skip
    assert changed(before) == []


def is_an_act(module: ModuleType, function: Any) -> bool:
    own = function.__module__ == module.__name__ and not function.__name__.startswith("_")
    return own and {"by", "at"} <= set(signature(function).parameters)


def test_every_act_of_the_registry_is_tried_here():
    named = {name.rpartition(".")[2] for name in ACTS} | PARTS
    found = {
        name
        for module in MODULES
        for name, function in getmembers(module, isfunction)
        if is_an_act(module, function)
    }
    assert found <= named
