from datetime import timedelta

import pytest

from governance.audit.models import AuditEvent
from governance.base.errors import InvalidInput, NotPermitted
from governance.people import services
from governance.people.api.authentication import runner_key
from governance.people.models import Role, Runner, RunnerKey, User
from governance.people.permissions import ROLES, Permission, has
from tests.factories import PASSWORD, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def owner():
    return UserFactory(roles=[Role.OWNER])


@pytest.fixture
def runner(owner):
    return RunnerFactory(owner=owner)


def test_a_key_opens_what_it_says_and_its_text_is_not_stored(owner, runner, now):
    key, plain = services.issue_key(runner_id=runner.pk, by=owner, at=now)
    assert plain.startswith(f"gp_{key.prefix}_")
    assert runner_key(plain, at=now) == key
    stored = RunnerKey.objects.values().get(pk=key.pk)
    assert not any(plain in str(value) for value in stored.values())


def test_an_expired_revoked_or_mangled_key_opens_nothing(owner, runner, now):
    key, plain = services.issue_key(runner_id=runner.pk, by=owner, at=now)
    assert runner_key(plain, at=now + services.KEY_LIFETIME) is None
    assert runner_key(plain[:-1], at=now) is None
    assert runner_key("gp_x", at=now) is None
    services.revoke_key(key_id=key.pk, by=owner, at=now)
    assert runner_key(plain, at=now) is None


@pytest.mark.parametrize("who", ["runner", "owner"])
def test_a_key_of_a_disabled_runner_or_owner_opens_nothing(owner, runner, now, who):
    _, plain = services.issue_key(runner_id=runner.pk, by=owner, at=now)
    disabled = runner if who == "runner" else owner
    disabled.is_active = False
    disabled.save()
    assert runner_key(plain, at=now) is None


def test_an_approver_may_not_issue_keys_and_nothing_is_left_behind(runner, now):
    with pytest.raises(NotPermitted, match="role owner or administrator"):
        services.issue_key(runner_id=runner.pk, by=UserFactory(roles=[Role.APPROVER]), at=now)
    assert not RunnerKey.objects.exists()
    assert not AuditEvent.objects.exists()


@pytest.mark.parametrize("days", [0, -1, 367])
def test_a_key_lives_a_bounded_time(owner, runner, now, days):
    with pytest.raises(InvalidInput):
        services.issue_key(runner_id=runner.pk, by=owner, at=now, lifetime=timedelta(days=days))


def test_a_key_is_not_issued_if_the_history_cannot_be_written(owner, runner, now, monkeypatch):
    def broken(**_):
        raise OSError("disk full")

    monkeypatch.setattr(services, "append", broken)
    with pytest.raises(OSError, match="disk full"):
        services.issue_key(runner_id=runner.pk, by=owner, at=now)
    assert not RunnerKey.objects.exists()


def test_nobody_changes_their_own_roles(now):
    admin = UserFactory(roles=[Role.ADMINISTRATOR])
    with pytest.raises(NotPermitted, match="your own roles"):
        services.set_roles(user_id=admin.pk, roles=["approver"], by=admin, at=now)


def test_a_change_of_roles_is_in_the_history(now):
    admin, ann = UserFactory(roles=[Role.ADMINISTRATOR]), UserFactory(roles=[Role.OWNER])
    services.set_roles(user_id=ann.pk, roles=["approver", "owner"], by=admin, at=now)
    ann.refresh_from_db()
    assert ann.roles == ["approver", "owner"]
    event = AuditEvent.objects.get()
    assert (event.kind, event.actor, event.subject) == (
        "user.roles_changed",
        admin.subject,
        ann.subject,
    )


def test_being_a_superuser_adds_no_permission():
    root = UserFactory(roles=[], is_superuser=True)
    assert not any(has(root, permission) for permission in Permission)


def test_a_runner_and_an_inactive_person_hold_no_permission(runner):
    gone = UserFactory(roles=list(Role.values), is_active=False)
    assert not any(has(who, permission) for who in (runner, gone) for permission in Permission)


def test_an_auditor_changes_nothing():
    assert ROLES[Role.AUDITOR] == {
        Permission.VIEW,
        Permission.READ_HISTORY,
        Permission.OPERATE,
    }


def test_a_runner_acts_only_for_its_agents():
    runner = Runner(agents=["python-backend"])
    assert runner.may_act_for("python-backend")
    assert not runner.may_act_for("stuck")
    assert not Runner(agents=[]).may_act_for("stuck")
    assert Runner(agents=["*"]).may_act_for("stuck")


def test_an_administrator_made_on_the_command_line_is_in_the_history():
    root = User.objects.create_superuser("Root@Example.org", PASSWORD, name="Root")
    event = AuditEvent.objects.get()
    assert (event.kind, event.actor, event.subject) == (
        "user.created",
        "system:command",
        root.subject,
    )
    assert root.email == "root@example.org"
