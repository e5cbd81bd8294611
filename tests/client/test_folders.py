"""Pull, check and push against the portal's own code: a folder holds what people approved."""

import json
import os
import subprocess
from datetime import timedelta

import pytest

if "DJANGO_SETTINGS_MODULE" not in os.environ and "DATABASE_URL" not in os.environ:
    pytest.skip("needs the portal's database: python3 dev.py test", allow_module_level=True)

from django.test import Client as Browser
from django.utils import timezone

from agents.models import AgentVersion
from agents.releasing.services import suspend
from agents.reviewing.services import submit_version
from governance.base.errors import NotPermitted
from governance.people.models import Role, Runner
from governance.people.services import issue_key
from stuck import cli, folder, transport
from tests.agents import acts
from tests.factories import RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def runner():
    return RunnerFactory(slug="ci", owner=UserFactory(roles=[Role.OWNER]), agents=["*"])


@pytest.fixture
def portal(runner, monkeypatch):
    """The command line beside the portal: Django's test client instead of a socket."""
    _, key = issue_key(runner_id=runner.pk, by=runner.owner, at=timezone.now())

    def send(address, method, path, *, headers, body, seconds):
        more = {"HTTP_" + name.upper().replace("-", "_"): headers[name] for name in headers}
        kind = headers.get("Content-Type", "application/octet-stream")
        answer = Browser().generic(method, path, body or b"", content_type=kind, **more)
        names = {name.lower(): value for name, value in answer.headers.items()}
        return transport.Reply(answer.status_code, names, answer.content)

    monkeypatch.setattr(transport, "send", send)
    monkeypatch.setenv("GOVERNANCE_URL", "https://portal.example")
    monkeypatch.setenv("GOVERNANCE_KEY", key)
    monkeypatch.delenv("GOVERNANCE_JWKS", raising=False)


@pytest.fixture
def released(portal):
    return acts.put_into_production(at=timezone.now()).version


@pytest.fixture
def stuck(tmp_path, capsys):
    """Run one command on a folder: its exit code, stdout and stderr."""

    def run(command, *more):
        code = cli.main([command, "--dir", str(tmp_path / "agents"), *more])
        return code, *capsys.readouterr()

    run.folder = tmp_path / "agents"
    return run


def change(stuck, more="\n- NEVER deploy on a Friday\n"):
    path = stuck.folder / "worker.md"
    path.write_bytes(path.read_bytes() + more.encode())


# --- pull -----------------------------------------------------------------------------------


def test_pull_writes_the_released_bytes_and_a_lock(released, stuck):
    assert stuck("pull")[0] == 0
    assert (stuck.folder / "worker.md").read_bytes() == bytes(released.raw)
    lock = folder.read_lock(str(stuck.folder))
    assert lock.agents["worker"].sha256 == released.sha256
    assert (lock.runner, lock.environment) == ("ci", "production")


def test_a_second_pull_changes_no_byte(released, stuck):
    stuck("pull")
    before = (stuck.folder / folder.LOCK).read_bytes()
    code, _, told = stuck("pull")
    assert (code, (stuck.folder / folder.LOCK).read_bytes()) == (0, before)
    assert "0 written, 0 removed" in told


def test_pull_keeps_the_name_of_a_file_that_holds_the_bytes_already(released, stuck):
    stuck.folder.mkdir()
    (stuck.folder / "The Worker.md").write_bytes(bytes(released.raw))
    stuck("pull")
    assert sorted(os.listdir(stuck.folder)) == ["The Worker.md", folder.LOCK]


def test_pull_takes_out_what_was_suspended(released, stuck):
    stuck("pull")
    suspend(slug="worker", reason="Misbehaves", by=acts.owner(), at=timezone.now())
    code, _, told = stuck("pull")
    assert (code, os.listdir(stuck.folder)) == (0, [folder.LOCK])
    assert "Misbehaves" in told


def test_pull_overwrites_nothing_that_was_changed_here(released, stuck):
    stuck("pull")
    change(stuck)
    suspend(slug="worker", reason="Misbehaves", by=acts.owner(), at=timezone.now())
    before = {path.name: path.read_bytes() for path in stuck.folder.iterdir()}
    code, _, told = stuck("pull")
    assert code == 15
    assert "worker.md" in told
    assert {path.name: path.read_bytes() for path in stuck.folder.iterdir()} == before
    assert stuck("pull", "--force")[0] == 0


