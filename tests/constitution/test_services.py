"""From a text to law: import, submit, acknowledge, vote and ratify, and every way to be refused."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction

from governance.asking.models import Ask, Policy
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.errors import (
    Conflict,
    InvalidInput,
    NotPermitted,
    NotThere,
    Refusal,
    TooLarge,
)
from governance.constitution import services
from governance.constitution.models import (
    Acknowledgement,
    Constitution,
    ConstitutionVersion,
    Principle,
    Ratification,
)
from governance.people.models import Role
from governance.review.models import Review, Vote
from governance.review.services import latest_review
from tests.constitution import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def kinds(stream: str = "constitution:main") -> list[str]:
    events = AuditEvent.objects.filter(stream=stream).order_by("number")
    return list(events.values_list("kind", flat=True))


def nothing_is_there() -> bool:
    tables = (Constitution, ConstitutionVersion, Principle, Review, Ask, AuditEvent)
    return not any(table._default_manager.exists() for table in tables)


def keys_of(version: ConstitutionVersion, code: str = "VAGUE_WORD") -> list[str]:
    return [finding["key"] for finding in version.findings if finding["code"] == code]


def test_an_import_keeps_the_bytes_and_reads_the_articles():
    by, raw = acts.owner(), b"\xef\xbb\xbf" + acts.raw().replace(b"\n", b"\r\n")
    version = services.import_constitution(raw=raw, by=by, at=NOW)
    first, second = version.principles.all()
    assert bytes(version.raw) == raw
    assert (version.sequence, version.title, version.author) == (1, "Sample Constitution", by)
    assert version.declared_version == "1.0.0"
    assert version.declared_ratified is not None
    assert (first.title, first.level, first.non_negotiable) == (
        "Test-First Development",
        "must",
        True,
    )
    assert (second.title, second.level, second.non_negotiable) == ("Simplicity", "should", False)
    assert kinds() == ["constitution_version.imported"]
    assert list(verify()) == []


def test_the_same_bytes_are_the_same_version_whoever_brings_them():
    first = acts.imported()
    assert acts.imported("Another.").sequence == 2
    assert acts.imported().pk == first.pk
    assert kinds() == ["constitution_version.imported"] * 2


def test_a_text_full_of_placeholders_comes_in_and_says_so():
    version = acts.imported(acts.UNFILLED)
    assert [f["severity"] for f in version.findings if f["code"] == "PLACEHOLDER"] == ["error"]


@pytest.mark.parametrize(
    ("raw", "refusal"),
    [(b"", InvalidInput), (b" \n\t", InvalidInput), (b"#" * (services.MAX_BYTES + 1), TooLarge)],
)
def test_a_refused_import_leaves_nothing_behind(raw, refusal):
    with pytest.raises(refusal):
        services.import_constitution(raw=raw, by=acts.owner(), at=NOW)
    assert nothing_is_there()


@pytest.mark.parametrize("roles", [[], [Role.APPROVER], [Role.AUDITOR], [Role.ADMINISTRATOR]])
def test_only_owners_bring_in_law(roles):
    with pytest.raises(NotPermitted):
        acts.imported(by=UserFactory(roles=roles, is_superuser=True))
    assert nothing_is_there()


def test_a_runner_neither_brings_in_nor_submits_law():
    runner: Any = RunnerFactory()
    with pytest.raises(NotPermitted):
        acts.imported(by=runner)
    version = acts.imported()
    with pytest.raises(NotPermitted):
        services.submit_version(version_id=version.pk, by=runner, at=NOW)
    assert not Review.objects.exists()


def test_an_import_rolls_back_when_the_history_cannot_be_written(monkeypatch):
    break_history(monkeypatch)
    with pytest.raises(DatabaseError):
        acts.imported()
    assert nothing_is_there()


def break_history(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**kwargs: Any) -> None:
        raise DatabaseError("no history")

    monkeypatch.setattr(services, "append", fail)


def test_submitting_asks_those_who_ratify_and_excludes_author_and_submitter():
    author, submitter = acts.owner(), acts.owner()
    version = acts.imported(by=author)
    review = services.submit_version(version_id=version.pk, by=submitter, at=NOW)
    ask = Ask.objects.open().get()
    assert (review.kind, review.version_sha256, review.constitution_sha256) == (
        "amendment",
        version.sha256,
        "",
    )
    assert set(review.excluded) == set(ask.excluded) == {author.pk, submitter.pk}
    assert (ask.kind, ask.fingerprint) == ("amendment", version.sha256)
    assert ask.path == f"/constitution/versions/{version.sequence}/"
    assert kinds()[-1] == "constitution_version.submitted"


def test_placeholders_stop_it_before_anybody_is_asked():
    version = acts.imported(acts.UNFILLED)
    with pytest.raises(Conflict) as refused:
        services.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    assert refused.value.code == "blocked"
    assert "Line 6" in refused.value.sentence
    assert not Review.objects.exists()
    assert not Ask.objects.exists()


def test_what_is_in_review_is_not_submitted_again():
    version = acts.submitted()
    with pytest.raises(Conflict) as refused:
        services.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    assert refused.value.code == "in_review"
    assert Review.objects.count() == 1


@pytest.mark.parametrize("verdict", ["reject", "request_changes"])
def test_what_was_turned_down_comes_back_only_as_another_text(verdict):
    version = acts.submitted()
    acts.vote(version, acts.approver(), verdict, comment="Too short.")
    with pytest.raises(Conflict) as refused:
        services.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    assert refused.value.code == "settled"
    assert services.current() is None


def test_submitting_rolls_back_when_the_history_cannot_be_written(monkeypatch):
    version = acts.imported()
    break_history(monkeypatch)
    with pytest.raises(DatabaseError):
        services.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    assert not Review.objects.exists()
    assert not Ask.objects.exists()


def test_an_approval_by_somebody_else_makes_it_the_law_at_once():
    assert (services.current(), services.current_sha256()) == (None, "")
    version, voter = acts.submitted(), acts.approver()
    review = acts.vote(version, voter, method="mail_link")
    law = services.current()
    ratification = Ratification.objects.get()
    assert law == version
    assert services.current_sha256() == version.sha256
    assert (ratification.review, ratification.at) == (review, NOW)
    assert [vote.voter for vote in services.ratifiers(ratification)] == [voter]
    assert not Ask.objects.open().exists()
    assert kinds()[-1] == "constitution.ratified"
    assert list(verify()) == []


def test_the_same_approval_again_ratifies_once():
    version, voter = acts.submitted(), acts.approver()
    acts.vote(version, voter)
    assert acts.vote(version, voter).status == "approved"
    assert Ratification.objects.count() == 1
    assert kinds().count("constitution.ratified") == 1


def test_with_two_votes_asked_for_the_first_ratifies_nothing():
    Policy.objects.filter(kind="amendment").update(required_votes=2)
    version = acts.submitted()
    acts.vote(version, acts.approver())
    assert services.current() is None
    acts.vote(version, acts.approver())
    assert services.current() == version


@pytest.mark.parametrize("superuser", [False, True])
def test_the_author_does_not_ratify_superuser_or_not(superuser):
    author = UserFactory(roles=[Role.OWNER, Role.APPROVER], is_superuser=superuser)
    version = acts.submitted(by=author)
    with pytest.raises(NotPermitted) as refused:
        acts.vote(version, author)
    assert refused.value.code == "four_eyes"
    assert services.current() is None
    assert not Vote.objects.exists()


def test_who_submits_what_somebody_else_wrote_does_not_ratify_it():
    submitter = UserFactory(roles=[Role.OWNER, Role.APPROVER])
    version = acts.imported()
    services.submit_version(version_id=version.pk, by=submitter, at=NOW)
    with pytest.raises(NotPermitted):
        acts.vote(version, submitter)
    assert services.current() is None


def test_a_runner_does_not_ratify():
    version = acts.submitted()
    with pytest.raises(NotPermitted) as refused:
        acts.vote(version, RunnerFactory())
    assert refused.value.code == "people_only"
    assert not Vote.objects.exists()


def test_another_text_than_the_one_seen_is_not_ratified():
    version = acts.submitted()
    with pytest.raises(Conflict) as refused:
        acts.vote(version, acts.approver(), seen_sha256="0" * 64)
    assert refused.value.code == "changed_since_seen"
    assert services.current() is None


def test_a_draft_is_not_voted_on():
    version = acts.imported()
    with pytest.raises(Conflict) as refused:
        acts.vote(version, acts.approver())
    assert refused.value.code == "draft"


def test_there_is_nothing_to_do_with_a_version_that_is_not_there():
    with pytest.raises(NotThere):
        services.submit_version(version_id=1, by=acts.owner(), at=NOW)


def test_a_vote_and_its_ratification_roll_back_together(monkeypatch):
    version = acts.submitted()
    break_history(monkeypatch)
    with pytest.raises(DatabaseError):
        acts.vote(version, acts.approver())
    review = latest_review(version.subject)
    assert review is not None
    assert review.status == "in_review"
    assert not Vote.objects.exists()
    assert not Ratification.objects.exists()
    assert Ask.objects.open().exists()


def test_vague_words_are_acknowledged_one_by_one_before_it_becomes_law():
    version, voter = acts.submitted(acts.VAGUE), acts.approver()
    keys = keys_of(version)
    assert len(keys) == 2
    for waiting, key in zip((2, 1), keys, strict=True):
        with pytest.raises(Conflict) as refused:
            acts.vote(version, voter)
        assert refused.value.code == "unacknowledged"
        assert refused.value.sentence.startswith(f"{waiting} vague word")
        services.acknowledge(version_id=version.pk, finding_key=key, by=voter, at=NOW)
    assert services.current() is None
    acts.vote(version, voter)
    assert services.current() == version
    assert kinds().count("constitution_version.acknowledged") == 2


def test_vague_words_do_not_stand_in_the_way_of_a_rejection():
    version = acts.submitted(acts.VAGUE)
    assert acts.vote(version, acts.approver(), "reject", comment="Vague.").status == "rejected"


def test_acknowledging_again_changes_nothing():
    version, first, second = acts.submitted(acts.VAGUE), acts.approver(), acts.approver()
    key = keys_of(version)[0]
    services.acknowledge(version_id=version.pk, finding_key=key, by=first, at=NOW)
    services.acknowledge(version_id=version.pk, finding_key=key, by=second, at=NOW)
    assert Acknowledgement.objects.get().user == first


def test_the_author_acknowledges_nothing():
    author = UserFactory(roles=[Role.OWNER, Role.APPROVER], is_superuser=True)
    version = acts.submitted(acts.VAGUE, by=author)
    for by in (author, acts.owner(), RunnerFactory()):
        with pytest.raises(NotPermitted):
            services.acknowledge(
                version_id=version.pk, finding_key=keys_of(version)[0], by=by, at=NOW
            )
    assert not Acknowledgement.objects.exists()


def test_only_vague_words_can_be_acknowledged():
    version, voter = acts.imported(acts.UNFILLED), acts.approver()
    with pytest.raises(Conflict):
        services.acknowledge(
            version_id=version.pk, finding_key=keys_of(version, "PLACEHOLDER")[0], by=voter, at=NOW
        )
    with pytest.raises(NotThere):
        services.acknowledge(version_id=version.pk, finding_key="unknown", by=voter, at=NOW)
    assert not Acknowledgement.objects.exists()


def test_an_acknowledgement_rolls_back_when_the_history_cannot_be_written(monkeypatch):
    version = acts.submitted(acts.VAGUE)
    break_history(monkeypatch)
    with pytest.raises(DatabaseError):
        services.acknowledge(
            version_id=version.pk, finding_key=keys_of(version)[0], by=acts.approver(), at=NOW
        )
    assert not Acknowledgement.objects.exists()


def test_an_amendment_replaces_the_law_and_an_older_text_can_return():
    first = acts.ratified()
    second = acts.ratified("It names its tests.")
    assert services.current() == second
    services.submit_version(version_id=first.pk, by=acts.owner(), at=NOW)
    acts.vote(first, acts.approver())
    assert services.current() == first
    assert Ratification.objects.count() == 3


def test_the_law_in_force_is_not_submitted_again():
    version = acts.ratified()
    with pytest.raises(Conflict) as refused:
        services.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    assert refused.value.code == "in_force"


def test_an_approval_under_an_older_law_counts_for_nothing_until_submitted_again():
    waiting, by = acts.submitted("It waits."), acts.owner()
    law = acts.ratified()
    with pytest.raises(Conflict) as refused:
        acts.vote(waiting, acts.approver())
    assert refused.value.code == "law_changed"
    again = acts.submit(waiting, by=by)
    assert again.constitution_sha256 == law.sha256
    assert [review.status for review in Review.objects.filter(subject=waiting.subject)] == [
        "in_review",
        "withdrawn",
    ]
    acts.vote(waiting, acts.approver())
    assert services.current() == waiting


def test_of_two_approvers_at_once_one_ratifies():
    version, first, second = acts.submitted(), acts.approver(), acts.approver()
    together = Barrier(2)

    def run(voter: Any) -> str:
        together.wait()
        try:
            return acts.vote(version, voter).status
        except Refusal as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        results = sorted(pool.map(run, (first, second)))
    assert results == ["approved", "closed"]
    assert Ratification.objects.count() == Vote.objects.count() == 1
    assert list(verify()) == []


def test_the_same_file_eight_times_at_once_is_one_version():
    by, together = acts.owner(), Barrier(8)

    def run(_: int) -> int:
        together.wait()
        try:
            return acts.imported(by=by).pk
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(run, range(8)))) == 1
    assert ConstitutionVersion.objects.count() == 1


def test_law_is_neither_rewritten_nor_removed():
    acts.ratified()
    for model in (ConstitutionVersion, Principle, Ratification):
        with pytest.raises(DatabaseError), transaction.atomic():
            model._default_manager.update(id=99)
        with pytest.raises(DatabaseError), transaction.atomic():
            model._default_manager.all()._raw_delete("default")


def test_versions_are_listed_with_their_state_in_one_query(django_assert_num_queries):
    acts.ratified()
    acts.submitted("In review.")
    acts.imported("A draft.")
    with django_assert_num_queries(1):
        rows = [(v.sequence, v.status, bool(v.ratified_at), str(v.author)) for v in listed()]
    assert [row[:3] for row in rows] == [
        (3, "draft", False),
        (2, "in_review", False),
        (1, "approved", True),
    ]


def listed() -> Any:
    return services.versions()


CORPUS = acts.SHARED / "corpus"
TEMPLATES = sorted(CORPUS.glob("**/constitution-template.md"))
FILLED = sorted(CORPUS.glob("**/memory/constitution.md")) + sorted(
    CORPUS.glob("**/spec/constitution.md")
)
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the shared corpus is not here")


def corpus_id(path: Path) -> str:
    return str(path.relative_to(CORPUS))


@needs_corpus
@pytest.mark.parametrize("path", TEMPLATES, ids=corpus_id)
def test_the_templates_of_the_corpus_are_refused(path):
    version = services.import_constitution(raw=path.read_bytes(), by=acts.owner(), at=NOW)
    with pytest.raises(Conflict) as refused:
        services.submit_version(version_id=version.pk, by=acts.owner(), at=NOW)
    assert refused.value.code == "blocked"
    assert "not filled in" in refused.value.sentence


@needs_corpus
@pytest.mark.parametrize("path", FILLED, ids=corpus_id)
def test_the_filled_constitutions_of_the_corpus_become_law(path):
    by, voter = acts.owner(), acts.approver()
    version = services.import_constitution(raw=path.read_bytes(), by=by, at=NOW)
    services.submit_version(version_id=version.pk, by=by, at=NOW)
    for key in keys_of(version):
        services.acknowledge(version_id=version.pk, finding_key=key, by=voter, at=NOW)
    acts.vote(version, voter)
    assert services.current() == version
    assert version.principles.count() > 0


def test_the_command_brings_in_a_file_once(tmp_path, capsys):
    by, file = acts.owner(), tmp_path / "law.md"
    file.write_bytes(acts.raw(acts.UNFILLED))
    call_command("import_constitution", str(file), "--author", by.email.upper())
    call_command("import_constitution", str(file), "--author", by.email)
    said = capsys.readouterr().out
    assert "error: line 6: [PRINCIPLE_2_DESCRIPTION] is not filled in." in said
    assert "brought in as version 1" in said
    assert "is here already as version 1" in said
    assert ConstitutionVersion.objects.get().author == by


def test_the_command_refuses_strangers_and_missing_files_in_a_sentence(tmp_path):
    auditor, file = UserFactory(roles=[Role.AUDITOR]), tmp_path / "law.md"
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("import_constitution", str(file), "--author", auditor.email)
    file.write_bytes(acts.raw())
    with pytest.raises(CommandError, match="Nobody here"):
        call_command("import_constitution", str(file), "--author", "nobody@example.org")
    with pytest.raises(CommandError, match="role owner"):
        call_command("import_constitution", str(file), "--author", auditor.email)
    assert not ConstitutionVersion.objects.exists()
    assert kinds("refusals") == ["refused"]
