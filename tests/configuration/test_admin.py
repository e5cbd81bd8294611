"""Every way through the admin: what tightens is saved, what loosens waits for a second person."""

import pytest
from django.contrib.messages import get_messages
from django.urls import reverse

from agents.models import Environment, ReviewRule
from governance.asking.models import Policy
from governance.audit.models import AuditEvent
from governance.configuration.models import ConfigurationChange
from governance.people.models import Role, User
from tests.asking.test_admin import form_of
from tests.asking.test_admin import page as policy_page
from tests.configuration import acts
from tests.factories import UserFactory
from tests.people.test_admin import members

pytestmark = pytest.mark.django_db(transaction=True)
RULES = "/admin/agents/reviewrule/"
CHANGES = "/admin/configuration/configurationchange/"


@pytest.fixture
def anton(client):
    user = acts.administrator()
    client.force_login(user)
    return user


@pytest.fixture
def berta(anton):
    """The second administrator."""
    return acts.administrator()


def said(answer):
    return " ".join(str(message) for message in get_messages(answer.wsgi_request))


def waits(answer, *sentences):
    """The one request that came of it; nothing else was left by the form."""
    assert answer.status_code == 302
    shown = said(answer)
    assert "another administrator has to confirm it" in shown
    assert "successfully" not in shown
    change = ConfigurationChange.objects.get()
    assert all(sentence in " ".join(change.sentences) for sentence in sentences)
    assert list(AuditEvent.objects.values_list("kind", flat=True).order_by("pk")) == [
        "configuration.asked",
        "ask.opened",
    ]
    return change


def confirm(client, by, change, action="confirm", **more):
    client.force_login(by)
    chosen = {"action": action, "_selected_action": [change.pk], **more}
    answer = client.post(CHANGES, chosen, follow=True)
    change.refresh_from_db()
    return answer.content.decode()


# --- policies -------------------------------------------------------------------------------


def test_fewer_votes_wait_and_more_are_saved(client, anton, berta):
    policy = acts.review_policy(2)
    form = form_of(policy)
    del form["is_default"]
    change = waits(client.post(policy_page(policy), form | {"required_votes": 1}), "1 vote instead")
    policy.refresh_from_db()
    assert policy.required_votes == 2
    confirm(client, berta, change)
    policy.refresh_from_db()
    assert (policy.required_votes, policy.rungs.count(), policy.is_default) == (1, 3, False)
    form = form_of(policy) | {"required_votes": 3}
    del form["is_default"]
    assert client.post(policy_page(policy), form).status_code == 302
    policy.refresh_from_db()
    assert policy.required_votes == 3


def test_a_team_taken_off_waits_and_one_more_is_saved(client, anton, berta):
    security, data = acts.team("Security"), acts.team("Data")
    policy = acts.review_policy(2, security)
    form = form_of(policy)
    del form["is_default"]
    both = {"teams": [security.pk, data.pk]}
    assert "successfully" in said(client.post(policy_page(policy), form | both))
    assert set(policy.teams.all()) == {security, data}
    answer = client.post(policy_page(policy), form | {"teams": [data.pk]})
    assert "The vote of team Security is no longer needed." in said(answer)
    assert set(policy.teams.all()) == {security, data}
    confirm(client, berta, ConfigurationChange.objects.get())
    assert set(policy.teams.all()) == {data}


@pytest.mark.parametrize(
    "changes",
    [
        {"rungs-1-delay": "5:00:00"},
        {"rungs-2-repeat_every": "13:00:00"},
        {"rungs-0-repeat_cap": "48:00:00"},
        {"rungs-0-role": "owner"},
        {"rungs-2-DELETE": "on"},
        {"is_default": ""},
    ],
)
def test_a_quieter_ladder_waits_and_comes_as_it_was_asked_for(client, anton, berta, changes):
    policy = Policy.objects.get(slug="default-case")
    Policy.objects.filter(pk=policy.pk).update(required_votes=2)
    policy.refresh_from_db()
    before = acts.POLICY.read(policy.pk)
    change = waits(client.post(policy_page(policy), form_of(policy, **changes)))
    assert acts.POLICY.read(policy.pk) == before
    confirm(client, berta, change)
    assert change.state == "confirmed"
    after = acts.POLICY.read(policy.pk)
    assert after == change.after
    assert after != before


