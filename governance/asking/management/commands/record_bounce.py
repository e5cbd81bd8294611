"""Reads a delivery report that came by mail, such as a mail server's pipe hands over."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from governance.asking.bounces import read_report, record_report
from governance.audit.actors import system
from governance.base.errors import Refusal

LARGEST = 5 * 1024 * 1024


class Command(BaseCommand):
    help = "Note a delivery report (RFC 3464) from standard input: whose mail came back, and why."

    def handle(self, *args: Any, **options: Any) -> None:
        raw = sys.stdin.buffer.read(LARGEST)
        try:
            bounce = record_report(read_report(raw), by=system("command"), at=timezone.now())
        except Refusal as refusal:
            raise CommandError(refusal.sentence) from refusal
        if bounce is None:
            self.stdout.write("The report says that the mail is late or arrived. Nothing changed.")
        elif bounce.is_permanent:
            self.stdout.write(f"user:{bounce.user_id} gets no mail until the address is proved.")
        else:
            self.stdout.write(f"Noted for user:{bounce.user_id}. The address may work again.")
