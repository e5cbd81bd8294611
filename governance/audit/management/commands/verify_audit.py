from typing import Any

from django.core.management.base import BaseCommand, CommandError

from governance.audit.models import AuditEvent, Stream
from governance.audit.services import verify


class Command(BaseCommand):
    help = "Walks every stream of the history and reports what does not add up."

    def handle(self, *args: Any, **options: Any) -> None:
        faults = list(verify())
        for fault in faults:
            self.stderr.write(f"{fault.stream}#{fault.number}: {fault.sentence}")
        events, streams = AuditEvent.objects.count(), Stream.objects.count()
        if faults:
            raise CommandError(f"{len(faults)} faults in {events} events of {streams} streams.")
        self.stdout.write(f"{events} events in {streams} streams verified, no faults.")
