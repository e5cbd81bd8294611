"""How far a permit reaches: chosen on purpose, shown, recorded, and never wider by itself."""

import json
from datetime import timedelta

import jwt
import pytest
from django.conf import settings

from agents.models import Permit
from escalations.forms import exact_pattern
from escalations.models import Ballot
from escalations.scopes import LONGEST, Scope, joint, kept, scope_in_words
from governance.audit.models import AuditEvent
from governance.audit.receipts import jwks
from governance.base.errors import InvalidInput, NotPermitted
from tests.escalations.acts import ACT, approve, ask, reject, rules_of
from tests.factories import NOW

pytestmark = pytest.mark.django_db
ALL = ["once", "uses", "until", "run", "pattern"]
PSQL = {"kind": "shell", "arguments": {"argv": ["psql", "-f", "add_index.sql"]}}
PATTERN = {
    "kind": ["shell"],
    "command": {"program": ["psql"], "flags": ["-f"], "words": ["*.sql"]},
}


def wide(**changes):
    return rules_of(ask(action=PSQL, run="run-7", **changes), permit_scopes=ALL)


def receipt_of(decision, case):
    key = jwt.PyJWK(jwks()["keys"][0])
    audience = f"runner:{case.runner.slug}"
    options = {"verify_iat": False}
    return jwt.decode(
        decision.receipt, key, algorithms=["EdDSA"], audience=audience, options=options
    )


@pytest.mark.parametrize("scope", [None, Scope()])
def test_nothing_wider_than_the_act_once_is_permitted_by_itself(scope):
    approve(wide(), scope=scope)
    permit = Permit.objects.get()
    assert (permit.scope, permit.most_uses, permit.pattern) == ("once", 1, None)
    assert Ballot.objects.get().scope == {}


@pytest.mark.parametrize(
    ("scope", "permitted"),
    [
        (Scope("uses", uses=3), ("uses", 3, "", None)),
        (Scope("until", until=NOW + timedelta(days=9)), ("until", 100, "", None)),
        (Scope("run"), ("run", 100, "run-7", None)),
        (Scope("run", uses=5), ("run", 5, "run-7", None)),
        (Scope("pattern", uses=9, pattern=PATTERN), ("pattern", 9, "", PATTERN)),
    ],
)
def test_what_the_decider_chose_is_granted_signed_and_recorded(scope, permitted):
    case = wide()
    decision = approve(case, scope=scope)
    permit = Permit.objects.get()
    assert (permit.scope, permit.most_uses, permit.run, permit.pattern) == permitted
    until = scope.until or NOW + settings.PERMIT_LIFETIME
    assert permit.use_before == decision.use_before == until
    told = receipt_of(decision, case)["scope"]
    assert (told["kind"], told["most_uses"], told["pattern"]) == (
        permit.scope,
        permit.most_uses,
        permit.pattern,
    )
    event = AuditEvent.objects.get(kind="escalation.decided")
    assert json.loads(bytes(event.body))["data"]["scope"] == decision.ballot.scope
    assert decision.ballot.scope["scope"] == permit.scope


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        (Scope("uses"), "bad_scope"),
        (Scope("uses", uses=0), "bad_scope"),
        (Scope("uses", uses=101), "bad_scope"),
        (Scope("until"), "bad_scope"),
        (Scope("until", until=NOW), "bad_scope"),
        (Scope("until", until=NOW + LONGEST + timedelta(seconds=1)), "bad_scope"),
        (Scope("for ever"), "bad_scope"),
        (Scope("pattern"), "bad_pattern"),
        (Scope("pattern", pattern={"kind": ["payment"]}), "bad_pattern"),
        (Scope("pattern", pattern={"preset": "production"}), "bad_pattern"),
        (Scope("pattern", pattern={"surprise": 1}), "bad_matcher"),
    ],
)
def test_a_scope_that_does_not_say_what_it_permits_is_refused(scope, code):
    with pytest.raises(InvalidInput) as refused:
        approve(wide(), scope=scope)
    assert refused.value.code == code
    assert not Permit.objects.exists()
    assert not Ballot.objects.exists()


@pytest.mark.parametrize("kind", ["uses", "until", "run", "pattern"])
def test_what_the_policy_does_not_offer_is_refused(kind):
    case = rules_of(ask(action=ACT, run="run-7"), permit_scopes=[one for one in ALL if one != kind])
    scope = Scope(kind, uses=2, until=NOW + timedelta(hours=1), pattern=PATTERN)
    with pytest.raises(NotPermitted) as refused:
        approve(case, scope=scope)
    assert refused.value.code == "scope"


def test_a_question_without_an_act_permits_nothing_however_wide():
    with pytest.raises(InvalidInput):
        approve(rules_of(ask(), permit_scopes=ALL), scope=Scope("uses", uses=2))


def test_a_run_that_the_runner_did_not_name_cannot_be_permitted():
    with pytest.raises(InvalidInput):
        approve(rules_of(ask(action=ACT), permit_scopes=ALL), scope=Scope("run"))


def test_a_rejection_has_no_scope():
    assert reject(wide(), scope=Scope("uses", uses=3)).ballot.scope == {}


def votes(*chosen):
    return [Ballot(scope=kept(scope)) for scope in chosen]


@pytest.mark.parametrize(
    ("chosen", "together"),
    [
        ([Scope()], Scope()),
        ([Scope("uses", uses=3), Scope("uses", uses=2)], Scope("uses", uses=2)),
        ([Scope("uses", uses=3), Scope()], Scope()),
        ([Scope("uses", uses=3), Scope("run", uses=3)], Scope()),
        (
            [Scope("pattern", pattern={"kind": ["a"]}), Scope("pattern", pattern={"kind": ["b"]})],
            Scope(),
        ),
        (
            [Scope("until", until=NOW), Scope("until", until=NOW + timedelta(days=1))],
            Scope("until", uses=100, until=NOW),
        ),
    ],
)
def test_of_several_deciders_the_narrowest_counts(chosen, together):
    for order in (chosen, chosen[::-1]):
        joined = joint(votes(*order))
        assert (joined.kind, joined.most_uses, joined.until, joined.pattern) == (
            together.kind,
            together.most_uses,
            together.until,
            together.pattern,
        )


def test_two_deciders_who_chose_differently_permit_the_act_once():
    case = rules_of(wide(), votes=2)
    approve(case, scope=Scope("uses", uses=5))
    approve(case, scope=Scope("run"))
    assert Permit.objects.get().scope == "once"


def test_the_reach_reads_as_a_sentence():
    assert scope_in_words(Scope()) == "exactly this act, once"
    assert scope_in_words(Scope("uses", uses=3)) == "exactly this act, at most 3 times"
    assert scope_in_words(Scope("run", uses=1), run="r1") == (
        "exactly this act during the run r1, once"
    )
    words = scope_in_words(Scope("pattern", uses=2, pattern=PATTERN))
    assert words.startswith("acts that fit: psql with -f on *.sql")
    assert words.endswith("; at most 2 times")


@pytest.mark.parametrize(
    "action",
    [
        PSQL,
        {"kind": "payment", "target": "supplier-7", "arguments": {"amount": 12, "currency": "EUR"}},
        {"kind": "shell", "target": "", "arguments": {"argv": ["git", "push", "origin", "main"]}},
    ],
)
def test_the_pattern_that_the_form_begins_with_fits_the_act(action):
    case = rules_of(ask(action=action), permit_scopes=ALL)
    key = case.options.first().key
    scope = Scope("pattern", pattern=exact_pattern(action))
    assert approve(case, option_key=key, reason="So", scope=scope)
