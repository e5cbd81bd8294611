"""The offline bundle: what a runner may run without the portal, and how it can tell."""

import base64
import hashlib
import json
from datetime import datetime, timedelta
from typing import Any

import jwt
import pytest
from django.utils import timezone
from jwt.algorithms import OKPAlgorithm

from agents.models import AgentVersion, RuleStance
from agents.releasing import services
from agents.releasing.bundle import outline_of, signed_bundle
from governance.audit.receipts import jwks
from governance.base.errors import NotThere
from governance.people.models import Runner, Scope
from governance.people.services import issue_key
from tests.agents import acts
from tests.factories import NOW, RunnerFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = timedelta(hours=1)


def bundled(runner: Runner, at: datetime = NOW) -> dict[str, Any]:
    outline = outline_of(environment="production", principal=runner, at=at)
    signed: dict[str, Any] = json.loads(json.dumps(signed_bundle(outline)))
    return signed


def etag(runner: Runner, at: datetime = NOW) -> str:
    return outline_of(environment="production", principal=runner, at=at).etag


def claims_of(signed: dict[str, Any], runner: Runner) -> dict[str, Any]:
    key: Any = OKPAlgorithm.from_jwk(jwks()["keys"][0])
    assert jwt.get_unverified_header(signed["signature"])["typ"] == "bundle+jwt"
    found: dict[str, Any] = jwt.decode(
        signed["signature"],
        key,
        ["EdDSA"],
        audience=f"runner:{runner.slug}",
        options={"verify_iat": False},
    )
    return found


def plain_canonical(value: Any) -> bytes:
    """As a client with the standard library alone writes it."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@pytest.fixture
def runner() -> Runner:
    return RunnerFactory(agents=["worker", "helper", "absent"])


def test_a_bundle_holds_the_approved_bytes_the_law_and_a_signature_over_all(runner):
    release = acts.put_into_production(acts.bring_in(raw=acts.definition(more="\nÜber 🚦.\n")))
    signed = bundled(runner)
    bundle, claims = signed["bundle"], claims_of(signed, runner)
    assert claims["bundle_sha256"] == hashlib.sha256(plain_canonical(bundle)).hexdigest()
    assert (claims["sub"], claims["serial"]) == ("bundle:production", bundle["serial"])
    agent = bundle["agents"][0]
    raw = base64.b64decode(agent["raw_base64"])
    assert raw == bytes(release.version.raw)
    assert hashlib.sha256(raw).hexdigest() == agent["sha256"] == release.version.sha256
    assert bundle["constitution"]["text"] == acts.LAW.decode()
    assert agent["approved_under_sha256"] == bundle["constitution"]["sha256"]
    assert [rule["modality"] for rule in agent["rules"]] == ["NEVER", "ALWAYS"]
    assert bundle["issued_at"] < bundle["expires_at"]


def test_a_rule_says_what_people_confirmed_and_a_new_stance_changes_the_tag(runner):
    version = acts.put_into_production().version
    rule, tag = version.rules.first(), etag(runner)
    known = {"agent": version.agent, "key": rule.key, "rule_sha256": "0" * 64, "asked_at": NOW}
    asker = acts.owner()
    RuleStance.objects.create(**known, rule_class="advisory", asked_by=asker)
    assert etag(runner) == tag
    RuleStance.objects.create(
        **known,
        rule_class="enforced",
        mode="observe",
        matchers=[{"tool": "Bash"}],
        asked_by=asker,
        confirmed_by=acts.approver(),
        confirmed_at=NOW,
    )
    assert etag(runner) != tag
    first, second = bundled(runner)["bundle"]["agents"][0]["rules"]
    assert (first["rule_class"], first["mode"]) == ("enforced", "observe")
    assert first["matchers"] == [{"tool": "Bash"}]
    assert (second["rule_class"], second["matchers"]) == (None, [])


def test_other_peoples_agents_are_in_no_bundle(runner):
    acts.put_into_production(acts.bring_in(raw=acts.definition("secret")))
    bundle = bundled(runner)["bundle"]
    assert (bundle["agents"], bundle["revocations"]) == ([], [])


def test_what_stops_is_revoked_with_the_reason(runner):
    acts.put_into_production()
    acts.bring_in(raw=acts.definition("helper"))
    before = bundled(runner)["bundle"]
    assert [one["code"] for one in before["revocations"]] == ["not_released"]
    services.suspend(slug="worker", reason="It loops.", by=acts.owner(), at=NOW)
    after = bundled(runner)["bundle"]
    assert after["agents"] == []
    assert after["revocations"][1] == {
        "slug": "worker", "code": "suspended", "reason": "Suspended: It loops.",
    }  # fmt: skip
    assert after["serial"] > before["serial"]


def test_an_emergency_says_until_when(runner):
    acts.ratify()
    services.break_glass(
        version_id=acts.bring_in().pk,
        environment="production",
        reason="Production is down and this version mends it.",
        hours=2,
        by=acts.approver(),
        at=NOW,
    )
    agent = bundled(runner)["bundle"]["agents"][0]
    assert agent["approval"] == "break_glass"
    assert datetime.fromisoformat(agent["until"]) == NOW + 2 * HOUR
    assert bundled(runner, NOW + 2 * HOUR)["bundle"]["agents"] == []


def test_a_damaged_text_is_left_out(runner):
    acts.put_into_production()
    outline = outline_of(environment="production", principal=runner, at=NOW)
    version: AgentVersion = outline.past.rows[0].release.version
    version.sha256 = "0" * 64
    bundle = signed_bundle(outline)["bundle"]
    assert bundle["agents"] == []
    assert bundle["revocations"][0]["code"] == "damaged"


def test_the_tag_changes_with_what_may_run_and_before_half_the_life_is_over(runner, settings):
    acts.put_into_production()
    first = etag(runner)
    assert etag(runner) == first
    assert etag(runner, NOW + HOUR * settings.BUNDLE_HOURS / 2) != first
    assert etag(RunnerFactory(agents=["worker"])) != first
    services.suspend(slug="worker", reason="odd", by=acts.owner(), at=NOW)
    assert etag(runner) != first


def test_the_call_answers_304_to_who_holds_the_bundle(client, runner):
    acts.put_into_production()
    _, key = issue_key(runner_id=runner.pk, scopes=[Scope.READ], by=runner.owner, at=timezone.now())
    headers = {"authorization": f"Bearer {key}"}
    first = client.get("/api/v1/bundle/", headers=headers)
    assert first.json()["bundle"]["agents"][0]["slug"] == "worker"
    held = headers | {"if-none-match": first["ETag"]}
    assert client.get("/api/v1/bundle/", headers=held).status_code == 304
    services.suspend(slug="worker", reason="odd", by=acts.owner(), at=NOW)
    assert client.get("/api/v1/bundle/", headers=held).status_code == 200


def test_there_is_no_bundle_for_an_unknown_environment(runner):
    with pytest.raises(NotThere):
        outline_of(environment="moon", principal=UserFactory(roles=["owner"]), at=NOW)
