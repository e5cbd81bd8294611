"""A policy in the admin: what each field takes, what is refused, and what its versions say."""

from datetime import timedelta

import pytest

from governance.asking.models import Policy
from governance.asking.policies.describing import differences
from governance.asking.policies.versions import content_of, record_version
from governance.configuration.models import ConfigurationChange
from governance.people.models import Role, Team
from tests.asking.test_admin import form_of, page
from tests.configuration import acts
from tests.configuration.test_admin import confirm, said
from tests.escalations import acts as case_acts
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def anton(client):
    user = acts.administrator()
    client.force_login(user)
    return user


@pytest.fixture
def policy():
    """One that no question can fall under milder: nothing but the form is tested here."""
    Policy.objects.filter(kind="case", is_default=False).delete()
    made = Policy.objects.create(
        name="Payments", slug="payments", kind="case", position=5, required_votes=2
    )
    for rung in Policy.objects.get(slug="default-case").rungs.all():
        rung.pk, rung.policy = None, made
        rung.save(force_insert=True)
    return made


def posted(policy, **changes):
    form = form_of(policy, **changes)
    if "is_default" not in changes:
        del form["is_default"]
    return form


def text(answer):
    return " ".join(answer.content.decode().split())


def test_lists_are_typed_with_commas_and_tidied(client, anton, policy):
    case_acts.agent("billing")
    changes = {"agents": " billing, billing ,other", "risks": ["high", "low"], "blocking": "true"}
    answer = client.post(page(policy), posted(policy, **changes, required_votes=3))
    policy.refresh_from_db()
    waiting = ConfigurationChange.objects.get()
    assert "another administrator has to confirm" in said(answer)
    assert policy.agents == []
    confirm(client, acts.administrator(), waiting)
    policy.refresh_from_db()
    assert (policy.agents, policy.risks) == (["billing", "other"], ["high", "low"])
    assert (policy.blocking, policy.with_action) == (True, None)


def test_a_condition_on_what_there_is_not_is_saved_with_a_warning(client, anton, policy):
    Policy.objects.filter(pk=policy.pk).update(agents=["nobody"], environments=["moon"])
    policy.refresh_from_db()
    changes = {"agents": "nobody", "environments": "moon,production", "required_votes": 2}
    shown = said(client.post(page(policy), posted(policy, **changes)))
    assert "There is no agent nobody on this portal: the condition waits for one." in shown
    assert "There is no environment moon on this portal" in shown
    assert "production" not in shown


def test_a_policy_that_takes_everything_is_saved_with_a_warning(client, anton, policy):
    shown = said(client.post(page(policy), posted(policy)))
    assert "Payments has no conditions: it takes every case that gets to it." in shown


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"risks": ["enormous"]}, "Select a valid choice"),
        ({"permit_scopes": ["once"]}, "Select a valid choice"),
        ({"action_kinds": "sql", "with_action": "false"}, "has no kind of act"),
        ({"wakes_people": "on", "in_digest": "on"}, "cannot wait for the daily digest"),
        ({"standing_risks": ["low"]}, "Standing decisions need all three"),
        ({"standing_uses": 3}, "Standing decisions need all three"),
        ({"agents": "x" * 121}, "at most 120 characters"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(client, anton, policy, changes, sentence):
    answer = client.post(page(policy), posted(policy, **changes))
    assert answer.status_code == 200
    assert sentence in text(answer)
    assert not policy.versions.exists()


def test_more_teams_than_votes_are_refused(client, anton, policy):
    teams = [Team.objects.create(name=f"T{n}", slug=f"t{n}").pk for n in range(3)]
    answer = client.post(page(policy), posted(policy, teams=teams))
    assert "3 teams give one vote each: it takes 3 at least." in text(answer)


def test_a_step_for_the_owner_and_a_kept_option_are_saved(client, anton, policy):
    rows = {
        "option_authorities-TOTAL_FORMS": 1,
        "option_authorities-0-option": "drop",
        "option_authorities-0-role": "administrator",
        "option_authorities-0-policy": policy.pk,
    }
    steps = {
        "rungs-TOTAL_FORMS": 4,
        "rungs-3-policy": policy.pk,
        "rungs-3-position": 9,
        "rungs-3-audience": "owner",
        "rungs-3-delay": "1:00:00",
        "rungs-3-repeat_every": "4:00:00",
        "rungs-3-repeat_cap": "24:00:00",
    }
    answer = client.post(page(policy), posted(policy, **rows, **steps))
    assert answer.status_code == 302
    assert policy.rungs.get(position=9).audience == "owner"
    assert policy.option_authorities.get().option == "drop"
    kept = policy.option_authorities.get().pk
    gone = rows | {
        "option_authorities-INITIAL_FORMS": 1,
        "option_authorities-0-id": kept,
        "option_authorities-0-DELETE": "on",
    }
    shown = said(client.post(page(policy), posted(policy, **gone)))
    assert "The option drop is no longer kept for the role administrator." in shown
    assert policy.option_authorities.exists()
    confirm(client, acts.administrator(), ConfigurationChange.objects.get())
    assert not policy.option_authorities.exists()


def test_each_version_says_what_it_changed_and_who_saved_it(client, anton, policy):
    client.post(page(policy), posted(policy))
    client.post(page(policy), posted(policy, required_votes=3, name="Pay"))
    shown = text(client.get(page(policy)))
    assert "Votes: 2 → 3" in shown
    assert "Name: Payments → Pay" in shown
    assert [version.number for version in policy.versions.all()] == [2, 1]


def test_who_may_only_read_sees_it_and_its_versions(client, policy):
    record_version(policy, by=None, at=NOW)
    client.force_login(UserFactory(roles=[Role.AUDITOR]))
    answer = client.get(page(policy))
    assert answer.status_code == 200
    assert "The first one that a question fell under" in text(answer)
    assert "_simulate" not in text(answer)


@pytest.mark.parametrize(
    ("change", "label"),
    [
        ({"authentication": "passkey"}, "Proof of who answers"),
        ({"in_digest": True}, "Daily digest first"),
        ({"permit_scopes": ["run"]}, "Permits may reach as far as"),
        ({"agents": ["a"]}, "Agents"),
        ({"is_active": False}, "In use"),
        ({"with_action": True}, "It asks for an act"),
    ],
)
def test_what_differs_between_two_versions_is_named(policy, change, label):
    before = content_of(policy)
    for field, value in change.items():
        setattr(policy, field, value)
    assert [one.label for one in differences(before, content_of(policy))] == [label]


def test_a_step_more_is_something_instead_of_nothing(policy):
    before = content_of(policy)
    policy.rungs.create(position=9, audience="owner", delay=timedelta(hours=1))
    (one,) = differences(before, content_of(policy))
    assert (one.label, one.before) == ("Step 4", "nothing")
    assert one.after.startswith("The agent's owner, 1 hour after the step before")
