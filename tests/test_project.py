"""What holds for the project as a whole, whatever is added to it."""

import socket
from pathlib import Path

import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command
from django.db import DatabaseError, connection, models, transaction
from django.urls import get_resolver

from agents import standing
from escalations import models as cases
from escalations import pages
from governance.base.roles import application_role, as_owner
from governance.review import models as review

OURS = [
    model
    for model in apps.get_models()
    if model.__module__.split(".")[0] in {"governance", "agents", "escalations"}
]
# A question may find a policy that nobody saved in the admin: its version has a moment only.
OF_NOBODY = {("PolicyVersion", "saved_by")}
# Written once, never changed: whoever asks, the application's role or the owner.
APPEND_ONLY = {
    "agents_permituse",
    "asking_bounce",
    "asking_comment",
    "asking_policyversion",
    "agents_agentversion",
    "agents_batch",
    "agents_batchitem",
    "agents_coordination",
    "agents_importrun",
    "agents_judgement",
    "agents_opened",
    "agents_principleclaim",
    "agents_qualitystandard",
    "agents_release",
    "agents_reviewbasis",
    "agents_rule",
    "agents_trigger",
    "agents_workflowstep",
    "audit_auditevent",
    "constitution_acknowledgement",
    "constitution_amendment",
    "constitution_constitutionversion",
    "constitution_principle",
    "constitution_ratification",
    "escalations_ballot",
    "escalations_decision",
    "escalations_message",
    "escalations_option",
    "escalations_outcome",
    "review_vote",
}
PROTECTED = """
SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger
JOIN pg_proc ON pg_proc.oid = tgfoid WHERE proname = 'portal_refuse_change'
"""
OWNED = """
SELECT relname FROM pg_class JOIN pg_roles ON pg_roles.oid = relowner
WHERE rolname = %s AND relnamespace NOT IN (SELECT oid FROM pg_namespace WHERE nspname ~ '^pg_')
"""
RIGHTS = "SELECT has_table_privilege(%s, %s, %s)"


def rows(query, *parameters):
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


@pytest.mark.django_db
def test_no_migration_is_missing():
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)


def test_every_migration_has_a_name_that_says_what_it_does():
    unnamed = [
        path.name
        for app in ("governance", "agents", "escalations")
        for path in Path(settings.BASE_DIR, app).rglob("migrations/[0-9]*.py")
        if "_auto_" in path.name
    ]
    assert unnamed == []


# --- moments and people ---------------------------------------------------------------------


def pairs():
    """Every ``x_at`` beside an ``x_by``, where one of them may be empty."""
    for model in OURS:
        fields = {field.name: field for field in model._meta.get_fields()}
        for name, by in fields.items():
            at = fields.get(f"{name.removesuffix('_by')}_at")
            if (model.__name__, name) in OF_NOBODY:
                continue
            if name.endswith("_by") and at is not None and (at.null or by.null):
                yield pytest.param(model, at.name, name, id=f"{model.__name__}.{name}")


@pytest.mark.parametrize(("model", "at", "by"), list(pairs()))
def test_a_moment_and_who_acted_then_are_both_there_or_both_missing(model, at, by):
    tied = [
        constraint
        for constraint in model._meta.constraints
        if isinstance(constraint, models.CheckConstraint)
        and {at, by} <= names_in(constraint.condition)
    ]
    assert tied, f"{model.__name__} lets {at} and {by} contradict each other"


def names_in(condition):
    found = set()
    for child in condition.children:
        found |= names_in(child) if isinstance(child, models.Q) else {child[0].split("__")[0]}
    return found


def test_there_are_such_pairs():
    assert len(list(pairs())) >= 2


# --- the two database roles -----------------------------------------------------------------


@pytest.mark.django_db
def test_the_list_of_append_only_tables_is_complete():
    assert {table for (table,) in rows(PROTECTED)} == APPEND_ONLY


@pytest.mark.django_db
@pytest.mark.parametrize("table", sorted(APPEND_ONLY))
def test_what_is_written_once_is_never_changed_by_the_application(table):
    for act in ("UPDATE {} SET id = id", "DELETE FROM {}", "TRUNCATE {}"):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            rows(act.format(table))


@pytest.mark.django_db
@pytest.mark.parametrize("right", ["UPDATE", "DELETE", "TRUNCATE", "TRIGGER"])
def test_the_application_has_no_right_to_change_what_is_written_once(right):
    able = [table for table in APPEND_ONLY if rows(RIGHTS, application_role(), table, right)[0][0]]
    assert able == []


@pytest.mark.django_db(transaction=True)
def test_not_even_the_owner_changes_the_history_by_mistake():
    with as_owner():
        for act in ("TRUNCATE audit_auditevent CASCADE", "TRUNCATE review_vote"):
            with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
                rows(act)


@pytest.mark.django_db
def test_the_application_works_as_its_own_role_and_owns_nothing():
    assert rows("SELECT current_user")[0][0] == application_role()
    assert rows(OWNED, application_role()) == []
    assert rows(
        "SELECT rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls FROM pg_roles"
        " WHERE rolname = current_user"
    ) == [(False,)]


@pytest.mark.django_db
def test_the_application_makes_no_tables():
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        rows("CREATE TABLE intruder (id int)")


# --- pages ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statuses", "tones"),
    [
        (cases.Status, cases.TONES),
        (cases.Verdict, cases.VERDICT_TONES),
        (cases.Result, pages.OUTCOME_TONES),
        (review.ReviewStatus, review.TONES),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_every_status_has_a_tone_that_the_design_knows(statuses, tones):
    assert set(tones) == set(statuses)
    sheets = "".join(path.read_text() for path in Path(settings.BASE_DIR, "static").rglob("*.css"))
    assert all(f'[data-tone="{tone}"]' in sheets for tone in set(tones.values()) - {"neutral"})


def test_every_standing_of_a_version_has_a_tone_and_a_label():
    assert set(standing.STANDING_TONES) == set(standing.LABELS)


# --- dependencies and the net ---------------------------------------------------------------


def test_no_address_is_named_twice():
    names = [name for name in get_resolver().reverse_dict if isinstance(name, str)]
    assert len(names) == len(set(names))


def test_tests_reach_this_machine_only():
    with socket.socket() as far, pytest.raises(pytest.fail.Exception, match="only loopback"):
        far.connect(("192.0.2.1", 80))
    with socket.socket() as named, pytest.raises(pytest.fail.Exception, match="only loopback"):
        named.connect_ex(("portal.example.org", 443))
