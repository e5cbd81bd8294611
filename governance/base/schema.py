"""Whether this code and the database fit: code that meets tables it does not know must guess."""

from functools import cache
from pathlib import Path

from django.apps import AppConfig, apps
from django.conf import settings
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

Migration = tuple[str, str]


def misfit() -> str:
    """Why this code must not work on this database, as a sentence; empty where both fit.

    Asks the database each time, in one query: it is migrated while processes run.
    """
    own = known_migrations()
    rows = MigrationRecorder(connection).migration_qs.filter(app__in=_own_labels())
    applied = set(rows.values_list("app", "name"))
    if newer := sorted(applied - own):
        return f"The database is newer than this code: {_named(newer)}. Upgrade this process."
    if missing := sorted(own - applied):
        return f"The database is older than this code: {_named(missing)} not applied. Migrate it."
    return ""


@cache
def known_migrations() -> frozenset[Migration]:
    """The migrations of the portal's own apps that this code has."""
    labels = _own_labels()
    found = MigrationLoader(None, ignore_no_migrations=True).disk_migrations
    return frozenset((app, name) for app, name in found if app in labels)


@cache
def _own_labels() -> frozenset[str]:
    return frozenset(config.label for config in apps.get_app_configs() if _is_own(config))


def _is_own(config: AppConfig) -> bool:
    path = Path(config.path)
    return path.is_relative_to(settings.BASE_DIR) and "site-packages" not in path.parts


def _named(migrations: list[Migration]) -> str:
    first = ".".join(migrations[0])
    return first if len(migrations) == 1 else f"{first} and {len(migrations) - 1} more"
