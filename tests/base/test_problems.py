"""Every error of the API is a problem (RFC 9457); every refusal of a page says its sentence."""

import pytest
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions

from governance.audit.models import AuditEvent
from governance.base import errors
from governance.base.problems import problem, problem_of
from governance.people import refusals
from governance.people.models import Role
from tests.factories import UserFactory

REFUSALS = [
    (errors.InvalidInput, 400, "invalid_input"),
    (errors.NotPermitted, 403, "not_permitted"),
    (errors.NotThere, 404, "not_found"),
    (errors.Conflict, 409, "conflict"),
    (errors.InvalidTransition, 409, "invalid_transition"),
    (errors.TooLarge, 413, "too_large"),
]


@pytest.mark.parametrize(("kind", "status", "code"), REFUSALS)
def test_each_refusal_has_its_status_its_code_and_its_sentence(kind, status, code):
    said = problem_of(kind("Somebody else has to.", limit=3))
    assert said == {
        "type": "about:blank",
        "title": kind.title,
        "status": status,
        "detail": "Somebody else has to.",
        "code": code,
        "limit": 3,
    }


def test_a_refusal_may_name_a_code_of_its_own():
    assert problem_of(errors.Conflict("Spent.", code="spent"))["code"] == "spent"


def test_a_problem_without_a_title_has_that_of_its_status():
    assert problem(status=404, detail="x", code="y")["title"] == "Not Found"


# --- what DRF itself refuses ----------------------------------------------------------------


def handled(error, user=None):
    request = RequestFactory().get("/api/v1/agents/")
    request.user = user
    return refusals.problem_handler(error, {"request": request})


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (Http404(), 404, "not_found"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
        (exceptions.PermissionDenied(), 403, "permission_denied"),
        (exceptions.MethodNotAllowed("PUT"), 405, "method_not_allowed"),
        (exceptions.UnsupportedMediaType("x/y"), 415, "unsupported_media_type"),
        (exceptions.ParseError(), 400, "parse_error"),
        (exceptions.ValidationError({"days": ["Too many."]}), 400, "invalid_input"),
    ],
    ids=lambda value: getattr(value, "default_code", value),
)
def test_what_the_framework_refuses_is_a_problem_as_well(error, status, code):
    answer = handled(error)
    assert answer.status_code == answer.data["status"] == status
    assert answer.data["code"] == code
    assert answer.content_type == "application/problem+json"
    assert answer.data["detail"]


def test_a_wrong_field_is_named():
    answer = handled(exceptions.ValidationError({"days": ["Too many."]}))
    assert answer.data["errors"] == {"days": ["Too many."]}


def test_what_nobody_expected_stays_an_error_and_tells_nothing():
    assert handled(ZeroDivisionError("secret")) is None


# --- the trace ------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_refused_act_leaves_its_trace_and_a_typing_mistake_does_not():
    user = UserFactory(roles=[Role.OWNER])
    handled(errors.Conflict("Spent.", code="spent"), user)
    handled(errors.InvalidInput("Not a number."), user)
    event = AuditEvent.objects.get()
    assert (event.stream_id, event.kind, event.actor) == ("refusals", "refused", user.subject)
    assert event.subject == "GET /api/v1/agents/"
    assert b'"code":"spent"' in bytes(event.body)


@pytest.mark.django_db
def test_a_refused_page_says_the_sentence_once_and_escaped():
    request = RequestFactory().get("/")
    request.user = UserFactory()
    refusal = errors.NotPermitted("Only <approvers> may.")
    answer = refusals.RefusalMiddleware(None).process_exception(request, refusal)
    assert answer.status_code == 403
    assert "Only &lt;approvers&gt; may." in answer.content.decode()


@pytest.mark.django_db
def test_other_errors_are_left_to_others():
    request = RequestFactory().get("/")
    assert refusals.RefusalMiddleware(None).process_exception(request, ValueError()) is None


@pytest.mark.django_db
def test_a_whole_answer_is_a_problem_even_where_markdown_was_asked_for(client):
    client.force_login(UserFactory(roles=[Role.OWNER]))
    answer = client.get("/api/v1/agents/nobody/resolve", headers={"Accept": "text/markdown"})
    assert answer.status_code == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["detail"]
