"""Many files at once: each on its own, nothing twice, nothing lost, and one account of it."""

import zipfile
from io import BytesIO, StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.importing import MAX_BYTES
from agents.intake import services
from agents.intake.archives import Incoming, from_path
from agents.intake.exporting import MANIFEST, export_family
from agents.intake.services import import_many
from agents.models import Agent, AgentVersion, Family, ImportRun
from agents.services import import_definition
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.errors import InvalidInput, NotPermitted
from governance.people.models import Role
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def brought_in(*files: tuple[str, bytes], by=None, family="Shop", **more) -> ImportRun:
    return import_many(
        files=[Incoming(path, raw) for path, raw in files],
        family=family,
        by=by or UserFactory(roles=[Role.OWNER]),
        at=NOW,
        source="page",
        name="files",
        **more,
    )


def results(run: ImportRun) -> list[tuple[str, str]]:
    return [(row["file"], row["result"]) for row in run.results]


def test_each_file_has_a_result_of_its_own():
    one, two = acts.definition("one"), acts.definition("two")
    brought_in(("one.md", one), ("two.md", two))
    run = brought_in(
        ("one.md", one),
        ("two.md", two + b"- NEVER push\n"),
        ("three.md", acts.definition("three")),
        ("empty.md", b" \n"),
        ("big.md", b"x" * (MAX_BYTES + 1)),
    )
    assert results(run) == [
        ("one.md", "unchanged"),
        ("two.md", "changed"),
        ("three.md", "new"),
        ("empty.md", "refused"),
        ("big.md", "refused"),
    ]
    changed = run.results[1]
    assert (changed["agent"], changed["sequence"]) == ("two", 2)
    assert changed["change_class"] == "behaviour"
    assert changed["findings"]["info"] >= 1
    counts = {name: run.counts[name] for name in services.RESULTS}
    assert counts == {"refused": 2, "new": 1, "changed": 1, "unchanged": 1, "skipped": 0}
    assert run.family.name == "Shop"
    assert list(verify()) == []


def test_a_run_is_told_in_the_history_with_its_counts():
    run = brought_in(("one.md", acts.definition("one")))
    event = AuditEvent.objects.get(kind="import.run")
    assert event.subject == f"import:{run.pk}"
    assert b'"new":1' in event.body


def test_unchanged_files_are_not_read_again(monkeypatch):
    file = ("one.md", acts.definition("one"))
    brought_in(file)

    def fail(*args):
        pytest.fail("it was parsed again")

    monkeypatch.setattr(services, "read_definition", fail)
    assert results(brought_in(file)) == [("one.md", "unchanged")]


def test_a_run_that_changes_nothing_costs_the_same_for_few_and_for_many():
    by = UserFactory(roles=[Role.OWNER])
    files = [(f"{number}.md", acts.definition(f"agent-{number}")) for number in range(30)]
    brought_in(*files, by=by)
    costs = []
    for some in (files[:3], files):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            brought_in(*some, by=by)
        costs.append(len(queries))
    assert costs[0] == costs[1]


def test_trap_75_the_same_name_in_two_families_is_refused_and_both_are_named():
    brought_in(("one.md", acts.definition("one")), family="Shop")
    run = brought_in(("one.md", acts.definition("one", "More.\n")), family="Bank")
    (row,) = run.results
    assert (row["result"], row["code"]) == ("refused", "other_family")
    assert "Shop" in row["sentence"]
    assert "Bank" in row["sentence"]
    assert Agent.objects.get().family.name == "Shop"
    assert AuditEvent.objects.filter(kind="refused").count() == 1


def test_trap_75_namesakes_are_kept_apart_where_each_folder_is_a_family():
    files = [("a/one.md", acts.definition("one")), ("b/one.md", acts.definition("one", "More.\n"))]
    run = brought_in(*files, family="root", family_per_folder=True)
    assert [(row["agent"], row["family"]) for row in run.results] == [
        ("one", "root-a"),
        ("one-root-b", "root-b"),
    ]
    kept = AgentVersion.objects.get(agent__slug="one-root-b")
    assert "NAME_TAKEN" in {finding["code"] for finding in kept.findings}
    again = brought_in(*reversed(files), family="root", family_per_folder=True)
    assert {row["result"] for row in again.results} == {"unchanged"}
    changed = brought_in(
        ("b/one.md", acts.definition("one", "Other.\n")), family="root", family_per_folder=True
    )
    assert (changed.results[0]["agent"], changed.results[0]["sequence"]) == ("one-root-b", 2)


