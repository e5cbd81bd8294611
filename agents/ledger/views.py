"""The ledger of rules: read, judge, try, accept suggestions, confirm what loosens."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from agents.ledger import pages, services
from agents.ledger.forms import ReasonForm, RuleForm, TryForm
from agents.models import RuleStance
from agents.permissions import agent_for
from governance.people.signed_in import for_people, person


@require_safe
@for_people
def rules(request: HttpRequest) -> HttpResponse:
    """Coverage of every family and agent, and what waits for a second person."""
    return render(request, "agents/ledger/rules.html", pages.rules(request.GET, person(request)))


@require_safe
@for_people
def agent_rules(request: HttpRequest, slug: str) -> HttpResponse:
    """Every rule of an agent: what it is, how it bites, what it said of late."""
    agent = agent_for(request.user, slug)
    context = pages.agent_rules(agent, person(request), at=timezone.now())
    return render(request, "agents/ledger/agent_rules.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def agent_rule(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """One rule, and the form to judge it."""
    agent = agent_for(request.user, slug)
    form = RuleForm(request.POST) if request.method == "POST" else None
    if form is not None and form.is_valid():
        return _judge(request, slug, key, form)
    context = pages.agent_rule(agent, key, person(request), at=timezone.now(), form=form)
    status = 400 if form is not None else 200
    return render(request, "agents/ledger/agent_rule.html", context, status=status)


def _judge(request: HttpRequest, slug: str, key: str, form: RuleForm) -> HttpResponse:
    said = form.cleaned_data
    stance = services.judge_rule(
        agent_slug=slug,
        key=key,
        rule_class=said["rule_class"],
        mode=said["mode"],
        matchers=said["matchers"],
        reason=said["reason"],
        by=person(request),
        at=timezone.now(),
    )
    messages.success(request, _told(stance))
    return redirect("agent-rule", slug, key)


def _told(stance: RuleStance) -> str:
    if stance.confirmed_at is None:
        return "Asked for. The rule stays as it is until a second person confirms."
    if stance.mode == "observe":
        return "Saved. The rule counts what it would have stopped, and stops nothing yet."
    return "Saved. It counts from the next question to the guard on."


@require_POST
@for_people
def try_it(request: HttpRequest, slug: str, key: str) -> HttpResponse:
    """What the form as it stands would say to an act; nothing is kept."""
    agent = agent_for(request.user, slug)
    form, try_form = RuleForm(request.POST), TryForm(request.POST)
    valid = form.is_valid() and try_form.is_valid()
    context = pages.agent_rule(
        agent,
        key,
        person(request),
        at=timezone.now(),
        form=form,
        try_form=try_form,
        tried=pages.tried(form, try_form) if valid else None,
    )
    return render(request, "agents/ledger/agent_rule.html", context, status=200 if valid else 400)


@require_POST
@for_people
def accept(request: HttpRequest, slug: str) -> HttpResponse:
    """Take the suggestions for the rules that the form names."""
    agent_for(request.user, slug)
    found = services.accept_suggestions(
        agent_slug=slug, keys=request.POST.getlist("key"), by=person(request), at=timezone.now()
    )
    count = len(found)
    messages.success(request, f"{count} rule{'s are' if count > 1 else ' is'} judged as suggested.")
    return redirect("agent-rules", slug)


@require_POST
@for_people
def confirm(request: HttpRequest, stance_id: int) -> HttpResponse:
    stance = services.confirm_stance(stance_id=stance_id, by=person(request), at=timezone.now())
    messages.success(request, "Confirmed. The rule is loosened.")
    return redirect("agent-rules", stance.agent.slug)


@require_POST
@for_people
def refuse(request: HttpRequest, stance_id: int) -> HttpResponse:
    form = ReasonForm(request.POST)
    reason = form.cleaned_data["reason"] if form.is_valid() else ""
    stance = services.refuse_stance(
        stance_id=stance_id, reason=reason, by=person(request), at=timezone.now()
    )
    messages.success(request, f"Closed. {stance.closed_because}")
    return redirect("agent-rules", stance.agent.slug)
