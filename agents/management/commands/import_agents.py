from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from agents.intake.archives import from_path
from agents.intake.services import REFUSED, RESULTS, SKIPPED, import_many
from agents.models import ImportRun
from governance.base.errors import Refusal
from governance.people.models import User
from governance.people.permissions import Permission, has

MOST_CODES = 12


class Command(BaseCommand):
    help = (
        "Brings in agent definitions as drafts: a file, a zip, or a folder with all beneath it. "
        "Without --family each folder is a family of its own, and agents of the same name are "
        "kept apart."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", type=Path)
        families = parser.add_mutually_exclusive_group()
        families.add_argument("--family", default="", help="one family for all of them")
        families.add_argument(
            "--family-per-folder",
            action="store_true",
            help="each folder is a family of its own; so it is without --family too",
        )
        parser.add_argument(
            "--everything",
            action="store_true",
            help="also what looks like no agent: skills, commands, rules, documents",
        )
        parser.add_argument(
            "--author",
            default="",
            help="the author's email address; needed where several people may propose",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        author, path = _author(options["author"]), options["path"]
        if not path.exists():
            raise CommandError(f"There is no file or folder {path}.")
        try:
            run = import_many(
                files=from_path(path, everything=options["everything"]),
                family=options["family"] or path.resolve().stem,
                by=author,
                at=timezone.now(),
                source="command",
                name=path.name or str(path),
                family_per_folder=not options["family"],
            )
        except (Refusal, OSError) as refusal:
            raise CommandError(f"{path}: {refusal}") from refusal
        self._tell(run, verbosity=options["verbosity"])
        if run.counts[REFUSED]:
            raise CommandError(f"{run.counts[REFUSED]} files were refused.")

    def _tell(self, run: ImportRun, *, verbosity: int) -> None:
        for row in run.results:
            if row["result"] == REFUSED:
                self.stderr.write(f"{row['file']}: refused: {row['sentence']}")
            elif row["result"] == SKIPPED:
                if verbosity > 1:
                    self.stdout.write(f"{row['file']}: skipped: {row['sentence']}")
            elif verbosity > 1 or row["result"] != "unchanged":
                self.stdout.write(f"{row['file']}: {row['result']}: {_about(row)}")
        findings, codes = run.counts["findings"], run.counts["codes"]
        by_severity = ", ".join(f"{count} {severity}" for severity, count in findings.items())
        self.stdout.write(f"Findings: {by_severity}.")
        for code, count in list(codes.items())[:MOST_CODES]:
            self.stdout.write(f"  {code}: in {count} files")
        told = ", ".join(f"{run.counts[result]} {result}" for result in RESULTS)
        self.stdout.write(f"{len(run.results)} files: {told}. See /imports/{run.pk}/.")


def _about(row: dict[str, Any]) -> str:
    """The agent and version, and how many findings it has."""
    found = sum(row.get("findings", {}).values())
    return f"{row['agent']} version {row.get('sequence', '')}, {found} findings"


def _author(email: str) -> User:
    if not email:
        return _only_author()
    try:
        return User.objects.get_by_natural_key(email)
    except User.DoesNotExist as error:
        raise CommandError(f"Nobody here has the address {email}.") from error


def _only_author() -> User:
    """The one person who may propose; where there are several, one must be named."""
    able = [user for user in User.objects.filter(is_active=True) if has(user, Permission.PROPOSE)]
    if len(able) != 1:
        raise CommandError("Name the author with --author EMAIL.")
    return able[0]
