from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from governance.base.errors import Refusal
from governance.base.findings import Severity
from governance.constitution.services import import_constitution
from governance.people.models import User
from governance.people.refusals import record
from governance.people.services import actor_of


class Command(BaseCommand):
    help = "Brings in a constitution from a Markdown file, as a draft, and prints what it noticed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path)
        parser.add_argument("--author", required=True, help="the author's email address")

    def handle(self, *args: Any, **options: Any) -> None:
        author = _author(options["author"])
        at = timezone.now()
        try:
            version = import_constitution(raw=_read(options["path"]), by=author, at=at)
        except Refusal as refusal:
            record(refusal, by=actor_of(author), where="command import_constitution")
            raise CommandError(refusal.sentence) from refusal
        for finding in version.findings:
            where = f"line {finding['line']}: " if finding["line"] else ""
            self.stdout.write(f"{finding['severity']}: {where}{finding['message']}")
        state = "brought in as" if version.created_at == at else "is here already as"
        errors = sum(finding["severity"] == Severity.ERROR for finding in version.findings)
        self.stdout.write(
            f"{version.title} {state} version {version.sequence}, sha256 {version.sha256}, "
            f"{len(version.findings)} findings, {errors} of them block its ratification."
        )


def _author(email: str) -> User:
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist as error:
        raise CommandError(f"Nobody here has the address {email}.") from error


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
