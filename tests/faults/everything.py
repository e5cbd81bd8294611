"""All that the database holds, to see whether an act or a page left something behind."""

from django.db import connection

# What signing in and looking round leaves: who is signed in where, and when last seen.
OF_SESSIONS = frozenset({"django_session", "usersessions_usersession", "people_user"})


def everything(*without: str) -> dict[str, tuple[int, str]]:
    """Each table with its number of rows and a fingerprint of their contents."""
    tables = [
        name
        for name in connection.introspection.table_names()
        if name not in OF_SESSIONS and name not in without
    ]
    one = "SELECT '{0}', count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {0} t"
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(one.format(name) for name in tables))
        return {name: (count, digest) for name, count, digest in cursor.fetchall()}


def changed(before: dict[str, tuple[int, str]], *without: str) -> list[str]:
    """The tables that hold something else than before."""
    after = everything(*without)
    return sorted(name for name in after if after[name] != before.get(name))
