"""The commands: definitions from files, and the sample that a new portal starts with."""

from io import StringIO

import pytest
from allauth.account.models import EmailAddress
from django.core.management import CommandError, call_command

from agents.models import AgentVersion, Release
from agents.resolving import resolve
from agents.standing import with_status
from governance.asking.models import Ask
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.constitution.services import current
from governance.people.api.authentication import runner_key
from governance.people.models import Role, Runner, RunnerKey, User
from tests.agents import acts
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)


def told(command: str, *args: str) -> str:
    out = StringIO()
    call_command(command, *args, stdout=out, stderr=StringIO())
    return out.getvalue()


def import_folder(path: object) -> str:
    author = User.objects.filter(email="olga@example.org").first() or User.objects.create_user(
        "olga@example.org", name="Olga", roles=[Role.OWNER]
    )
    return told("import_agents", str(path), "--family", "Files", "--author", author.email)


def test_a_folder_comes_in_and_again_changes_nothing(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "one.md").write_bytes(acts.definition("one"))
    (tmp_path / "deep" / "two.md").write_bytes(acts.definition("two"))
    (tmp_path / "notes.txt").write_text("no definition")
    (tmp_path / "linked.md").symlink_to(tmp_path / "one.md")
    assert import_folder(tmp_path).endswith("2 files: 2 new, 0 unchanged, 0 refused.\n")
    assert import_folder(tmp_path).endswith("2 files: 0 new, 2 unchanged, 0 refused.\n")
    assert AgentVersion.objects.count() == 2


def test_a_refused_file_holds_up_no_other_and_fails_the_command(tmp_path):
    (tmp_path / "a.md").write_bytes(b"")
    (tmp_path / "b.md").write_bytes(acts.definition("b"))
    with pytest.raises(CommandError):
        import_folder(tmp_path)
    assert AgentVersion.objects.get().agent.slug == "b"


def test_an_unknown_path_or_author_is_an_error(tmp_path):
    with pytest.raises(CommandError):
        import_folder(tmp_path / "absent")
    with pytest.raises(CommandError):
        told("import_agents", str(tmp_path), "--family", "F", "--author", "nobody@example.org")


def test_the_sample_tells_the_story(tmp_path, monkeypatch):
    key_file = tmp_path / "key"
    monkeypatch.setenv("SAMPLE_KEY_PATH", str(key_file))
    out = told("load_sample", "--if-empty")
    plain = key_file.read_text().strip()
    assert key_file.stat().st_mode & 0o777 == 0o600
    assert plain in out
    assert current() is not None
    released = Release.objects.values_list("version__agent__slug", "environment__slug")
    assert set(released) == {("stuck", "production"), ("python-backend", "production")}
    statuses = [v.status for v in with_status(AgentVersion.objects.all())]
    assert statuses.count("approved") == 2
    assert statuses.count("in_review") == 1
    assert statuses.count("draft") == len(statuses) - 3 >= 4
    assert Ask.objects.open().count() == 1
    assert list(verify()) == []


def test_nobody_of_the_sample_approved_their_own_text():
    told("load_sample", "--if-empty")
    authors = {f"user:{user.pk}" for user in User.objects.with_role(Role.OWNER)}
    voters = set(AuditEvent.objects.filter(kind="review.voted").values_list("actor", flat=True))
    assert voters
    assert not voters & authors


def test_the_printed_passwords_and_the_key_work():
    out = told("load_sample", "--if-empty")
    people = {user.email: user for user in User.objects.all()}
    assert len(people) == 5
    for email, user in people.items():
        password = next(line for line in out.splitlines() if email in line).split()[-1]
        assert user.check_password(password)
        assert EmailAddress.objects.get(user=user).verified
    line = next(line for line in out.splitlines() if "sample-runner" in line)
    key = runner_key(line.split()[-1], at=RunnerKey.objects.get().created_at)
    assert key is not None
    assert (
        resolve(slug="stuck", environment="production", principal=Runner.objects.get(), at=NOW).raw
        == (acts.SAMPLE / "stuck.md").read_bytes()
    )


def test_a_second_load_changes_nothing():
    told("load_sample", "--if-empty")
    events = AuditEvent.objects.count()
    assert told("load_sample", "--if-empty") == ""
    with pytest.raises(CommandError):
        told("load_sample")
    assert AuditEvent.objects.count() == events
