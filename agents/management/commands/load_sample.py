import os
import secrets
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

from allauth.account.models import EmailAddress
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from agents import services
from agents.models import AgentVersion
from agents.releasing import services as releasing
from agents.reviewing import services as reviewing
from governance.audit.actors import system
from governance.audit.services import append
from governance.constitution import services as law
from governance.constitution.standing import unacknowledged
from governance.people.models import Role, User
from governance.people.services import create_runner, issue_key

SAMPLE = Path(__file__).parents[2] / "sample"
CONSTITUTION = "constitution.md"
EXAMPLE_CASES = "escalation-*.md"
FAMILY = "Sample family"
PEOPLE = {
    "owner": ("Olivia Owner", Role.OWNER),
    "approver": ("Adam Approver", Role.APPROVER),
    "second": ("Sofia Second", Role.APPROVER),
    "auditor": ("Aisha Auditor", Role.AUDITOR),
    "administrator": ("Anton Administrator", Role.ADMINISTRATOR),
}
RELEASED = {"stuck": "second", "python-backend": "approver"}
IN_REVIEW = "security-auditor"
METHOD = "command"
# Nothing that is mistaken for something else when it is typed from a screen.
ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"

People = dict[str, User]


class Command(BaseCommand):
    help = "Fills an empty portal: people, a runner, a ratified constitution, a family of agents."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--if-empty", action="store_true", help="do nothing where there are people already"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if User.objects.exists():
            if options["if_empty"]:
                return
            raise CommandError("There are people here already; the sample is for an empty portal.")
        passwords = {name: _password() for name in PEOPLE}
        key = _load(passwords, at=timezone.now())
        _write_key(key)
        self.stdout.write("\n".join(_told(passwords, key)))


@transaction.atomic
def _load(passwords: dict[str, str], *, at: datetime) -> str:
    """Everything or nothing; the plain text of the runner's key."""
    people = {name: _person(name, passwords[name], at) for name in PEOPLE}
    _ratify(people, at)
    versions = {version.agent.slug: version for version in _import(people["owner"], at)}
    for slug, voter in RELEASED.items():
        _release(versions[slug], people, people[voter], at)
    reviewing.submit_version(version_id=versions[IN_REVIEW].pk, by=people["owner"], at=at)
    return _runner(people["owner"], at)


def _person(name: str, password: str, at: datetime) -> User:
    full_name, role = PEOPLE[name]
    user = User.objects.create_user(
        f"{name}@example.org", password, name=full_name, roles=[role.value], date_joined=at
    )
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    append(
        stream=user.subject,
        kind="user.created",
        by=system("load_sample"),
        at=at,
        data={"roles": user.roles},
    )
    return user


def _ratify(people: People, at: datetime) -> None:
    owner, approver = people["owner"], people["approver"]
    version = law.import_constitution(raw=(SAMPLE / CONSTITUTION).read_bytes(), by=owner, at=at)
    law.submit_version(version_id=version.pk, by=owner, at=at)
    for key in unacknowledged(version):
        law.acknowledge(version_id=version.pk, finding_key=key, by=approver, at=at)
    law.vote(
        version_id=version.pk,
        by=approver,
        verdict="approve",
        comment="Every article can be checked.",
        seen_sha256=version.sha256,
        method=METHOD,
        at=at,
    )


def _import(owner: User, at: datetime) -> Iterable[AgentVersion]:
    others = {SAMPLE / CONSTITUTION, *SAMPLE.glob(EXAMPLE_CASES)}
    for path in sorted(SAMPLE.glob("*.md")):
        if path not in others:
            yield services.import_definition(
                raw=path.read_bytes(), filename=path.name, family=FAMILY, by=owner, at=at
            )[0]


def _release(version: AgentVersion, people: People, voter: User, at: datetime) -> None:
    owner = people["owner"]
    reviewing.submit_version(version_id=version.pk, by=owner, at=at)
    reviewing.vote(
        version_id=version.pk,
        by=voter,
        verdict="approve",
        comment="",
        seen_sha256=version.sha256,
        method=METHOD,
        at=at,
    )
    releasing.release(version_id=version.pk, environment="production", by=owner, at=at)


def _runner(owner: User, at: datetime) -> str:
    runner = create_runner(
        name="Sample runner", slug="sample-runner", owner=owner, agents=["*"], by=owner, at=at
    )
    _, plain = issue_key(runner_id=runner.pk, by=owner, at=at)
    return plain


def _password() -> str:
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(4)) for _ in range(4))
    return "-".join(groups)


def _write_key(plain: str) -> None:
    """Where the environment asks for it, keep the key in a file that only its owner reads."""
    path = os.environ.get("SAMPLE_KEY_PATH")
    if path:
        Path(path).unlink(missing_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(plain + "\n")


def _told(passwords: dict[str, str], key: str) -> Iterable[str]:
    yield "The sample is loaded. These passwords and the key are shown only now."
    yield ""
    yield f"  {'Sign in as':<30}{'Role':<16}Password"
    for name, (_, role) in PEOPLE.items():
        yield f"  {name + '@example.org':<30}{role.label:<16}{passwords[name]}"
    yield ""
    yield f"  The key of the runner sample-runner:  {key}"
    yield ""
    yield f"  Portal        {settings.PORTAL_URL}/"
    yield f"  Agents        {settings.PORTAL_URL}/agents/"
    if settings.MAILBOX_PATH:
        yield f"  Sent mail     {settings.PORTAL_URL}/dev/mailbox/"
    yield f"  Admin         {settings.PORTAL_URL}/admin/"