def test_a_long_folder_with_half_a_character_is_a_family_like_any_other():
    folder = "\ud800" + "long/" * 18 + "folder"
    file = (f"{folder}/one.md", acts.definition("one"))
    run = brought_in(file, family="", family_per_folder=True)
    assert [row["result"] for row in run.results] == ["new"]
    assert len(Family.objects.get().slug) <= 80


def test_folders_of_one_name_in_two_projects_are_two_families():
    # Found on real files: an agent of the second project became a version of the first one's.
    file = "agents/one.md"
    brought_in((file, acts.definition("one")), family="shop", family_per_folder=True)
    run = brought_in(
        (file, acts.definition("one", "More.\n")), family="bank", family_per_folder=True
    )
    assert run.results[0]["result"] == "new"
    assert run.results[0]["family"] == "bank-agents"
    inside = ("bank/agents/one.md", acts.definition("one", "More.\n"))
    run = brought_in(inside, family="bank", family_per_folder=True)
    assert run.results[0]["family"] == "bank-agents"


def test_an_agent_kept_apart_takes_versions_under_its_own_slug():
    files = [("a/one.md", acts.definition("one")), ("b/one.md", acts.definition("one", "More.\n"))]
    brought_in(*files, family="root", family_per_folder=True)
    version, created = import_definition(
        raw=acts.definition("one", "Newer.\n"),
        filename="one.md",
        family="",
        by=acts.owner(),
        at=NOW,
        slug="one-root-b",
    )
    assert (created, version.agent.slug, version.sequence) == (True, "one-root-b", 2)
    with pytest.raises(InvalidInput, match="names itself two"):
        import_definition(
            raw=acts.definition("two"),
            filename="two.md",
            family="",
            by=acts.owner(),
            at=NOW,
            slug="one-root-b",
        )


def test_trap_75_two_files_of_a_run_that_name_one_agent_do_not_become_two_versions():
    run = brought_in(("a.md", acts.definition("one")), ("b.md", acts.definition("one", "More.\n")))
    assert results(run) == [("a.md", "new"), ("b.md", "refused")]
    assert run.results[1]["code"] == "same_agent_twice"
    assert "a.md and b.md both name the agent one" in run.results[1]["sentence"]
    assert AgentVersion.objects.count() == 1


def test_trap_75_a_name_other_than_the_files_is_a_finding():
    run = brought_in(("other.md", acts.definition("one")))
    assert "NAME_DIFFERS_FROM_FILE" in run.results[0]["codes"]


def test_the_same_bytes_are_told_in_a_run_and_beside_other_agents():
    nameless = b"# Notes\n\nYou write notes.\n"
    run = brought_in(("one.md", nameless), ("two.md", nameless))
    assert results(run) == [("one.md", "new"), ("two.md", "new")]
    assert run.results[1]["notes"] == ["The agent one has exactly the same bytes."]
    later = brought_in(("three.md", nameless))
    assert later.results[0]["notes"] == ["The agent one has exactly the same bytes."]
    found = AgentVersion.objects.get(agent__slug="three").findings
    assert [f["excerpt"] for f in found if f["code"] == "SAME_BYTES"] == ["one"]


def test_a_copy_of_a_file_in_one_run_changes_nothing():
    run = brought_in(("a/one.md", acts.definition("one")), ("b/one.md", acts.definition("one")))
    assert results(run) == [("a/one.md", "new"), ("b/one.md", "unchanged")]
    assert run.results[1]["notes"] == ["The same bytes as a/one.md."]


def test_a_file_that_the_portal_fails_on_holds_up_no_other(monkeypatch):
    read = services.read_definition

    def failing(raw, path):
        if path == "bad.md":
            raise RecursionError
        return read(raw, path)

    monkeypatch.setattr(services, "read_definition", failing)
    run = brought_in(("bad.md", acts.definition("bad")), ("good.md", acts.definition("good")))
    assert results(run) == [("bad.md", "refused"), ("good.md", "new")]


