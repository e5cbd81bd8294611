"""One's own page, and who is away. Everything is changed by POST, by the services."""

from collections.abc import Callable
from smtplib import SMTPException
from typing import Any

import structlog
from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from governance.asking.me.forms import DigestForm
from governance.asking.me.pages import absences_page, me_page
from governance.asking.me.preferring import set_digest_hour as set_digest_hour_of
from governance.base.errors import Refusal
from governance.people import away, own_hours
from governance.people.forms import (
    AbsenceForm,
    AbsenceOfSomebodyForm,
    QuietHoursForm,
    TimeZoneForm,
)
from governance.people.models import Delegation, User
from governance.people.own_time import moment_words, zone_of
from governance.people.permissions import Permission, check
from governance.people.refusals import record
from governance.people.services import actor_of
from governance.people.signed_in import person

log = structlog.get_logger()


@login_required
@never_cache
@require_safe
def me(request: HttpRequest) -> HttpResponse:
    """When one is told, by what, and who stands in."""
    return render(request, "people/me.html", me_page(person(request), at=timezone.now()))


def _saved(
    request: HttpRequest, name: str, form: Form, act: Callable[[dict[str, Any]], object]
) -> HttpResponse | None:
    """Do it with what was typed; else the page again, with the sentence and what was typed."""
    status = 400
    if form.is_valid():
        try:
            act(form.cleaned_data)
        except Refusal as refusal:
            record(refusal, by=actor_of(request.user), where=f"POST {request.path}")
            form.add_error(None, refusal.sentence)
            status = refusal.status
        else:
            return None
    context = me_page(person(request), at=timezone.now(), **{name: form})
    return render(request, "people/me.html", context, status=status)


@login_required
@require_POST
def set_time_zone(request: HttpRequest) -> HttpResponse:
    user, form = person(request), TimeZoneForm(request.POST)
    again = _saved(
        request,
        "zone_form",
        form,
        lambda typed: own_hours.set_time_zone(by=user, name=typed["time_zone"], at=timezone.now()),
    )
    if again is None:
        messages.success(request, "Your time zone is saved.")
    return again or redirect(f"{reverse('me')}#hours")


@login_required
@require_POST
def add_quiet_hours(request: HttpRequest) -> HttpResponse:
    user, form = person(request), QuietHoursForm(request.POST, auto_id="quiet_%s")
    again = _saved(
        request,
        "quiet_form",
        form,
        lambda typed: own_hours.add_quiet_hours(by=user, at=timezone.now(), **typed),
    )
    if again is None:
        messages.success(request, "Your quiet hours are saved.")
    return again or redirect(f"{reverse('me')}#hours")


@login_required
@require_POST
def remove_quiet_hours(request: HttpRequest, window_id: int) -> HttpResponse:
    own_hours.remove_quiet_hours(by=person(request), window_id=window_id, at=timezone.now())
    messages.success(request, "These quiet hours hold no more.")
    return redirect(f"{reverse('me')}#hours")


@login_required
@require_POST
def set_digest_hour(request: HttpRequest) -> HttpResponse:
    user, form = person(request), DigestForm(request.POST)
    again = _saved(
        request,
        "digest_form",
        form,
        lambda typed: set_digest_hour_of(by=user, at=timezone.now(), **typed),
    )
    if again is None:
        messages.success(request, "The hour of your digest is saved.")
    return again or redirect(f"{reverse('me')}#told")


@login_required
@require_POST
def be_away(request: HttpRequest) -> HttpResponse:
    """Out of office, for oneself."""
    user = person(request)
    form = AbsenceForm(request.POST, person=user, auto_id="away_%s")
    again = _saved(request, "away_form", form, lambda typed: _enter(user, user, typed))
    if again is None:
        messages.success(request, "It is noted that you are away.")
        _mail_delegate(request, user.absences.order_by("-made_at", "-id")[0])
    return again or redirect(f"{reverse('me')}#away")


def _enter(who: User, by: User, typed: dict[str, Any]) -> Delegation:
    delegate = typed["delegate"]
    return away.enter_absence(
        person_id=who.pk,
        starts_at=typed["starts_at"],
        ends_at=typed["ends_at"],
        delegate_id=delegate.pk if delegate else None,
        reason=typed["reason"],
        by=by,
        at=timezone.now(),
    )


@login_required
@require_POST
def end_absence(request: HttpRequest, absence_id: int) -> HttpResponse:
    """Back early, or not away after all."""
    user = person(request)
    ended = away.end_absence(absence_id=absence_id, by=user, at=timezone.now())
    if ended.person == user:
        messages.success(request, "It is noted that you are back.")
        return redirect(f"{reverse('me')}#away")
    _mail(request, ended, "account/email/absence_ended")
    messages.success(request, f"It is noted that {ended.person} is back.")
    return redirect("absences")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def absences(request: HttpRequest) -> HttpResponse:
    """Who is away; an administrator enters it for somebody who cannot."""
    user, form, status = person(request), None, 200
    check(user, Permission.VIEW)
    if request.method == "POST":
        check(user, Permission.CONFIGURE)
        form, status = AbsenceOfSomebodyForm(request.POST), 400
        if form.is_valid():
            try:
                made = _enter(form.cleaned_data["who"], user, form.cleaned_data)
            except Refusal as refusal:
                record(refusal, by=actor_of(user), where=f"POST {request.path}")
                form.add_error(None, refusal.sentence)
                status = refusal.status
            else:
                _mail(request, made, "account/email/absence_entered")
                _mail_delegate(request, made)
                return redirect("absences")
    context = absences_page(user, at=timezone.now(), form=form)
    return render(request, "people/absences.html", context, status=status)


def _mail(request: HttpRequest, absence: Delegation, template: str) -> None:
    """Tell the person what somebody else noted about them; their page says it all the same."""
    if absence.person != request.user:
        _send(request, absence, absence.person, template)


def _mail_delegate(request: HttpRequest, absence: Delegation) -> None:
    """Tell whoever is named that they stand in; their page and their digest say it as well."""
    delegate = absence.delegate
    if delegate is not None and delegate != request.user:
        _send(request, absence, delegate, "account/email/absence_names_you")


def _send(request: HttpRequest, absence: Delegation, to: User, template: str) -> None:
    zone, now = zone_of(to), timezone.now()
    context = {
        "whose": absence.person,
        "by": request.user,
        "delegate": absence.delegate,
        "begins": moment_words(absence.starts_at, zone, at=now),
        "ends": moment_words(absence.ends_at, zone, at=now),
        "zone": zone.key,
        "url": settings.PORTAL_URL + reverse("me"),
    }
    try:
        get_adapter(request).send_mail(template, to.email, context)
    except (SMTPException, OSError) as error:
        log.warning("absence_not_mailed", user=to.pk, error=type(error).__name__)
        messages.warning(
            request, f"The mail to {to} did not go out. Their own page says it all the same."
        )
    else:
        messages.success(request, f"It is noted, and {to} is told by mail.")
