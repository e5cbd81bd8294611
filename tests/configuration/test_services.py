"""A request to loosen: one asks, another confirms, and only what was asked for happens."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, connection, transaction

from governance.asking import dispatch
from governance.asking.models import Ask, Notification, Policy, Reason
from governance.asking.sweep import sweep
from governance.audit.models import AuditEvent
from governance.audit.services import verify
from governance.base.errors import Conflict, InvalidInput, NotPermitted, NotThere, Refusal
from governance.configuration import policies, services
from governance.configuration.admin import TeamAdmin, UserAdmin
from governance.configuration.models import ConfigurationChange
from governance.configuration.services import ask_change, confirm_change, refuse_change
from governance.people.models import Role
from tests.configuration import acts
from tests.factories import NOW, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


def settle(change, by, act=confirm_change, **said):
    return act(change_id=change.pk, by=by, at=NOW, **said)


def kinds():
    return list(AuditEvent.objects.order_by("pk").values_list("kind", flat=True))


def test_a_second_administrator_confirms_and_then_it_holds():
    asker, other = acts.administrator(), acts.administrator()
    change = acts.ask_for_one_vote(asker)
    policy = Policy.objects.get(pk=change.object_id)
    assert policy.required_votes == 2
    settle(change, other)
    policy.refresh_from_db()
    assert policy.required_votes == 1
    assert policy.rungs.count() == 3
    change.refresh_from_db()
    assert (change.state, change.settled_by, change.settled_at) == ("confirmed", other, NOW)
    assert kinds() == [
        "configuration.asked",
        "ask.opened",
        "configuration.confirmed",
        "ask.closed",
        "policy.saved",
    ]
    confirmed = AuditEvent.objects.get(kind="configuration.confirmed")
    data = json.loads(bytes(confirmed.body))["data"]
    assert (data["before"]["votes"], data["after"]["votes"]) == (2, 1)
    assert (confirmed.actor, data["asked_by"]) == (other.subject, asker.subject)
    assert list(verify()) == []


def test_who_asked_cannot_confirm():
    asker = acts.administrator()
    change = acts.ask_for_one_vote(asker)
    with pytest.raises(NotPermitted, match="Somebody else has to confirm"):
        settle(change, asker)
    assert Policy.objects.get(pk=change.object_id).required_votes == 2


def test_the_database_itself_wants_a_second_person():
    asker = acts.administrator()
    change = acts.ask_for_one_vote(asker)
    change.state, change.settled_by, change.settled_at = "confirmed", asker, NOW
    with pytest.raises(IntegrityError, match="second_person"), transaction.atomic():
        change.save()


@pytest.mark.parametrize("role", [Role.OWNER, Role.APPROVER, Role.AUDITOR])
def test_only_administrators_ask_confirm_and_refuse(role):
    change = acts.ask_for_one_vote(acts.administrator())
    somebody = UserFactory(roles=[role], is_superuser=True)
    with pytest.raises(NotPermitted):
        settle(change, somebody)
    with pytest.raises(NotPermitted):
        settle(change, somebody, refuse_change, reason="No.")
    with pytest.raises(NotPermitted):
        acts.ask_for_one_vote(somebody)


def test_what_changed_since_it_was_asked_for_is_not_overwritten():
    asker, other = acts.administrator(), acts.administrator()
    change = acts.ask_for_one_vote(asker)
    acts.review_policy(3)
    with pytest.raises(Conflict, match="has changed since this was asked for") as refused:
        settle(change, other)
    assert refused.value.code == "outdated"
    assert Policy.objects.get(pk=change.object_id).required_votes == 3
    change.refresh_from_db()
    assert change.state == "open"


def test_what_is_gone_meanwhile_is_not_made_again():
    asker, other = acts.administrator(), acts.administrator()
    policy = Policy.objects.create(name="Extra", slug="extra", kind="review", required_votes=2)
    change = acts.ask_for_one_vote(asker, policy)
    policy.delete()
    with pytest.raises(Conflict) as refused:
        settle(change, other)
    assert refused.value.code == "outdated"
    assert not Policy.objects.filter(slug="extra").exists()


def test_an_administrator_who_is_none_any_more_asks_for_nothing():
    asker, other = acts.administrator(), acts.administrator()
    change = acts.ask_for_one_vote(asker)
    asker.roles = []
    asker.save()
    with pytest.raises(Conflict, match="no administrator any more"):
        settle(change, other)


def test_who_would_come_into_the_team_does_not_confirm_it():
    asker, other, third = (acts.administrator() for _ in range(3))
    team = acts.team("Security")
    acts.review_policy(2, team)
    kind = TeamAdmin.kind
    before = kind.read(team.pk)
    after = before | {"members": [other.pk], "names": {str(other.pk): str(other)}}
    change = ask_change(
        kind="team", object_id=team.pk, before=before, after=after, by=asker, at=NOW
    )
    with pytest.raises(NotPermitted, match="You would gain"):
        settle(change, other)
    settle(change, third)
    assert list(team.members.all()) == [other]


def test_nobody_confirms_a_role_of_their_own():
    asker, other = acts.administrator(), acts.administrator()
    kind = UserAdmin.kind
    before = kind.read(other.pk)
    after = before | {"roles": ["administrator", "approver"]}
    wanted = {"kind": "user", "object_id": other.pk, "before": before, "after": after}
    with pytest.raises(NotPermitted, match="your own roles"):
        ask_change(**wanted, by=other, at=NOW)
    change = ask_change(**wanted, by=asker, at=NOW)
    with pytest.raises(NotPermitted):
        settle(change, other)
    settle(change, acts.administrator())
    other.refresh_from_db()
    assert other.roles == ["administrator", "approver"]


def test_what_loosens_nothing_needs_no_request():
    before = acts.POLICY.read(acts.review_policy().pk)
    with pytest.raises(InvalidInput) as refused:
        ask_change(
            kind="policy",
            object_id=acts.review_policy().pk,
            before=before,
            after=before | {"votes": 3},
            by=acts.administrator(),
            at=NOW,
        )
    assert refused.value.code == "tightens"


def test_one_request_at_a_time_for_one_thing():
    asker, other = acts.administrator(), acts.administrator()
    change = acts.ask_for_one_vote(asker)
    with pytest.raises(Conflict, match="waits already"):
        acts.ask_for_one_vote(other)
    settle(change, other, refuse_change, reason="Two is right.")
    assert acts.ask_for_one_vote(other).state == "open"


def test_a_refusal_has_a_reason_and_who_asked_takes_it_back():
    asker, other = acts.administrator(), acts.administrator()
    change = acts.ask_for_one_vote(asker)
    with pytest.raises(InvalidInput, match="Say why"):
        settle(change, other, refuse_change, reason=" ")
    assert settle(change, asker, refuse_change, reason="").state == "withdrawn"
    with pytest.raises(Conflict, match="taken back"):
        settle(change, other)
    again = acts.ask_for_one_vote(asker)
    assert settle(again, other, refuse_change, reason="Two is right.").reason == "Two is right."
    assert Policy.objects.get(pk=change.object_id).required_votes == 2


def test_there_is_no_other_request():
    with pytest.raises(NotThere):
        confirm_change(change_id=7, by=acts.administrator(), at=NOW)


def test_of_two_who_confirm_at_once_one_is_first():
    change = acts.ask_for_one_vote(acts.administrator())
    people = [acts.administrator() for _ in range(2)]

    def confirm(by):
        try:
            return settle(change, by).state
        except Refusal as refusal:
            return refusal.code
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(confirm, people)) == ["confirmed", "settled"]
    assert kinds().count("policy.saved") == 1


@pytest.mark.parametrize("where", [services, policies])
def test_without_its_trace_in_the_history_nothing_changes(monkeypatch, where):
    asker, other = acts.administrator(), acts.administrator()
    change = acts.ask_for_one_vote(asker)

    def broken(**event):
        raise RuntimeError("no history")

    monkeypatch.setattr(where, "append", broken)
    with pytest.raises(RuntimeError, match="no history"):
        settle(change, other)
    assert Policy.objects.get(pk=change.object_id).required_votes == 2
    assert ConfigurationChange.objects.get().state == "open"
    assert Ask.objects.open().count() == 1


def test_administrators_are_asked_and_auditors_are_told(mailoutbox):
    asker, other = acts.administrator(), acts.administrator()
    auditor = UserFactory(roles=[Role.AUDITOR])
    change = acts.ask_for_one_vote(asker)
    sweep(at=NOW)
    dispatch.dispatch(at=NOW)
    by_person = {mail.to[0]: mail for mail in mailoutbox}
    assert by_person.keys() == {other.email, auditor.email}
    assert "Confirmation needed" in by_person[other.email].subject
    assert "/r/" in by_person[other.email].body
    told = by_person[auditor.email].body
    assert "It takes 1 vote instead of 2." in told
    assert "/policies/changes/" in told
    assert "/r/" not in told
    mailoutbox.clear()
    settle(change, other)
    dispatch.dispatch(at=NOW)
    assert {mail.to[0] for mail in mailoutbox} == {asker.email, auditor.email}
    assert all(mail.subject == "Confirmed: Policy Changes of privilege" for mail in mailoutbox)


def test_auditors_hear_of_it_even_where_two_are_quicker_than_the_mail(mailoutbox):
    asker, other = acts.administrator(), acts.administrator()
    auditor = UserFactory(roles=[Role.AUDITOR])
    settle(acts.ask_for_one_vote(asker), other)
    dispatch.dispatch(at=NOW)
    assert [mail.subject for mail in mailoutbox if mail.to == [auditor.email]] == [
        "Confirmed: Policy Changes of privilege"
    ]
    assert Notification.objects.filter(recipient=auditor, reason=Reason.SETTLED).count() == 1
