from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from agents.importing import MAX_BYTES
from agents.services import import_definition
from governance.base.errors import Refusal
from governance.people.models import User
from governance.people.refusals import record
from governance.people.services import actor_of

SUFFIXES = {".md", ".markdown"}


class Command(BaseCommand):
    help = "Brings in agent definitions, a file or a folder of them, as drafts of one family."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path)
        parser.add_argument("--family", required=True, help="the family's name")
        parser.add_argument("--author", required=True, help="the author's email address")

    def handle(self, *args: Any, **options: Any) -> None:
        author = _author(options["author"])
        counts = {"new": 0, "unchanged": 0, "refused": 0}
        for path in _files(options["path"]):
            counts[self._import_one(path, options["family"], author)] += 1
        told = ", ".join(f"{count} {result}" for result, count in counts.items())
        self.stdout.write(f"{sum(counts.values())} files: {told}.")
        if counts["refused"]:
            raise CommandError(f"{counts['refused']} files were refused.")

    def _import_one(self, path: Path, family: str, author: User) -> str:
        try:
            version, created = import_definition(
                raw=_read(path), filename=path.name, family=family, by=author, at=timezone.now()
            )
        except Refusal as refusal:
            record(refusal, by=actor_of(author), where="command import_agents")
            self.stderr.write(f"{path}: refused: {refusal.sentence}")
            return "refused"
        result = "new" if created else "unchanged"
        self.stdout.write(
            f"{path}: {result}: {version.agent.slug} version {version.sequence}, "
            f"{len(version.findings)} findings"
        )
        return result


def _author(email: str) -> User:
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist as error:
        raise CommandError(f"Nobody here has the address {email}.") from error


def _files(path: Path) -> list[Path]:
    """The file itself, or every Markdown file beneath a folder; links are not followed."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CommandError(f"There is no file or folder {path}.")
    found = (file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
    return sorted(file for file in found if file.is_file() and not file.is_symlink())


def _read(path: Path) -> bytes:
    """One byte more than allowed at most: enough to be refused."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}.") from error