def test_pull_does_not_overwrite_a_file_it_never_wrote(released, stuck):
    stuck.folder.mkdir()
    (stuck.folder / "worker.md").write_text("My own notes.")
    assert stuck("pull")[0] == 15
    assert (stuck.folder / "worker.md").read_text() == "My own notes."


@pytest.mark.parametrize("file", ["../worker.md", "/etc/worker.md", "a/../../b.md", "worker.sh"])
def test_a_lock_from_a_stranger_leads_nowhere_else(released, stuck, file):
    stuck("pull")
    path = stuck.folder / folder.LOCK
    lock = json.loads(path.read_text())
    lock["agents"]["worker"]["file"] = file
    path.write_text(json.dumps(lock))
    before = sorted(stuck.folder.parent.rglob("*"))
    assert stuck("pull", "--force")[0] == 1
    assert sorted(stuck.folder.parent.rglob("*")) == before


def test_a_link_out_of_the_folder_is_refused(released, stuck, tmp_path):
    stuck("pull")
    (tmp_path / "secret.md").write_text("secret")
    (stuck.folder / "link.md").symlink_to(tmp_path / "secret.md")
    assert stuck("push")[0] == 1
    assert not AgentVersion.objects.exclude(pk=released.pk).exists()


# --- check ----------------------------------------------------------------------------------


def test_check_says_that_all_is_approved(released, stuck):
    stuck("pull")
    code, out, told = stuck("check")
    assert (code, out) == (0, "ok   worker.md: released. Version 1 is released.\n")
    assert "All 1 definitions are approved." in told


def test_check_names_a_changed_file_its_class_and_what_changes(released, stuck):
    stuck("pull")
    change(stuck, more="\n- NEVER deploy on a Friday\n")
    code, out, _ = stuck("check", "--format", "json")
    [row] = json.loads(out)
    assert (code, row["state"], row["good"]) == (15, "changed", False)
    assert row["sentence"] == "Not proposed. Behaviour: needs 1 vote."
    assert any("Friday" in one for one in row["changes"])


def test_check_of_a_suspended_agent_fails_the_build(released, stuck):
    stuck("pull")
    suspend(slug="worker", reason="Misbehaves", by=acts.owner(), at=timezone.now())
    code, out, _ = stuck("check")
    assert code == 15
    assert "LOOK worker.md: withdrawn. The portal refused: Suspended: Misbehaves" in out


def test_check_sees_a_file_that_is_missing_and_one_that_is_behind(released, stuck):
    stuck("pull")
    newer = acts.bring_in(released.author, raw=bytes(released.raw) + b"\nMore.\n")
    acts.put_into_production(newer, at=timezone.now())
    assert "LOOK worker.md: behind. Version 2 is released. Pull it." in stuck("check")[1]
    (stuck.folder / "worker.md").unlink()
    assert "LOOK worker.md: missing." in stuck("check")[1]


def test_an_unfamiliar_file_is_no_approved_one(released, stuck):
    stuck("pull")
    (stuck.folder / "rogue.md").write_text("---\nname: rogue\n---\nDo it all.\n")
    (stuck.folder / "README.md").write_text("Notes.")
    code, out, _ = stuck("check")
    assert code == 15
    assert "LOOK rogue.md: changed." in out
    assert "README" not in out


def test_accept_says_how_far_a_change_must_have_come(released, stuck):
    stuck("pull")
    change(stuck)
    stuck("push")
    assert stuck("check", "--accept", "approved")[0] == 15
    assert stuck("check", "--accept", "proposed")[0] == 0
    acts.approve(AgentVersion.objects.latest("id"), at=timezone.now())
    assert stuck("check", "--accept", "approved")[0] == 0
    assert stuck("check")[0] == 15


def test_the_summary_for_a_pull_request_holds_no_markup_of_the_file(released, stuck):
    stuck("pull")
    change(stuck, more="\n- NEVER click [this](https://evil.example) <img src=x> @everyone\n")
    out = stuck("check", "--format", "markdown")[1]
    assert out.startswith("### Agent definitions: 1 of 1 need attention\n")
    assert "| worker.md | worker | **changed** |" in out
    assert "\\[this\\](https&#58;//evil.example)" in out
    assert "\\<img" in out
    assert "\\@everyone" in out


