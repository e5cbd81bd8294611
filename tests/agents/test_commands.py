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
