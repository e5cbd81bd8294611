"""The matrix: who judged a version against which principle, and what nobody did."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.compliance.evidence import hints_for
from agents.compliance.matrix import (
    NO_LAW,
    NO_SUCH,
    NOT_JUDGED,
    OLDER_TEXT,
    Matrix,
    Row,
    matrix_of,
    summaries_of,
)
from agents.compliance.services import (
    Said,
    ask_waiver,
    end_waiver,
    grant_waiver,
    judge,
    judge_all,
)
from agents.models import AgentVersion, Environment, Judgement, Waiver
from agents.releasing.services import release, roll_back
from governance.asking.models import Ask
from governance.audit.models import AuditEvent
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere
from governance.constitution.services import current
from governance.people.models import Role
from tests.agents import acts
from tests.agents.compliance.amendments import LATER, ratify_as_it_is
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
BINDING, OPTIONAL = "test-first", "simplicity"
CLAIMS_ALL = acts.definition().replace(
    b"Write failing tests first\n",
    b"Write failing tests first\n- **Simplicity**: Plain code\n- **Kindness**: Be kind\n",
)
REWORDED = acts.LAW.replace(b"before the code that they test.", b"before the code they test.")


def matrix(version: AgentVersion, at: Any = NOW) -> Matrix:
    return matrix_of(version, current(), at=at)


def row(version: AgentVersion, key: str = BINDING, at: Any = NOW) -> Row:
    return next(one for one in matrix(version, at).rows if one.key == key)


def say(version: AgentVersion, verdict: str = "pass", **said: Any) -> Judgement:
    known: dict[str, Any] = {
        "principle": BINDING,
        "evidence": "It says so.",
        "line": 15,
        "by": said.pop("by", None) or acts.approver(),
        "at": NOW,
    }
    return judge(version_id=version.pk, verdict=verdict, **(known | said))


def excuse(version: AgentVersion, principle: str = BINDING, **said: Any) -> Waiver:
    known: dict[str, Any] = {"reason": "The tests come in May.", "by": acts.owner(), "at": NOW}
    known["expires_at"] = NOW + timedelta(days=20)
    return ask_waiver(version_id=version.pk, principle=principle, **(known | said))


@pytest.fixture
def version():
    acts.ratify()
    return acts.bring_in(raw=CLAIMS_ALL)


# --- rows -----------------------------------------------------------------------------------


def test_rows_are_what_it_claims_and_what_binds_everybody(version):
    rows = {one.key: one for one in matrix(version).rows}
    assert list(rows) == [BINDING, OPTIONAL, "kindness"]
    assert rows[BINDING].is_non_negotiable
    assert {one.verdict for one in rows.values()} == {"unknown"}
    assert rows["kindness"].reason == NO_SUCH


def test_what_binds_everybody_is_a_row_unclaimed_and_the_rest_is_not():
    acts.ratify()
    silent = acts.bring_in(raw=b"---\nname: silent\n---\nYou help.\n")
    assert [(one.key, one.claim) for one in matrix(silent).rows] == [(BINDING, None)]


@pytest.mark.parametrize("name", [b"TDD", b"Test-Driven Development", b"III. Test-First"])
def test_a_claim_by_another_name_is_the_same_principle(name):
    acts.ratify()
    raw = acts.definition().replace(b"Test-First Development", name)
    found = matrix(acts.bring_in(raw=raw))
    assert [(one.key, one.claim is not None) for one in found.rows] == [(BINDING, True)]


def test_without_a_law_every_claim_is_unknown():
    found = matrix(acts.bring_in())
    assert [(one.verdict, one.reason) for one in found.rows] == [("unknown", NO_LAW)]
    assert not found.summary.complies


@pytest.mark.parametrize("verdict", ["pass", "fail", "not_applicable"])
def test_a_judgement_is_the_verdict_with_its_evidence(version, verdict):
    reviewer = acts.approver()
    say(version, verdict, by=reviewer)
    found = row(version)
    assert (found.verdict, found.reason) == (verdict, "")
    assert (found.judgement.line, found.judgement.evidence) == (15, "It says so.")
    assert found.judgement.judged_by == reviewer


def test_the_newest_judgement_counts(version):
    say(version, "fail")
    say(version, "pass")
    assert row(version).verdict == "pass"


def test_the_same_again_is_written_once(version):
    reviewer = acts.approver()
    assert say(version, by=reviewer) == say(version, by=reviewer)
    assert Judgement.objects.count() == 1


@pytest.mark.parametrize(
    ("verdict", "becomes"), [("pass", "unknown"), ("not_applicable", "unknown"), ("fail", "fail")]
)
def test_a_judgement_of_an_older_text_is_no_pass_and_a_failure_stays(version, verdict, becomes):
    say(version, verdict)
    ratify_as_it_is(REWORDED)
    assert (row(version).verdict, row(version).reason) == (becomes, OLDER_TEXT)
    say(version, "pass")
    assert row(version).verdict == "pass"


def test_unknown_is_not_a_pass(version):
    assert row(version).reason == NOT_JUDGED
    assert not matrix(version).summary.complies
    say(version)
    say(version, principle=OPTIONAL)
    assert not matrix(version).summary.complies


def test_lists_cost_the_same_for_few_and_for_many(version):
    say(version)
    counts = []
    for more in range(3):
        ids = list(AgentVersion.objects.values_list("pk", flat=True))
        law = current()
        with CaptureQueriesContext(connection) as queries:
            summaries = summaries_of(ids, law, at=NOW)
        assert len(summaries) == more + 1
        counts.append(len(queries))
        acts.bring_in(raw=acts.definition(f"agent-{more}"))
    assert counts == [4, 4, 4]
    assert summaries[version.pk].sentence == "1 pass, 2 unknown"


def test_hints_begin_with_the_claim_and_name_only_lines_of_the_text(version):
    hints = hints_for(version, row(version), list(version.rules.all()))
    lines = version.text.split("\n")
    assert "Test-First Development" in hints[0].text
    assert all(hint.text == lines[hint.line - 1].strip() for hint in hints)


# --- judging --------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [Role.OWNER, Role.AUDITOR, Role.ADMINISTRATOR])
def test_only_reviewers_judge(version, role):
    with pytest.raises(NotPermitted):
        say(version, by=UserFactory(roles=[role]))


def test_nobody_judges_what_he_wrote_and_no_runner_judges():
    acts.ratify()
    author = UserFactory(roles=[Role.OWNER, Role.APPROVER])
    version = acts.bring_in(author)
    for by in (author, RunnerFactory()):
        with pytest.raises(NotPermitted):
            say(version, by=by)
    assert not Judgement.objects.exists()


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"verdict": "excellent"}, "no_verdict"),
        ({"line": 10_000}, "no_such_line"),
        ({"evidence": " ", "line": None}, "no_evidence"),
        ({"verdict": "fail", "evidence": ""}, "no_evidence"),
    ],
)
def test_a_judgement_needs_a_verdict_and_evidence(version, said, code):
    with pytest.raises(InvalidInput) as refused:
        say(version, **said)
    assert refused.value.code == code


def test_what_the_law_does_not_know_is_not_judged(version):
    with pytest.raises(NotThere):
        say(version, principle="kindness")


def test_a_principle_that_changed_since_it_was_read_is_read_again(version):
    seen = row(version).sha256
    ratify_as_it_is(REWORDED)
    with pytest.raises(Conflict) as refused:
        say(version, seen_sha256=seen)
    assert refused.value.code == "changed_since_seen"


def test_several_are_judged_together_or_not_at_all(version):
    good, bad = Said(BINDING, "pass", "Yes."), Said(OPTIONAL, "fail")
    with pytest.raises(InvalidInput):
        judge_all(version_id=version.pk, said=[good, bad], by=acts.approver(), at=NOW)
    assert not Judgement.objects.exists()
    with pytest.raises(InvalidInput):
        judge_all(version_id=version.pk, said=[], by=acts.approver(), at=NOW)


def test_a_judgement_is_in_the_history(version):
    say(version, "fail", evidence="There are no tests.")
    event = AuditEvent.objects.filter(kind="agent_version.judged").get()
    assert "There are no tests." not in str(event.body)
    assert "test-first" in str(event.body)


# --- releasing ------------------------------------------------------------------------------


def put_out(version: AgentVersion, environment: str = "production", at: Any = NOW) -> Any:
    return release(version_id=version.pk, environment=environment, by=acts.owner(), at=at)


def refused_release(version: AgentVersion, environment: str = "production", at: Any = NOW) -> str:
    with pytest.raises(Conflict) as refused:
        put_out(version, environment, at)
    return str(refused.value.code)


@pytest.mark.parametrize("principle", [BINDING, OPTIONAL])
def test_what_fails_is_not_released_until_it_is_excused(version, principle):
    acts.approve(version)
    say(version, "fail", principle=principle)
    assert refused_release(version) == "matrix_fail"
    waiver = excuse(version, principle)
    assert refused_release(version) == "matrix_fail"
    grant_waiver(waiver_id=waiver.pk, by=acts.approver(), at=NOW)
    assert row(version, principle).verdict == "waived"
    assert refused_release(version, at=waiver.expires_at) == "matrix_fail"
    assert put_out(version).version == version


def test_the_unknown_is_refused_only_where_a_full_matrix_is_asked(version):
    acts.approve(version)
    Environment.objects.filter(slug="production").update(full_matrix=True)
    assert refused_release(version) == "matrix_unknown"
    assert put_out(version, "staging").version == version


def test_a_full_matrix_is_released():
    acts.ratify()
    version = acts.bring_in()
    acts.approve(version)
    Environment.objects.filter(slug="production").update(full_matrix=True)
    say(version)
    assert put_out(version).version == version


def test_a_rollback_to_what_fails_today_is_refused():
    first = acts.put_into_production().version
    acts.put_into_production(acts.bring_in(raw=acts.definition(more="x")))
    say(first, "fail")
    with pytest.raises(Conflict) as refused:
        roll_back(
            slug="worker", environment="production", sequence=1, reason="It was better.",
            by=acts.owner(), at=NOW,
        )  # fmt: skip
    assert refused.value.code == "matrix_fail"


# --- waivers --------------------------------------------------------------------------------


def test_a_waiver_is_granted_by_a_second_person_who_did_not_write_the_version():
    acts.ratify()
    author = UserFactory(roles=[Role.OWNER, Role.APPROVER])
    asker = UserFactory(roles=[Role.OWNER, Role.APPROVER])
    version = acts.bring_in(author)
    waiver = excuse(version, by=asker)
    for by in (asker, author, acts.owner(), UserFactory(roles=[Role.ADMINISTRATOR])):
        with pytest.raises(NotPermitted):
            grant_waiver(waiver_id=waiver.pk, by=by, at=NOW)
    assert row(version).verdict == "unknown"
    grant_waiver(waiver_id=waiver.pk, by=acts.approver(), at=NOW)
    assert row(version).verdict == "waived"


def test_people_are_asked_until_it_is_granted(version):
    waiver = excuse(version)
    ask = Ask.objects.open().get(subject=waiver.subject)
    assert set(ask.excluded) == {version.author_id, waiver.asked_by_id}
    grant_waiver(waiver_id=waiver.pk, by=acts.approver(), at=NOW)
    ask.refresh_from_db()
    assert ask.closed_because == "granted"


def test_granting_and_ending_again_change_nothing(version):
    waiver = excuse(version)
    first = acts.approver()
    grant_waiver(waiver_id=waiver.pk, by=first, at=NOW)
    assert grant_waiver(waiver_id=waiver.pk, by=acts.approver(), at=LATER).granted_by == first
    end_waiver(waiver_id=waiver.pk, by=first, at=LATER)
    assert end_waiver(waiver_id=waiver.pk, by=acts.owner(), at=LATER).ended_by == first
    with pytest.raises(Conflict, match="has ended"):
        grant_waiver(waiver_id=waiver.pk, by=acts.approver(), at=LATER)
    kinds = AuditEvent.objects.filter(kind__startswith="waiver.").order_by("id")
    assert list(kinds.values_list("kind", flat=True)) == [
        "waiver.asked",
        "waiver.granted",
        "waiver.ended",
    ]


def test_an_ended_waiver_excuses_nothing(version):
    say(version, "fail")
    waiver = excuse(version)
    grant_waiver(waiver_id=waiver.pk, by=acts.approver(), at=NOW)
    end_waiver(waiver_id=waiver.pk, by=acts.owner(), at=NOW)
    assert row(version).verdict == "fail"


@pytest.mark.parametrize(
    ("principle", "days", "fits"),
    [(BINDING, 30, True), (BINDING, 31, False), (OPTIONAL, 180, True), (OPTIONAL, 181, False),
     (OPTIONAL, 0, False)],
)  # fmt: skip
def test_how_long_a_waiver_may_last(version, principle, days, fits):
    until = NOW + timedelta(days=days)
    if fits:
        assert excuse(version, principle, expires_at=until).expires_at == until
    else:
        with pytest.raises(InvalidInput):
            excuse(version, principle, expires_at=until)


def test_one_waiver_of_a_principle_at_a_time(version):
    excuse(version)
    with pytest.raises(Conflict) as refused:
        excuse(version)
    assert refused.value.code == "waiver_open"


def test_a_waiver_of_an_older_text_excuses_nothing_and_is_granted_no_more(version):
    granted, asked = excuse(version), excuse(version, OPTIONAL)
    grant_waiver(waiver_id=granted.pk, by=acts.approver(), at=NOW)
    ratify_as_it_is(REWORDED.replace(b"the plainer of two solutions", b"the plain solution"))
    assert row(version).verdict == "unknown"
    with pytest.raises(Conflict) as refused:
        grant_waiver(waiver_id=asked.pk, by=acts.approver(), at=NOW)
    assert refused.value.code == "stale"


@pytest.mark.parametrize("role", [Role.AUDITOR, Role.ADMINISTRATOR, Role.APPROVER])
def test_who_may_not_propose_asks_for_no_waiver(version, role):
    with pytest.raises(NotPermitted):
        excuse(version, by=UserFactory(roles=[role]))


def test_an_auditor_ends_no_waiver(version):
    with pytest.raises(NotPermitted):
        end_waiver(waiver_id=excuse(version).pk, by=UserFactory(roles=[Role.AUDITOR]), at=NOW)