def test_check_offline_verifies_the_receipts_of_the_lock(released, stuck, tmp_path, monkeypatch):
    stuck("pull")
    keys = tmp_path / "jwks.json"
    keys.write_bytes(Browser().get("/.well-known/jwks.json").content)
    monkeypatch.setenv("GOVERNANCE_JWKS", str(keys))
    monkeypatch.delenv("GOVERNANCE_KEY")
    assert stuck("check", "--offline")[0] == 0
    change(stuck)
    assert stuck("check", "--offline")[0] == 15
    lock = json.loads((stuck.folder / folder.LOCK).read_text())
    raw = (stuck.folder / "worker.md").read_bytes()
    lock["agents"]["worker"]["sha256"] = folder.sha256_of(raw)
    (stuck.folder / folder.LOCK).write_text(json.dumps(lock))
    code, out, _ = stuck("check", "--offline")
    assert code == 15
    assert "sha256 differs" in out


def test_offline_without_pinned_keys_checks_nothing(released, stuck):
    stuck("pull")
    assert stuck("check", "--offline")[0] == 1


# --- push -----------------------------------------------------------------------------------


def test_push_proposes_what_was_changed_once(released, stuck, runner):
    stuck("pull")
    change(stuck)
    code, _, told = stuck("push")
    made = AgentVersion.objects.latest("id")
    assert (code, made.sequence, made.proposed_by) == (0, 2, runner)
    assert bytes(made.raw) == (stuck.folder / "worker.md").read_bytes()
    assert "https://portal.example/agents/worker/versions/2/" in told
    assert "Nothing to propose." in stuck("push")[2]
    assert AgentVersion.objects.count() == 2


def test_a_new_agent_needs_its_family(released, stuck):
    stuck("pull")
    (stuck.folder / "new.md").write_bytes(acts.definition("newcomer"))
    assert stuck("push", "new.md")[0] == 21
    assert stuck("push", "new.md", "--family", "sample")[0] == 0
    assert AgentVersion.objects.latest("id").agent.slug == "newcomer"


@pytest.fixture
def repository(released, stuck, monkeypatch):
    """A git repository around the folder, with a commit of somebody whom the portal knows."""
    ada = UserFactory(email="ada@example.com", roles=[Role.OWNER, Role.APPROVER])
    for name in [name for name in os.environ if name.startswith(("GIT_", "GITHUB_", "CI_"))]:
        monkeypatch.delenv(name)
    stuck("pull")
    change(stuck)

    def git(*words):
        subprocess.run(["git", "-C", str(stuck.folder), *words], check=True, capture_output=True)

    git("init", "-b", "fix-friday")
    git("config", "user.email", "ci@example.com")
    git("config", "user.name", "Build")
    git("remote", "add", "origin", "https://user:token@git.example/team/agents.git")
    git("add", ".")
    message = "Forbid Fridays\n\nCo-authored-by: Eve <eve@example.com>"
    git("commit", "-m", message, "--author", "Ada <Ada@Example.com>")
    return ada


def test_push_says_where_a_version_comes_from(repository, stuck):
    eve = UserFactory(email="eve@example.com")
    stuck("push")
    made = AgentVersion.objects.latest("id")
    assert made.provenance["repository"] == "https://git.example/team/agents.git"
    assert made.provenance["branch"] == "fix-friday"
    assert made.provenance["author_name"] == "Ada"
    assert made.provenance["author_email"] == "ada@example.com, eve@example.com"
    assert len(made.provenance["commit"]) == 40
    assert made.co_authors == sorted([repository.pk, eve.pk])


def test_whoever_git_names_as_author_cannot_approve(repository, stuck):
    stuck("push")
    made = AgentVersion.objects.latest("id")
    submit_version(version_id=made.pk, by=acts.owner(), at=timezone.now())
    with pytest.raises(NotPermitted):
        acts.say(made, repository, at=timezone.now())


def test_an_uncommitted_change_is_by_whoever_has_it(repository, stuck):
    change(stuck, more="\n- ALWAYS test\n")
    stuck("push")
    email = AgentVersion.objects.latest("id").provenance["author_email"]
    assert email.startswith("ci@example.com")


