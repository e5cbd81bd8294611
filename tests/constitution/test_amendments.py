"""Amendments through the services: levels, numbers, quorum, grace, and law that returns."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from governance.asking.models import Policy
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.errors import Conflict, InvalidInput, NotPermitted, Refusal
from governance.constitution import parsing, services
from governance.constitution.models import Amendment, ConstitutionVersion, Ratification
from governance.constitution.reports import report_of
from governance.review.models import Review
from tests.constitution import acts
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)

TWO = ("Amendments are approved by somebody", "Amendments need two approvals by somebody")
WEAKER = ("Tests MUST be", "Tests SHOULD be")
MORE = ("of two solutions.", "of two solutions.\n\nEach solution SHOULD have an example.")
WORDING = ("Teams SHOULD choose the", "The teams should choose the")


def submit(text: bytes, **said: Any) -> Review:
    version = acts.brought_in(text)
    return services.submit_version(version_id=version.pk, by=acts.owner(), at=NOW, **said)


def newest() -> Ratification:
    return Ratification.objects.first() or pytest.fail("nothing is ratified")


def test_the_first_law_is_major_and_touches_all_with_grace():
    acts.enacted(acts.law())
    amendment, ratification = Amendment.objects.get(), newest()
    assert (amendment.base, amendment.computed_level, amendment.level) == (None, "major", "major")
    assert (ratification.level, ratification.touches_all) == ("major", True)
    assert ratification.grace_until == NOW + timedelta(days=14)


def test_an_amendment_records_what_was_compared_and_its_ratification_what_it_touches(settings):
    settings.AMENDMENT_GRACE = timedelta(days=3)
    law = acts.enacted(acts.law())
    acts.enacted(acts.law("1.1.0", MORE))
    amendment, ratification = Amendment.objects.latest("id"), newest()
    assert (amendment.base, amendment.level, amendment.touched) == (law, "minor", ["simplicity"])
    assert (ratification.level, ratification.touched) == ("minor", ["simplicity"])
    assert (ratification.touches_all, ratification.grace_until) == (
        False,
        NOW + timedelta(days=3),
    )
    event = AuditEvent.objects.filter(kind="constitution.ratified").latest("id")
    data = json.loads(bytes(event.body))["data"]
    assert (data["level"], data["touched"]) == ("minor", ["simplicity"])
    assert list(verify()) == []


def test_wording_touches_nothing_and_needs_no_grace():
    acts.enacted(acts.law())
    acts.enacted(acts.law("1.0.1", WORDING))
    ratification = newest()
    assert (ratification.level, ratification.touched, ratification.touches_all) == (
        "patch",
        [],
        False,
    )
    assert ratification.grace_until is None


def test_a_number_that_does_not_follow_is_refused_and_the_sentence_names_the_right_one():
    acts.enacted(acts.law())
    with pytest.raises(Conflict) as refused:
        submit(acts.law("1.0.1", WEAKER))
    assert refused.value.code == "version_number"
    assert "This is a MAJOR change: call it 2.0.0" in refused.value.sentence
    assert Review.objects.filter(status="in_review").count() == 0
    submit(acts.law("2.0.0", WEAKER))


def test_a_reason_lets_the_number_stay_and_voters_read_it():
    acts.enacted(acts.law())
    review = submit(acts.law("1.0.1", WEAKER), override_reason="We number by quarter.")
    amendment = Amendment.objects.get(review=review)
    assert (amendment.level, amendment.override_reason) == ("major", "We number by quarter.")
    report = report_of(amendment.version, review)
    assert report is not None
    assert [finding.code for finding in report.findings] == ["VERSION_NUMBER"]


@pytest.mark.parametrize("reason", ["", " \n"])
def test_another_level_needs_a_reason(reason):
    acts.enacted(acts.law())
    with pytest.raises(InvalidInput) as refused:
        submit(acts.law("1.0.1", WEAKER), level="patch", override_reason=reason)
    assert refused.value.code == "override_without_reason"
    assert Amendment.objects.count() == 1


def test_a_level_set_lower_counts_and_is_a_warning_that_voters_see():
    acts.enacted(acts.law())
    review = submit(
        acts.law("1.0.1", WEAKER), level="patch", override_reason="It never was enforced."
    )
    amendment = Amendment.objects.get(review=review)
    assert (amendment.computed_level, amendment.level, amendment.touches_all) == (
        "major",
        "patch",
        False,
    )
    report = report_of(amendment.version, review)
    assert report is not None
    [finding] = report.findings
    assert (finding.code, finding.severity) == ("LEVEL_LOWERED", "warning")
    assert "It never was enforced." in finding.fix
    acts.vote(amendment.version, acts.approver())
    assert (newest().level, newest().touched, newest().grace_until) == ("patch", [], None)


def test_a_level_set_higher_touches_the_principles_that_are_only_reworded():
    acts.enacted(acts.law())
    submit(acts.law("1.1.0", WORDING), level="minor", override_reason="It reads differently.")
    assert Amendment.objects.latest("id").touched == ["simplicity"]


def test_there_is_no_fourth_level():
    acts.enacted(acts.law())
    with pytest.raises(InvalidInput) as refused:
        submit(acts.law("1.0.1", WORDING), level="none", override_reason="Why not.")
    assert refused.value.code == "unknown_level"


def test_a_review_from_before_there_were_levels_touches_all_without_grace(monkeypatch):
    with monkeypatch.context() as an_older_release:
        an_older_release.setattr(services, "_write_amendment", lambda *known: None)
        version = acts.submitted()
    acts.vote(version, acts.approver())
    ratification = newest()
    assert (ratification.level, ratification.touches_all, ratification.grace_until) == (
        "",
        True,
        None,
    )


# --- quorum: the law in force decides, never the candidate's own text ----------------------------


def test_the_law_in_force_asks_for_more_votes_than_the_policy():
    acts.enacted(acts.law("1.0.0", TWO))
    version = acts.brought_in(acts.law("1.0.1", TWO, WORDING))
    review = services.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    assert review.required_votes == 2
    acts.vote(version, acts.approver())
    assert services.current() != version
    acts.vote(version, acts.approver())
    assert services.current() == version


def test_a_candidate_that_asks_for_fewer_votes_is_judged_by_the_law_it_replaces():
    acts.enacted(acts.law("1.0.0", TWO))
    assert submit(acts.law("2.0.0")).required_votes == 2


def test_a_candidate_that_asks_for_more_votes_does_not_bind_itself():
    acts.enacted(acts.law())
    assert submit(acts.law("2.0.0", TWO)).required_votes == 1


def test_the_policy_applies_where_it_asks_for_more():
    Policy.objects.filter(kind="amendment").update(required_votes=3)
    acts.enacted(acts.law("1.0.0", TWO))
    assert submit(acts.law("1.0.1", TWO, WORDING)).required_votes == 3


def test_a_lower_level_set_by_hand_does_not_lower_the_quorum():
    rule = ("Amendments are approved", "MAJOR amendments need three approvals, each given")
    acts.enacted(acts.law("1.0.0", rule))
    review = submit(acts.law("1.0.1", rule, WEAKER), level="patch", override_reason="It is small.")
    assert review.required_votes == 3


def test_what_cannot_be_counted_is_a_finding_and_the_policy_applies():
    rule = ("Amendments are approved", "Amendments need unanimous consent and are approved")
    acts.enacted(acts.law("1.0.0", rule))
    review = submit(acts.law("1.0.1", rule, WORDING))
    report = report_of(ConstitutionVersion.objects.get(sequence=2), review)
    assert report is not None
    assert review.required_votes == 1
    [finding] = report.findings
    assert finding.code == "QUORUM_NOT_COUNTABLE"
    assert "unanimous consent" in finding.message
    assert "line 12" in finding.message


def test_a_quorum_that_nobody_can_reach_is_said_when_it_is_submitted():
    rule = ("Amendments are approved", "Amendments need five approvals, each given")
    acts.enacted(acts.law("1.0.0", rule))
    version = acts.brought_in(acts.law("1.0.1", rule, WORDING))
    acts.approver(), acts.approver()
    report = report_of(version, None)
    assert report is not None
    assert (report.votes, report.may_ratify) == (5, 3)
    assert [finding.code for finding in report.findings] == ["QUORUM_OUT_OF_REACH"]
    for _ in range(2):
        acts.approver()
    enough = report_of(version, None)
    assert enough is not None
    assert not enough.findings


# --- law that returns ----------------------------------------------------------------------------


def test_a_text_that_was_law_is_proposed_again_and_judged_like_any_amendment():
    first = acts.enacted(acts.law())
    acts.enacted(acts.law("2.0.0", WEAKER))
    review = services.submit_version(version_id=first.pk, by=acts.owner(), at=NOW)
    amendment = Amendment.objects.get(review=review)
    assert (amendment.level, amendment.touches_all) == ("major", True)
    with pytest.raises(NotPermitted):
        acts.vote(first, first.author)
    acts.vote(first, acts.approver())
    assert services.current() == first
    assert [row.version.sequence for row in Ratification.objects.all()] == [1, 2, 1]
    assert newest().touches_all


def test_a_text_that_was_law_passes_the_checks_of_today_before_it_returns(monkeypatch):
    text = acts.law("1.0.0", ("Teams SHOULD", "[RULE_2] Teams SHOULD"))
    with monkeypatch.context() as before_the_check:
        before_the_check.setattr(parsing, "placeholder_findings", lambda found: [])
        first = acts.enacted(text)
    assert not first.findings
    acts.enacted(acts.law("2.0.0", WEAKER), override_reason="One thing after another.")
    with pytest.raises(Conflict) as refused:
        services.submit_version(version_id=first.pk, by=acts.owner(), at=NOW)
    assert refused.value.code == "blocked"
    assert "[RULE_2]" in refused.value.sentence


def test_a_check_that_came_after_the_submission_stops_the_vote(monkeypatch):
    text = acts.law("1.0.0", ("Teams SHOULD", "[RULE_2] Teams SHOULD"))
    with monkeypatch.context() as before_the_check:
        before_the_check.setattr(parsing, "placeholder_findings", lambda found: [])
        version = acts.brought_in(text)
        services.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    with pytest.raises(Conflict) as refused:
        acts.vote(version, acts.approver())
    assert refused.value.code == "blocked"
    assert services.current() is None


def test_a_vague_word_found_only_today_waits_for_somebody_to_say_that_it_is_meant(monkeypatch):
    with monkeypatch.context() as before_the_check:
        before_the_check.setattr(parsing, "vague_findings", lambda body: [])
        version = acts.submitted(acts.VAGUE)
    voter = acts.approver()
    with pytest.raises(Conflict) as refused:
        acts.vote(version, voter)
    assert refused.value.code == "unacknowledged"
    for finding in parsing.parse_constitution(bytes(version.raw)).findings:
        if finding.code == "VAGUE_WORD":
            services.acknowledge(version_id=version.pk, finding_key=finding.key, by=voter, at=NOW)
    acts.vote(version, voter)
    assert services.current() == version


# --- keys ----------------------------------------------------------------------------------------


def test_a_principle_that_only_got_another_title_keeps_its_key():
    acts.enacted(acts.law())
    version = acts.enacted(acts.law("1.0.1", ("### II. Simplicity", "### II. Plainness")))
    assert [p.key for p in version.principles.all()] == ["test-first", "simplicity"]
    assert [p.title for p in version.principles.all()][1] == "Plainness"
    assert (newest().level, newest().touched) == ("patch", [])


def test_another_principle_under_a_new_title_gets_its_own_key():
    acts.enacted(acts.law())
    said = (
        "### II. Simplicity\nTeams SHOULD choose the plainer of two solutions.",
        "### II. Accessibility\nPages MUST be usable by keyboard.",
    )
    version = acts.brought_in(acts.law("2.0.0", said))
    assert [p.key for p in version.principles.all()] == ["test-first", "accessibility"]


# --- at the same time ----------------------------------------------------------------------------


def test_of_two_amendments_ratified_at_once_one_finds_that_the_law_changed():
    acts.enacted(acts.law())
    versions = [
        acts.brought_in(acts.law("2.0.0", WEAKER)),
        acts.brought_in(acts.law("1.1.0", MORE)),
    ]
    for version in versions:
        services.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    voters = [acts.approver(), acts.approver()]
    together = Barrier(2)

    def run(which: int) -> str:
        together.wait()
        try:
            return acts.vote(versions[which], voters[which]).status
        except Refusal as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(run, range(2))) == ["approved", "law_changed"]
    assert Ratification.objects.count() == 2
    assert list(verify()) == []


def test_what_is_submitted_again_under_a_new_law_is_compared_with_that():
    acts.enacted(acts.law())
    waiting = acts.brought_in(acts.law("1.1.0", MORE))
    services.submit_version(version_id=waiting.pk, by=acts.owner(), at=NOW)
    law = acts.enacted(acts.law("2.0.0", WEAKER))
    with pytest.raises(Conflict) as refused:
        services.submit_version(version_id=waiting.pk, by=acts.owner(), at=NOW)
    assert refused.value.code == "version_number"
    services.submit_version(
        version_id=waiting.pk, by=acts.owner(), at=NOW, override_reason="It goes back on purpose."
    )
    amendment = Amendment.objects.latest("id")
    assert (amendment.base, amendment.level) == (law, "major")


def test_submitting_rolls_back_with_its_amendment(monkeypatch):
    acts.enacted(acts.law())
    version = acts.brought_in(acts.law("1.1.0", MORE))

    def fail(**kwargs: Any) -> None:
        raise RuntimeError("no history")

    monkeypatch.setattr(services, "append", fail)
    with pytest.raises(RuntimeError):
        services.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    assert Amendment.objects.count() == 1
    assert not Review.objects.filter(subject=version.subject).exists()
