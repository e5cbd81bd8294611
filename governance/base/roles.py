"""Two database roles: the owner migrates, the application only works.

``DATABASE_URL`` is the application's role, ``MIGRATION_DATABASE_URL`` the owner's.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

SIGNED_IN_AS = ("USER", "PASSWORD", "HOST", "PORT")


@contextmanager
def as_owner() -> Iterator[None]:
    """Use the owner's role on the default connection, then go back to the application's."""
    before = {key: connection.settings_dict[key] for key in SIGNED_IN_AS}
    pool = connection.settings_dict["OPTIONS"].pop("pool", None)
    connection.close()
    connection.settings_dict.update({key: settings.MIGRATION_DATABASE[key] for key in SIGNED_IN_AS})
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(before)
        if pool is not None:
            connection.settings_dict["OPTIONS"]["pool"] = pool


def application_role() -> str:
    """The name of the application's database role."""
    return str(settings.APPLICATION_ROLE)
