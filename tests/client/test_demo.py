"""The demonstration does what it says, and stops where a runner has to stop."""

import json

import pytest

from stuck import demo

CASE = "/api/v1/escalations/ESC-1/"

pytestmark = pytest.mark.usefixtures("settings_of_runner")


@pytest.fixture
def asked(portal):
    case = portal.case("open", url="https://portal/cases/1/")
    portal.replies("POST", "/api/v1/escalations/", (201, case))


@pytest.mark.usefixtures("asked")
def test_it_asks_waits_spends_and_reports(portal, capsys):
    question = portal.case("info_requested", revision=2, questions=[{"text": "Who are you?"}])
    permit = {"use_before": "2999-01-01T00:00:00Z", "spent_at": None}
    portal.waits(portal.case("open"), question, portal.decided(permit=permit))
    portal.reads(portal.case("open", revision=3), portal.decided(permit=permit))
    portal.replies("POST", f"{CASE}messages/", (201, {}))
    claims = portal.claims(request_sha256="a" * 64)
    spent = {"receipt": portal.signer.token(claims, typ="permit+jwt")}
    portal.replies("POST", f"{CASE}consume/", spent)
    portal.replies("POST", f"{CASE}outcome/", (201, {}))
    assert demo.main() == 0
    out, err = capsys.readouterr()
    assert out.startswith("DECISION: ")
    assert "decide here: https://portal/cases/1/" in err
    outcome = json.loads(portal.asked(f"{CASE}outcome/")[0][3])
    assert [line["kept"] for line in outcome["constraints"]] == [True, True]
    sent = json.loads(portal.asked("/api/v1/escalations/")[0][3])
    assert sent["action"]["kind"] == "configuration.change"


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(("status", "code"), [("withdrawn", 11), ("dismissed", 11)])
def test_without_a_yes_it_spends_nothing(portal, status, code):
    portal.waits(portal.case(status))
    assert demo.main() == code
    assert portal.asked(f"{CASE}consume/") == []


@pytest.mark.usefixtures("asked")
def test_each_demonstration_is_a_case_of_its_own(portal):
    portal.waits(portal.case("dismissed"))
    demo.main()
    demo.main()
    keys = [request[2]["idempotency-key"] for request in portal.asked("/api/v1/escalations/")]
    assert len(set(keys)) == 2