def test_the_pull_request_of_a_build_is_told(repository, stuck, monkeypatch):
    monkeypatch.setenv("GITHUB_REF", "refs/pull/7/merge")
    monkeypatch.setenv("GITHUB_REPOSITORY", "team/agents")
    stuck("push")
    made = AgentVersion.objects.latest("id")
    assert made.provenance["pull_request"] == "https://github.com/team/agents/pull/7"


# --- the offline bundle ---------------------------------------------------------------------


@pytest.fixture
def bundle(released, tmp_path, monkeypatch, capsysbinary):
    """A bundle on disk and everything that reading it without the portal needs."""
    path = tmp_path / "bundle.json"
    assert cli.main(["bundle", "--out", str(path)]) == 0
    keys = tmp_path / "jwks.json"
    keys.write_bytes(Browser().get("/.well-known/jwks.json").content)
    monkeypatch.setenv("GOVERNANCE_JWKS", str(keys))
    monkeypatch.setenv("GOVERNANCE_RUNNER", "ci")
    monkeypatch.delenv("GOVERNANCE_KEY")
    capsysbinary.readouterr()
    return path


def offline(path, capsysbinary, *more):
    code = cli.main(["resolve", "worker", "--bundle", str(path), *more])
    return code, *capsysbinary.readouterr()


def test_a_bundle_serves_the_approved_bytes_without_the_portal(
    bundle, released, capsysbinary, monkeypatch
):
    monkeypatch.setattr(transport, "send", None)
    code, out, _ = offline(bundle, capsysbinary)
    assert (code, out) == (0, bytes(released.raw))


def test_an_expired_bundle_is_refused(bundle, capsysbinary, time_machine):
    time_machine.move_to(timezone.now() + timedelta(hours=25))
    code, out, told = offline(bundle, capsysbinary)
    assert (code, out) == (22, b"")
    assert b"The bundle ended at" in told


def test_a_bundle_that_was_rolled_back_is_refused(
    bundle, released, capsysbinary, monkeypatch, tmp_path
):
    old = bundle.read_bytes()
    suspend(slug="worker", reason="Misbehaves", by=acts.owner(), at=timezone.now())
    _, key = issue_key(
        runner_id=Runner.objects.get(slug="ci").pk,
        by=Runner.objects.get(slug="ci").owner,
        at=timezone.now(),
    )
    monkeypatch.setenv("GOVERNANCE_KEY", key)
    assert cli.main(["bundle", "--out", str(bundle)]) == 0
    code, out, told = offline(bundle, capsysbinary)
    assert (code, out) == (21, b"")
    assert b"worker may not run:" in told
    assert b"Misbehaves" in told
    bundle.write_bytes(old)
    code, out, told = offline(bundle, capsysbinary)
    assert (code, out) == (22, b"")
    assert b"older than one that was used here before" in told


def test_a_bundle_of_another_environment_is_refused(bundle, capsysbinary):
    assert offline(bundle, capsysbinary, "--environment", "staging")[:2] == (22, b"")


def test_a_bundle_of_another_runner_is_refused(bundle, capsysbinary, monkeypatch):
    monkeypatch.setenv("GOVERNANCE_RUNNER", "another")
    assert offline(bundle, capsysbinary)[:2] == (22, b"")


def forged(whole):
    """Every scalar of the bundle, changed one at a time."""

    def walk(value, path):
        if isinstance(value, dict):
            for name in value:
                yield from walk(value[name], [*path, name])
        elif isinstance(value, list):
            for place, one in enumerate(value):
                yield from walk(one, [*path, place])
        else:
            yield path

    for path in walk(whole["bundle"], []):
        copy = json.loads(json.dumps(whole))
        holder = copy["bundle"]
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = f"{holder[path[-1]]}x"
        yield path, copy


def test_no_word_of_a_bundle_can_be_changed(bundle, capsysbinary):
    whole = json.loads(bundle.read_bytes())
    changed = list(forged(whole))
    assert len(changed) > 15
    for path, copy in changed:
        bundle.write_text(json.dumps(copy))
        assert offline(bundle, capsysbinary)[:2] == (22, b""), path
