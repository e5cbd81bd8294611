"""What colleagues do about a question. Nothing here decides it, and nothing happens by GET."""

from datetime import datetime

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from governance.asking import nudging
from governance.asking.models import Ask, Snooze
from governance.asking.together import claims, comments, handing_over, snoozing, watching
from governance.asking.together.forms import CommentForm, SnoozeForm, draft_name
from governance.asking.together.pages import handed_over_words, heard_again
from governance.asking.together.questions import question_for
from governance.base.errors import Conflict, InvalidInput, Refusal
from governance.people.models import User
from governance.people.refusals import record
from governance.people.services import actor_of
from governance.people.signed_in import drop_draft, keep_draft, person


def _back(ask: Ask) -> HttpResponse:
    return redirect(f"{ask.path.partition('#')[0]}#together-{ask.pk}")


def _again(request: HttpRequest, ask: Ask, what: str, refusal: Refusal) -> HttpResponse:
    """Back to the page, with the sentence and with every word that was written."""
    record(refusal, by=actor_of(person(request)), where=f"POST {request.path}")
    keep_draft(request, draft_name(what, ask.pk))
    messages.error(request, refusal.sentence)
    return _back(ask)


@login_required
@require_POST
def claim(request: HttpRequest, ask_id: int) -> HttpResponse:
    """Say that one looks at it, so that not two do; nothing is decided by it."""
    user = person(request)
    found = question_for(user, ask_id)
    claims.claim_ask(ask_id=found.pk, by=user, at=timezone.now())
    messages.success(request, "Others see that you are looking at it.")
    return redirect(found.path)


@login_required
@require_POST
def release_claim(request: HttpRequest, ask_id: int) -> HttpResponse:
    user = person(request)
    found = question_for(user, ask_id)
    claims.release_claim(ask_id=found.pk, by=user, at=timezone.now())
    messages.success(request, "Nobody says any more that they look at it.")
    return redirect(found.path)


@login_required
@require_POST
def nudge(request: HttpRequest, ask_id: int) -> HttpResponse:
    """Tell those whom the question has reached once more."""
    user = person(request)
    found = question_for(user, ask_id)
    told = nudging.nudge(ask_id=found.pk, by=user, at=timezone.now())
    names = ", ".join(str(one.user) for one in told)
    messages.success(request, f"{names} will be told once more. The reminders go on as before.")
    return _back(found)


@login_required
@require_POST
def hand_over(request: HttpRequest, ask_id: int) -> HttpResponse:
    """Name a colleague who looks at it from now on."""
    user = person(request)
    found = question_for(user, ask_id)
    to_id = request.POST.get("to", "")
    now = timezone.now()
    try:
        ask = handing_over.hand_over(
            ask_id=found.pk,
            to_id=int(to_id) if to_id.isdecimal() and len(to_id) < 18 else 0,
            by=user,
            at=now,
            reason=request.POST.get("reason", ""),
        )
    except (InvalidInput, Conflict) as refusal:
        return _again(request, found, "hand_over", refusal)
    drop_draft(request, draft_name("hand_over", found.pk))
    messages.success(request, handed_over_words(ask, user, at=now))
    return _back(found)


@login_required
@require_POST
def snooze(request: HttpRequest, ask_id: int) -> HttpResponse:
    """Hold back the reminders of one person for a while."""
    user, now = person(request), timezone.now()
    found = question_for(user, ask_id)
    try:
        made = _snooze(found, user, SnoozeForm(request.POST), at=now)
    except (InvalidInput, Conflict) as refusal:
        return _again(request, found, "snooze", refusal)
    drop_draft(request, draft_name("snooze", found.pk))
    messages.success(request, heard_again(found, made, at=now))
    return _back(found)


def _snooze(ask: Ask, user: User, form: SnoozeForm, *, at: datetime) -> Snooze:
    if not form.is_valid():
        raise InvalidInput("Say for how long you snooze it, and why.", code="invalid")
    return snoozing.snooze_ask(
        ask_id=ask.pk,
        by=user,
        until=form.until(user, at=at),
        reason=form.cleaned_data["reason"],
        at=at,
    )


@login_required
@require_POST
def end_snooze(request: HttpRequest, ask_id: int) -> HttpResponse:
    user = person(request)
    found = question_for(user, ask_id)
    snoozing.end_snooze(ask_id=found.pk, by=user, at=timezone.now())
    messages.success(request, "You are reminded of this again.")
    return _back(found)


@login_required
@require_POST
def watch(request: HttpRequest, ask_id: int) -> HttpResponse:
    user = person(request)
    found = question_for(user, ask_id)
    watching.watch(ask_id=found.pk, by=user, at=timezone.now())
    messages.success(request, "You hear of comments, and how it ends.")
    return _back(found)


@login_required
@require_POST
def unwatch(request: HttpRequest, ask_id: int) -> HttpResponse:
    user = person(request)
    found = question_for(user, ask_id)
    watching.unwatch(ask_id=found.pk, by=user, at=timezone.now())
    messages.success(request, "You hear no more news of this.")
    return _back(found)


@login_required
@require_POST
def comment(request: HttpRequest, ask_id: int) -> HttpResponse:
    """Say something to colleagues, never to the runner."""
    user = person(request)
    found = question_for(user, ask_id)
    try:
        said = _comment(found, user, CommentForm(request.POST))
    except (InvalidInput, Conflict) as refusal:
        return _again(request, found, "comment", refusal)
    drop_draft(request, draft_name("comment", found.pk))
    for sentence in said.sentences:
        messages.warning(request, sentence)
    messages.success(request, "Your comment is written down. It is no vote.")
    return _back(found)


def _comment(ask: Ask, user: User, form: CommentForm) -> comments.Said:
    if not form.is_valid():
        raise InvalidInput("Write what you want to say, in at most 5,000 characters.")
    return comments.comment_on(
        ask_id=ask.pk, by=user, text=form.cleaned_data["text"], at=timezone.now()
    )
