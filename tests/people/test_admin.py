"""People, teams and runners in the admin: what may be configured, and what stays closed."""

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib import admin
from django.contrib.auth.models import Group

from governance.audit.models import AuditEvent
from governance.people.models import Role, Runner, RunnerKey, Team, User
from tests.factories import RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db
PERSON = {"email": "new@example.org", "name": "New", "roles": ["approver"], "is_active": "on"}
USERS, TEAMS = "/admin/people/user/", "/admin/people/team/"


@pytest.fixture
def anton(client):
    user = UserFactory(roles=[Role.ADMINISTRATOR])
    client.force_login(user)
    return user


def kinds():
    return list(AuditEvent.objects.order_by("pk").values_list("kind", flat=True))


def members(team, *users, known=()):
    """The team's form with these members; ``known`` are memberships to remove."""
    rows = {"membership_set-TOTAL_FORMS": len(users) + len(known)}
    rows["membership_set-INITIAL_FORMS"] = len(known)
    for n, old in enumerate(known):
        rows |= {
            f"membership_set-{n}-id": old.pk,
            f"membership_set-{n}-team": team.pk,
            f"membership_set-{n}-user": old.user_id,
            f"membership_set-{n}-DELETE": "on",
        }
    for n, user in enumerate(users, len(known)):
        rows |= {f"membership_set-{n}-user": user.pk}
    return {"name": "Database", "slug": "database", **rows}


def test_a_new_person_has_the_roles_a_known_address_and_no_password(client, anton):
    new = PERSON | {"email": "New@Example.org", "roles": ["owner"]}
    assert client.post(f"{USERS}add/", new).status_code == 302
    person = User.objects.get(email="new@example.org")
    assert person.roles == ["owner"]
    assert not person.has_usable_password()
    address = EmailAddress.objects.get(user=person)
    assert (address.email, address.verified, address.primary) == (person.email, True, True)
    assert kinds() == ["user.created", "user.roles_changed"]


def test_one_address_is_one_person_whatever_its_capital_letters(client, anton):
    UserFactory(email="new@example.org")
    answer = client.post(f"{USERS}add/", PERSON | {"email": "NEW@example.org"})
    assert answer.status_code == 200
    assert answer.context["adminform"].form.errors


def test_the_roles_of_somebody_else_change_and_that_is_recorded(client, anton):
    person = UserFactory(roles=[Role.APPROVER])
    client.post(f"{USERS}{person.pk}/change/", PERSON | {"roles": ["auditor"]})
    person.refresh_from_db()
    assert person.roles == ["auditor"]
    assert kinds() == ["user.changed", "user.roles_changed"]


def test_nobody_gives_themselves_a_role(client, anton):
    before = anton.name
    answer = client.post(
        f"{USERS}{anton.pk}/change/",
        PERSON | {"roles": ["administrator", "approver"]},
        follow=True,
    )
    assert "Somebody else has to change your own roles" in answer.content.decode()
    anton.refresh_from_db()
    assert (anton.roles, anton.name) == ([Role.ADMINISTRATOR], before)
    assert kinds() == ["refused"]


def test_an_address_is_not_changed_by_somebody_else(client, anton):
    person = UserFactory(roles=[Role.APPROVER])
    before = person.email
    client.post(f"{USERS}{person.pk}/change/", PERSON | {"email": "mine@example.org"})
    person.refresh_from_db()
    assert person.email == before


def test_nobody_is_made_a_superuser_or_given_a_password_here(client, anton):
    person = UserFactory(roles=[Role.APPROVER])
    more = {"is_superuser": "on", "password": "known to the administrator"}
    client.post(f"{USERS}{person.pk}/change/", PERSON | more)
    person.refresh_from_db()
    assert not person.is_superuser
    assert not person.check_password(more["password"])


@pytest.mark.parametrize("role", [None, Role.OWNER, Role.APPROVER, Role.AUDITOR])
def test_others_configure_nobody(client, role):
    client.force_login(UserFactory(roles=[role] if role else [], is_superuser=True))
    person = UserFactory(roles=[])
    assert client.post(f"{USERS}add/", PERSON).status_code == 403
    assert client.post(f"{USERS}{person.pk}/change/", PERSON).status_code == 403
    person.refresh_from_db()
    assert person.roles == []


def test_nothing_is_deleted(client, anton):
    person, team = UserFactory(), Team.objects.create(name="Database", slug="database")
    for address in (f"{USERS}{person.pk}/delete/", f"{TEAMS}{team.pk}/delete/"):
        assert client.post(address, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [person.pk], "post": "yes"}
    client.post(USERS, chosen)
    assert User.objects.filter(pk=person.pk).exists()


@pytest.mark.parametrize("model", [EmailAddress, Authenticator, SocialAccount, Group])
def test_ways_into_other_peoples_accounts_are_not_in_the_admin(model):
    assert not admin.site.is_registered(model)


def test_who_is_in_a_team_is_recorded(client, anton):
    ann, ben = UserFactory(), UserFactory()
    client.post(f"{TEAMS}add/", members(None, ann, ben))
    team = Team.objects.get()
    assert set(team.members.all()) == {ann, ben}
    known = team.membership_set.filter(user=ben)
    client.post(f"{TEAMS}{team.pk}/change/", members(team, known=[*known]))
    assert kinds() == ["team.created", "team.members", "team.changed", "team.members"]
    after = AuditEvent.objects.filter(kind="team.members").latest("pk")
    assert b'"members":[%d]' % ann.pk in bytes(after.body)


def test_runners_and_keys_are_read_here_and_no_digest_is_shown(client, anton):
    runner = RunnerFactory()
    key = RunnerKey.objects.create(
        runner=runner,
        prefix="abcd1234",
        digest="d" * 64,
        scopes=["read"],
        created_at=runner.created_at,
        created_by=runner.owner,
        expires_at=runner.created_at,
    )
    page = client.get(f"/admin/people/runnerkey/{key.pk}/change/")
    assert page.status_code == 200
    assert "d" * 64 not in page.content.decode()
    assert client.post(f"/admin/people/runner/{runner.pk}/change/", {}).status_code == 403
    assert client.post("/admin/people/runner/add/", {}).status_code == 403
    assert Runner.objects.count() == 1
