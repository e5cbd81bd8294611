import json
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from governance.audit.checkpoints import take_checkpoint


class Command(BaseCommand):
    help = "Prints the signed heads of the history as JSON. Keep them off this machine."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(json.dumps(take_checkpoint(at=timezone.now()), ensure_ascii=False))