def test_who_may_not_propose_brings_nothing_in():
    with pytest.raises(NotPermitted):
        brought_in(("one.md", acts.definition("one")), by=UserFactory(roles=[Role.APPROVER]))
    assert not ImportRun.objects.exists()


def test_a_runner_brings_in_the_agents_that_it_may_act_for():
    runner = RunnerFactory(agents=["one"])
    run = brought_in(("1.md", acts.definition("one")), ("2.md", acts.definition("two")), by=runner)
    assert results(run) == [("1.md", "new"), ("2.md", "refused")]
    assert run.runner == runner


# The command


def told(path: object, *args: str) -> str:
    out = StringIO()
    call_command("import_agents", str(path), *args, stdout=out, stderr=StringIO())
    return out.getvalue()


def test_a_folder_comes_in_and_again_changes_nothing(tmp_path):
    acts.owner()
    (tmp_path / "deep").mkdir()
    (tmp_path / "one.md").write_bytes(acts.definition("one"))
    (tmp_path / "deep" / "two.md").write_bytes(acts.definition("two"))
    (tmp_path / "notes.txt").write_text("no definition")
    assert "3 files: 0 refused, 2 new, 0 changed, 0 unchanged, 1 skipped." in told(tmp_path)
    assert "3 files: 0 refused, 0 new, 0 changed, 2 unchanged, 1 skipped." in told(tmp_path)
    assert AgentVersion.objects.count() == 2
    assert set(Family.objects.values_list("name", flat=True)) == {
        tmp_path.name,
        f"{tmp_path.name}/deep",
    }


def test_a_refused_file_holds_up_no_other_and_fails_the_command(tmp_path):
    acts.owner()
    (tmp_path / "a.md").write_bytes(b"")
    (tmp_path / "b.md").write_bytes(acts.definition("b"))
    with pytest.raises(CommandError, match="1 files were refused"):
        told(tmp_path, "--family", "Files")
    assert AgentVersion.objects.get().agent.slug == "b"


def test_everything_takes_what_looks_like_no_agent(tmp_path):
    acts.owner()
    (tmp_path / "README.md").write_bytes(b"# Read me\n")
    (tmp_path / "b.md").write_bytes(acts.definition("b"))
    assert "1 new, 0 changed, 0 unchanged, 1 skipped" in told(tmp_path)
    assert "1 new, 0 changed, 1 unchanged, 0 skipped" in told(tmp_path, "--everything")


def test_an_unknown_path_or_author_is_an_error(tmp_path):
    acts.owner()
    with pytest.raises(CommandError, match="There is no file"):
        told(tmp_path / "absent")
    with pytest.raises(CommandError, match="Nobody here"):
        told(tmp_path, "--author", "nobody@example.org")
    acts.owner()
    with pytest.raises(CommandError, match="Name the author"):
        told(tmp_path)


def exported() -> dict[str, bytes]:
    """The files of every family's archive."""
    files: dict[str, bytes] = {}
    for slug in Family.objects.values_list("slug", flat=True):
        with zipfile.ZipFile(BytesIO(export_family(slug, at=NOW))) as archive:
            files |= {name: archive.read(name) for name in archive.namelist() if name != MANIFEST}
    return files


def test_the_whole_corpus_comes_in_and_goes_out_byte_for_byte_and_again_changes_nothing():
    corpus = acts.SHARED / "corpus"
    if not corpus.exists():
        pytest.skip("the shared corpus is absent: set PORTAL_SHARED")
    acts.owner()
    told(corpus)
    first = ImportRun.objects.get()
    wanted = {file.path: file.raw for file in from_path(corpus) if file.raw}
    assert first.counts["refused"] == 0
    assert first.counts["new"] == len(wanted)
    kept = {version.filename: bytes(version.raw) for version in AgentVersion.objects.all()}
    assert kept == wanted
    assert exported() == wanted
    told(corpus)
    second = ImportRun.objects.first()
    assert (second.counts["unchanged"], second.counts["new"]) == (len(wanted), 0)
    assert AgentVersion.objects.count() == len(wanted)