def test_another_default_that_asks_less_waits(client, anton, berta):
    Policy.objects.filter(slug="default-review").update(required_votes=3, is_default=False)
    Policy.objects.filter(slug="review-privilege").update(is_default=True, required_votes=3)
    strict = Policy.objects.get(slug="review-privilege")
    form = form_of(strict)
    del form["is_default"]
    change = waits(client.post(policy_page(strict), form), "By default review of a version")
    confirm(client, berta, change)
    weak = Policy.objects.get(slug="default-review")
    assert "successfully" in said(client.post(policy_page(weak), form_of(weak)))


def test_a_policy_keeps_its_kind_and_its_name_in_addresses(client, anton):
    policy = acts.review_policy(2)
    form = form_of(policy) | {"kind": "case", "slug": "other", "name": "Renamed"}
    del form["is_default"]
    client.post(policy_page(policy), form)
    policy.refresh_from_db()
    assert (policy.kind, policy.slug, policy.name) == ("review", "review-privilege", "Renamed")


def test_a_new_policy_that_is_the_weaker_default_waits_and_is_then_made(client, anton, berta):
    Policy.objects.filter(slug="default-review").update(is_default=False)
    Policy.objects.filter(slug="review-privilege").update(is_default=True)
    strict = Policy.objects.get(slug="review-privilege")
    address = reverse("admin:asking_policy_add")
    new = form_of(strict) | {"name": "New", "slug": "new", "rungs-INITIAL_FORMS": 0}
    new = {key: value for key, value in new.items() if not key.endswith(("-id", "-policy"))}
    answer = client.post(address, new)
    assert answer.status_code == 200  # there is a default already
    Policy.objects.filter(pk=strict.pk).update(is_default=False)
    assert "successfully" in said(client.post(address, new))
    assert Policy.objects.get(slug="new").rungs.count() == 3


# --- people and teams -----------------------------------------------------------------------


@pytest.mark.parametrize("role", ["approver", "administrator"])
def test_a_role_that_decides_waits(client, anton, berta, role):
    person = UserFactory(roles=[Role.AUDITOR], name="Ann")
    posted = {"email": person.email, "name": "Ann Smith", "roles": [role], "is_active": "on"}
    address = f"/admin/people/user/{person.pk}/change/"
    change = waits(client.post(address, posted), f"Ann Smith gets the role {role}.")
    person.refresh_from_db()
    assert (person.roles, person.name) == (["auditor"], "Ann")
    confirm(client, berta, change)
    person.refresh_from_db()
    assert (person.roles, person.name) == ([role], "Ann Smith")
    event = AuditEvent.objects.get(kind="user.roles_changed")
    assert event.actor == berta.subject


@pytest.mark.parametrize("roles", [["owner", "auditor"], []])
def test_other_roles_and_fewer_are_saved_at_once(client, anton, roles):
    person = UserFactory(roles=[Role.APPROVER])
    posted = {"email": person.email, "name": "Ann", "roles": roles, "is_active": "on"}
    client.post(f"/admin/people/user/{person.pk}/change/", posted)
    person.refresh_from_db()
    assert person.roles == sorted(roles)
    assert not ConfigurationChange.objects.exists()


def test_an_account_that_opens_again_with_its_role_waits(client, anton, berta):
    person = UserFactory(roles=[Role.APPROVER], is_active=False)
    posted = {"email": person.email, "name": "Ann", "roles": ["approver"], "is_active": "on"}
    change = waits(client.post(f"/admin/people/user/{person.pk}/change/", posted))
    person.refresh_from_db()
    assert not person.is_active
    confirm(client, berta, change)
    person.refresh_from_db()
    assert person.is_active


