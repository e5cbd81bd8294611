"""Import, submit, vote, release, suspend: the whole effect, and refusals that leave nothing."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from agents import services
from agents.importing import MAX_BYTES
from agents.models import Agent, AgentVersion, Family, Release, Rule, Suspension
from agents.releasing import services as releasing
from agents.reviewing import services as reviewing
from governance.asking.models import Ask
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere, TooLarge
from governance.people.models import Role
from governance.review.models import Review, Vote
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def kinds() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("kind", flat=True))


def nothing_is_there() -> bool:
    tables = (Agent, AgentVersion, Family, Rule, Review, Release, Suspension, AuditEvent)
    return not any(table.objects.exists() for table in tables)


def imported(raw: bytes, **changes: Any) -> tuple[AgentVersion, bool]:
    known: dict[str, Any] = {"filename": "worker.md", "family": "sample", "at": NOW}
    return services.import_definition(raw=raw, **(known | changes))


def test_an_import_keeps_the_bytes_and_makes_the_agent_from_the_declared_name():
    owner, raw = acts.owner(), b"\xef\xbb\xbf" + acts.definition("Night Worker")
    version, created = imported(raw, by=owner)
    assert created
    assert bytes(version.raw) == raw
    assert (version.agent.slug, version.agent.name) == ("night-worker", "Night Worker")
    assert (version.agent.owner, version.author, version.proposed_by) == (owner, owner, None)
    assert (version.sequence, version.declared_version) == (1, "1.0.0")
    assert version.tools == ["Read", "Grep"]
    assert [rule.modality for rule in version.rules.all()] == ["NEVER", "ALWAYS"]
    assert kinds() == ["agent.created", "agent_version.imported"]
    assert list(verify()) == []


def test_the_same_bytes_as_the_newest_version_change_nothing():
    owner = acts.owner()
    first, _ = imported(acts.definition(), by=owner)
    again, created = imported(acts.definition(), by=owner)
    assert (again.pk, created) == (first.pk, False)
    assert AgentVersion.objects.count() == 1
    assert len(kinds()) == 2


def test_going_back_to_older_bytes_is_a_new_version():
    owner = acts.owner()
    for more in ("", "\nMore.\n", ""):
        version, created = imported(acts.definition(more=more), by=owner)
        assert created
    assert version.sequence == 3


def test_the_seed_comes_in_with_all_its_parts():
    check_seed_counts(acts.bring_in(raw=acts.seed()))


def test_the_own_sample_comes_in_with_the_counts_of_the_seed():
    sample = acts.SAMPLE / "python-backend.md"
    version = acts.bring_in(raw=sample.read_bytes())
    check_seed_counts(version)


def check_seed_counts(version: AgentVersion) -> None:
    triggers = list(version.triggers.values_list("kind", flat=True))
    modalities = list(version.rules.values_list("modality", flat=True))
    assert [triggers.count(kind) for kind in ("general", "domain", "closing")] == [9, 10, 1]
    assert [modalities.count(word) for word in ("NEVER", "ALWAYS")] == [6, 3]
    assert len(version.contract["payload_fields"]) == 9
    assert len(version.contract["examples"]) == 2
    assert version.workflow_steps.count() == 7
    assert version.coordinations.count() == 5
    assert version.coordinations.filter(peer_kind="people").count() == 1
    assert version.principle_claims.count() == 5
    assert version.quality_standards.count() == 6
    assert {(s.value, s.unit) for s in version.quality_standards.exclude(value=None)} >= {
        (200, "ms")
    }
    assert version.tools is None
    codes = {finding["code"] for finding in version.findings}
    assert {"NO_DESCRIPTION", "INHERITS_ALL_TOOLS", "ENCODING_REPAIRED"} <= codes
    assert version.repaired


def test_text_that_postgresql_cannot_hold_comes_in_with_its_bytes_kept():
    raw = acts.definition().replace(b"Works for the tests.", b'"a\\0b \\uD800 c"')
    version = acts.bring_in(raw=raw + b"\x00 NEVER write \xff\n- **Limit**: under 1e400 ms\n")
    assert b"\x00" in bytes(version.raw)
    assert "\x00" not in version.text + version.description


@pytest.mark.parametrize(
    ("raw", "family", "error"),
    [
        (b"", "sample", InvalidInput),
        (b" \n", "sample", InvalidInput),
        (b"x" * (MAX_BYTES + 1), "sample", TooLarge),
        (acts.definition(), "", InvalidInput),
        (acts.definition("check"), "sample", InvalidInput),
    ],
)
def test_a_refused_file_leaves_nothing_behind(raw, family, error):
    with pytest.raises(error):
        imported(raw, family=family, by=acts.owner())
    assert nothing_is_there()


@pytest.mark.parametrize("roles", [[], [Role.APPROVER], [Role.AUDITOR], [Role.ADMINISTRATOR]])
def test_only_owners_import(roles):
    with pytest.raises(NotPermitted):
        imported(acts.definition(), by=UserFactory(roles=roles, is_superuser=True))
    assert nothing_is_there()


def test_a_file_that_names_another_agent_is_refused():
    with pytest.raises(InvalidInput):
        imported(acts.definition("other"), by=acts.owner(), slug="worker")
    assert nothing_is_there()


def test_an_agent_stays_in_its_family():
    acts.bring_in()
    with pytest.raises(Conflict):
        acts.bring_in(raw=acts.definition(more="x"), family="another")
    assert list(Family.objects.values_list("slug", flat=True)) == ["sample"]


def test_a_runner_proposes_without_becoming_an_author():
    runner = RunnerFactory(agents=["worker"])
    version, _ = imported(acts.definition(), by=runner)
    assert (version.author, version.proposed_by) == (None, runner)
    assert version.agent.owner == runner.owner


def test_a_runner_proposes_for_no_other_agent():
    with pytest.raises(NotPermitted):
        imported(acts.definition(), by=RunnerFactory(agents=["other"]))
    assert nothing_is_there()


def test_a_failing_audit_write_takes_the_import_back(monkeypatch):
    owner = acts.owner()
    monkeypatch.setattr(services, "append", failing)
    with pytest.raises(RuntimeError):
        imported(acts.definition(), by=owner)
    assert nothing_is_there()


def failing(**_: object) -> None:
    raise RuntimeError("the audit write failed")


def test_two_imports_at_once_make_two_numbers():
    owner = acts.owner()
    acts.bring_in(owner)

    def one(more: str) -> int:
        try:
            return imported(acts.definition(more=more), by=owner)[0].sequence
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        numbers = list(pool.map(one, ["a", "b", "c", "d"]))
    assert sorted(numbers) == [2, 3, 4, 5]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE agents_agentversion SET text = 'other'",
        "DELETE FROM agents_agentversion",
        "TRUNCATE agents_agentversion CASCADE",
        "DELETE FROM agents_rule",
        "UPDATE agents_release SET version_id = version_id",
    ],
)
def test_versions_and_releases_are_never_changed_or_deleted(statement):
    version = acts.put_into_production().version
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert AgentVersion.objects.get(pk=version.pk).text == version.text


def test_a_submitted_version_is_in_review_and_asked_about():
    acts.ratify()
    version = acts.bring_in()
    review = reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    assert (review.status, review.version_sha256) == ("in_review", version.sha256)
    assert review.constitution_sha256
    ask = Ask.objects.open().get(subject=f"review:{review.pk}")
    assert ask.path == version.get_absolute_url()
    assert "agent_version.submitted" in kinds()


@pytest.mark.parametrize("state", ["in_review", "approved", "rejected", "changes_requested"])
def test_what_is_in_review_or_settled_is_not_submitted_again(state):
    version = acts.bring_in()
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    verdict = {"approved": "approve", "rejected": "reject"}.get(state, "request_changes")
    if state != "in_review":
        acts.say(version, acts.approver(), verdict, "because")
    with pytest.raises(Conflict):
        reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    assert Review.objects.count() == 1


def test_only_people_who_propose_submit():
    version = acts.bring_in()
    for principal in (acts.approver(), RunnerFactory()):
        with pytest.raises(NotPermitted):
            reviewing.submit_version(version_id=version.pk, by=principal, at=NOW)
    assert not Review.objects.exists()


def test_an_approval_by_somebody_else_approves():
    assert acts.approve(acts.bring_in()).status == "approved"


def everybody_who_may_not_approve() -> dict[str, Any]:
    both = [Role.OWNER, Role.APPROVER]
    author = UserFactory(roles=both)
    return {
        "author": author,
        "superuser": UserFactory(roles=both, is_superuser=True),
        "runner": RunnerFactory(owner=author),
    }


@pytest.mark.parametrize("who", ["author", "superuser", "runner"])
def test_nobody_approves_what_they_wrote(who):
    principal = everybody_who_may_not_approve()[who]
    version = acts.bring_in(principal) if who != "runner" else acts.bring_in()
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    with pytest.raises(NotPermitted):
        acts.say(version, principal)
    assert not Vote.objects.exists()


def test_the_owner_of_the_proposing_runner_cannot_approve():
    runner = RunnerFactory(owner=UserFactory(roles=[Role.OWNER, Role.APPROVER]))
    version, _ = imported(acts.definition(), by=runner)
    reviewing.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    with pytest.raises(NotPermitted):
        acts.say(version, runner.owner)
    assert acts.say(version, acts.approver()).status == "approved"


def test_the_agents_owner_may_approve_what_others_wrote():
    boss = UserFactory(roles=[Role.OWNER, Role.APPROVER])
    acts.approve(acts.bring_in(boss))
    version = acts.bring_in(acts.owner(), raw=acts.definition(more="x"))
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    assert acts.say(version, boss).status == "approved"


def test_a_draft_takes_no_votes():
    with pytest.raises(Conflict):
        acts.say(acts.bring_in(), acts.approver())


def test_a_vote_on_another_text_is_refused():
    version = acts.bring_in()
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    version.sha256 = "0" * 64
    with pytest.raises(Conflict):
        acts.say(version, acts.approver())


def test_no_vote_counts_under_a_constitution_that_has_changed_and_submitting_asks_anew():
    version = acts.bring_in()
    first = reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    acts.ratify()
    with pytest.raises(Conflict):
        acts.say(version, acts.approver())
    second = reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    first.refresh_from_db()
    assert (first.status, second.status) == ("withdrawn", "in_review")
    assert acts.say(version, acts.approver()).status == "approved"


def test_an_approved_version_is_released_and_the_same_again_is_the_same():
    release = acts.put_into_production()
    assert release.version.agent.releases.count() == 1
    again = releasing.release(
        version_id=release.version_id, environment="production", by=acts.approver(), at=NOW
    )
    assert again == release
    assert kinds().count("agent.released") == 1
    assert list(verify()) == []


def refused_release(version: AgentVersion, code: str, environment: str = "production") -> None:
    with pytest.raises(Conflict) as refusal:
        releasing.release(version_id=version.pk, environment=environment, by=acts.owner(), at=NOW)
    assert refusal.value.code == code
    assert not Release.objects.exists()


def test_a_draft_is_not_released():
    acts.ratify()
    refused_release(acts.bring_in(), "draft")


@pytest.mark.parametrize("verdict", ["", "reject", "request_changes"])
def test_what_is_not_approved_is_not_released(verdict):
    acts.ratify()
    version = acts.bring_in()
    reviewing.submit_version(version_id=version.pk, by=version.author, at=NOW)
    if verdict:
        acts.say(version, acts.approver(), verdict, "because")
    refused_release(version, "not_approved")


def test_an_agent_that_requires_a_constitution_is_not_released_without_one():
    version = acts.bring_in()
    acts.approve(version)
    refused_release(version, "no_constitution")


def test_an_agent_that_requires_none_is_released_without_one():
    raw = acts.definition().replace(b"constitutional_compliance: required\n", b"")
    version = acts.bring_in(raw=raw)
    acts.approve(version)
    releasing.release(version_id=version.pk, environment="staging", by=acts.owner(), at=NOW)
    assert Release.objects.count() == 1


def test_a_stale_approval_is_not_released_until_it_is_given_again():
    acts.ratify()
    version = acts.bring_in()
    acts.approve(version)
    acts.ratify(acts.AMENDED)
    refused_release(version, "stale")
    acts.approve(version)
    releasing.release(version_id=version.pk, environment="production", by=acts.owner(), at=NOW)
    assert Release.objects.count() == 1


def test_a_suspended_agent_is_not_released():
    acts.ratify()
    version = acts.bring_in()
    acts.approve(version)
    releasing.suspend(slug="worker", reason="It deleted a table.", by=acts.owner(), at=NOW)
    refused_release(version, "suspended")


def test_an_unknown_environment_is_refused():
    release = acts.put_into_production()
    with pytest.raises(NotThere):
        releasing.release(
            version_id=release.version_id, environment="moon", by=acts.owner(), at=NOW
        )


@pytest.mark.parametrize("roles", [[], [Role.AUDITOR], [Role.ADMINISTRATOR]])
def test_only_owners_and_approvers_release(roles):
    acts.ratify()
    version = acts.bring_in()
    acts.approve(version)
    person = UserFactory(roles=roles, is_superuser=True)
    for principal in (person, RunnerFactory()):
        with pytest.raises(NotPermitted):
            releasing.release(version_id=version.pk, environment="staging", by=principal, at=NOW)
    assert not Release.objects.exists()


def test_a_suspension_is_lifted_once_and_recorded():
    acts.bring_in()
    suspension = releasing.suspend(slug="worker", reason="odd", by=acts.approver(), at=NOW)
    lifter = acts.owner()
    for _ in range(2):
        releasing.lift(suspension_id=suspension.pk, by=lifter, at=NOW)
    suspension.refresh_from_db()
    assert suspension.lifted_by == lifter
    assert kinds()[-2:] == ["agent.suspended", "agent.suspension_lifted"]


def test_a_version_is_suspended_apart_from_its_agent():
    version = acts.bring_in()
    releasing.suspend(slug="worker", sequence=1, reason="odd", by=acts.owner(), at=NOW)
    releasing.suspend(slug="worker", reason="odd", by=acts.owner(), at=NOW)
    assert set(Suspension.objects.values_list("version", flat=True)) == {version.pk, None}
    for sequence in (1, None):
        with pytest.raises(Conflict):
            releasing.suspend(
                slug="worker", sequence=sequence, reason="odd", by=acts.owner(), at=NOW
            )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"reason": "  "}, InvalidInput),
        ({"slug": "nobody"}, NotThere),
        ({"sequence": 9}, NotThere),
    ],
)
def test_a_refused_suspension_leaves_nothing_behind(changes, error):
    acts.bring_in()
    known: dict[str, Any] = {"slug": "worker", "reason": "odd"}
    with pytest.raises(error):
        releasing.suspend(**(known | changes), by=acts.owner(), at=NOW)
    assert not Suspension.objects.exists()


def test_auditors_and_runners_suspend_nothing():
    acts.bring_in()
    for principal in (UserFactory(roles=[Role.AUDITOR]), RunnerFactory()):
        with pytest.raises(NotPermitted):
            releasing.suspend(slug="worker", reason="odd", by=principal, at=NOW)
    assert not Suspension.objects.exists()
