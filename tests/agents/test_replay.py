"""Every version of the public history, in order, through the services: nothing is refused."""

import csv
from collections import defaultdict
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import transaction

from agents import services
from agents.models import AgentVersion
from governance.people.models import User
from tests.agents import acts
from tests.factories import NOW
from tests.shared import shared


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_the_whole_history_comes_in_version_by_version():
    folder, owner = shared("corpus-history"), acts.owner()
    versions = defaultdict(list)
    with (folder / "INDEX.tsv").open(encoding="utf-8", newline="") as index:
        for row in csv.DictReader(index, delimiter="\t"):
            versions[row["repo"], row["head_path"]].append(row)
    brought = 0
    for rows in versions.values():
        ordered = sorted(rows, key=lambda row: int(row["n"]))
        with transaction.atomic():
            brought += come_in([(row["path"], folder / row["file"]) for row in ordered], owner)
            # Agents of the same name in other repositories come in for themselves.
            transaction.set_rollback(True)
    assert brought == 521


def come_in(files: list[tuple[str, Path]], owner: User) -> int:
    for day, (name, path) in enumerate(files):
        raw = path.read_bytes()
        version, created = services.import_definition(
            raw=raw, filename=name, family="history", by=owner, at=NOW + timedelta(days=day)
        )
        kept = AgentVersion.objects.get(pk=version.pk)
        assert created
        assert bytes(kept.raw) == raw
        assert (kept.change_class == "new") == (kept.base is None)
    return len(files)
