import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.audit.checkpoints import faults_since
from governance.audit.models import AuditEvent, Stream
from governance.audit.services import Fault, verify
from governance.base.errors import Refusal


class Command(BaseCommand):
    help = "Walks every stream of the history and reports what does not add up."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--checkpoint",
            type=Path,
            help="a file from audit_checkpoint: is all that it held still there?",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        kept: Path | None = options["checkpoint"]
        faults = [*verify(), *(_missing(kept) if kept else ())]
        for fault in faults:
            self.stderr.write(f"{fault.stream}#{fault.number}: {fault.sentence}")
        events, streams = AuditEvent.objects.count(), Stream.objects.count()
        if faults:
            raise CommandError(f"{len(faults)} faults in {events} events of {streams} streams.")
        beside = ", and hold all of the checkpoint" if kept else ""
        self.stdout.write(f"{events} events in {streams} streams verified, no faults{beside}.")


def _missing(kept: Path) -> Iterator[Fault]:
    try:
        yield from faults_since(json.loads(kept.read_text()))
    except (OSError, ValueError, AttributeError) as error:
        raise CommandError(f"{kept} cannot be read as a checkpoint: {error}") from error
    except Refusal as refusal:
        raise CommandError(refusal.sentence) from refusal