def test_a_new_person_comes_at_once_and_the_role_that_decides_later(client, anton, berta):
    posted = {"email": "new@example.org", "name": "New", "roles": ["approver", "owner"]}
    answer = client.post("/admin/people/user/add/", posted | {"is_active": "on"})
    assert "New gets the role approver." in said(answer)
    person = User.objects.get(email="new@example.org")
    assert person.roles == ["owner"]
    confirm(client, berta, ConfigurationChange.objects.get())
    person.refresh_from_db()
    assert person.roles == ["approver", "owner"]


def test_a_row_more_in_a_team_that_counts_waits_and_one_less_is_saved(client, anton, berta):
    ann, ben = UserFactory(), UserFactory(name="Ben")
    team = acts.team("Database", ann)
    Environment.objects.filter(slug="production").update(team=team)
    address = f"/admin/people/team/{team.pk}/change/"
    change = waits(client.post(address, members(team, ben)), "Ben comes into team Database")
    assert list(team.members.all()) == [ann]
    confirm(client, berta, change)
    assert set(team.members.all()) == {ann, ben}
    known = team.membership_set.filter(user=ann)
    client.force_login(anton)
    assert client.post(address, members(team, known=[*known])).status_code == 302
    assert list(team.members.all()) == [ben]


def test_a_team_that_nothing_rests_on_takes_in_anybody(client, anton):
    team = acts.team("Database")
    client.post(f"/admin/people/team/{team.pk}/change/", members(team, UserFactory()))
    assert team.members.count() == 1


# --- environments and rules -----------------------------------------------------------------


@pytest.mark.parametrize("field", ["protected", "team", "full_matrix"])
def test_an_environment_that_guards_less_waits(client, anton, berta, field):
    team = acts.team()
    place = Environment.objects.get(slug="production")
    posted = {"name": place.name, "protected": "on", "full_matrix": "on", "team": team.pk}
    address = f"/admin/agents/environment/{place.pk}/change/"
    assert "successfully" in said(client.post(address, posted))
    AuditEvent.objects.filter(kind="environment.changed").get()
    answer = client.post(address, {key: value for key, value in posted.items() if key != field})
    assert "another administrator has to confirm it" in said(answer)
    place.refresh_from_db()
    assert getattr(place, field)
    confirm(client, berta, ConfigurationChange.objects.get())
    place.refresh_from_db()
    assert not getattr(place, field)


def test_an_environment_keeps_the_name_that_runners_ask_for(client, anton):
    place = Environment.objects.get(slug="production")
    posted = {"name": "Live", "slug": "other"}
    client.post(f"/admin/agents/environment/{place.pk}/change/", posted)
    place.refresh_from_db()
    assert (place.name, place.slug) == ("Live", "production")


def rule_form(rule, **changes):
    place = rule.environment_id or ""
    posted = {"change_class": rule.change_class, "tier": rule.tier, "environment": place}
    return posted | {"policy": rule.policy_id} | changes


def test_a_rule_pointed_to_a_policy_that_asks_less_waits(client, anton, berta):
    rule = ReviewRule.objects.get(change_class="privilege")
    weak = Policy.objects.get(slug="default-review")
    change = waits(
        client.post(f"{RULES}{rule.pk}/change/", rule_form(rule, policy=weak.pk)),
        "Privilege (everywhere, Production, Staging): 1 vote instead of 2 votes.",
    )
    rule.refresh_from_db()
    assert rule.policy.slug == "review-privilege"
    confirm(client, berta, change)
    rule.refresh_from_db()
    assert rule.policy == weak


def test_a_rule_moved_to_another_class_waits_for_what_it_leaves(client, anton):
    rule = ReviewRule.objects.get(change_class="privilege")
    answer = client.post(f"{RULES}{rule.pk}/change/", rule_form(rule, change_class="wording"))
    waits(answer, "Privilege (everywhere, Production, Staging): 1 vote instead of 2 votes.")


def test_a_new_rule_that_asks_less_than_what_applies_waits(client, anton, berta):
    weak = Policy.objects.get(slug="default-review")
    new = {"change_class": "privilege", "tier": "high", "policy": weak.pk}
    change = waits(client.post(f"{RULES}add/", new), "Privilege, high risk")
    assert ReviewRule.objects.count() == 1
    confirm(client, berta, change)
    assert ReviewRule.objects.get(tier="high").policy == weak


def test_a_new_rule_that_asks_more_is_saved(client, anton):
    strict = Policy.objects.get(slug="review-privilege")
    client.post(f"{RULES}add/", {"change_class": "wording", "policy": strict.pk})
    assert ReviewRule.objects.get(change_class="wording").policy == strict


def test_a_rule_is_deleted_at_once_only_where_it_asked_less(client, anton, berta):
    weak, strict = (
        Policy.objects.get(slug=slug) for slug in ("default-review", "review-privilege")
    )
    rule = ReviewRule.objects.get(change_class="privilege")
    change = waits(client.post(f"{RULES}{rule.pk}/delete/", {"post": "yes"}), "1 vote instead")
    assert ReviewRule.objects.filter(pk=rule.pk).exists()
    confirm(client, berta, change)
    assert not ReviewRule.objects.exists()
    Policy.objects.filter(pk=weak.pk).update(required_votes=3)
    idle = ReviewRule.objects.create(change_class="wording", policy=strict)
    assert client.post(f"{RULES}{idle.pk}/delete/", {"post": "yes"}).status_code == 302
    assert not ReviewRule.objects.exists()
    assert AuditEvent.objects.filter(kind="reviewrule.deleted").count() == 2


def test_rules_are_not_deleted_many_at_once(client, anton):
    rule = ReviewRule.objects.get()
    chosen = {"action": "delete_selected", "_selected_action": [rule.pk], "post": "yes"}
    client.post(RULES, chosen)
    assert ReviewRule.objects.filter(pk=rule.pk).exists()


@pytest.mark.parametrize("act", ["delete/", ""])
def test_policies_and_environments_are_not_deleted_at_all(client, anton, act):
    for one in (Policy.objects.first(), Environment.objects.first()):
        listed = reverse(f"admin:{one._meta.app_label}_{one._meta.model_name}_changelist")
        chosen = {"action": "delete_selected", "_selected_action": [one.pk], "post": "yes"}
        client.post(f"{listed}{one.pk}/{act}" if act else listed, chosen)
        assert type(one).objects.filter(pk=one.pk).exists()


# --- the requests themselves ----------------------------------------------------------------


def test_the_only_administrator_reads_how_to_go_on(client, anton):
    policy = acts.review_policy(2)
    form = form_of(policy)
    del form["is_default"]
    answer = client.post(policy_page(policy), form | {"required_votes": 1})
    assert "You are the only administrator" in said(answer)
    assert "createsuperuser" in said(answer)


def test_a_second_request_for_the_same_thing_is_refused_with_a_trace(client, anton, berta):
    policy = acts.review_policy(2)
    acts.ask_for_one_vote(berta, policy)
    form = form_of(policy)
    del form["is_default"]
    answer = client.post(policy_page(policy), form | {"required_votes": 1})
    assert "waits already" in said(answer)
    assert AuditEvent.objects.filter(kind="refused").count() == 1


def test_the_list_confirms_and_refuses_and_not_for_who_asked(client, anton, berta):
    change = acts.ask_for_one_vote(anton)
    assert "Somebody else has to confirm" in confirm(client, anton, change)
    assert "Say why" in confirm(client, berta, change, "refuse", reason="")
    assert change.state == "open"
    confirm(client, berta, change, "refuse", reason="Two is right.")
    assert (change.state, change.reason) == ("refused", "Two is right.")
    assert AuditEvent.objects.filter(kind="refused").count() == 1


def test_requests_are_neither_made_nor_changed_by_hand(client, anton, berta):
    change = acts.ask_for_one_vote(berta)
    for act in ("change", "delete"):
        assert client.post(f"{CHANGES}{change.pk}/{act}/", {"post": "yes"}).status_code == 403
    assert client.post(f"{CHANGES}add/", {}).status_code == 403
    client.post(CHANGES, {"action": "delete_selected", "_selected_action": [change.pk]})
    assert ConfigurationChange.objects.get().state == "open"
