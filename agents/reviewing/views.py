"""Submit and vote; and what a change needs, for everybody to read."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from agents.models import HEAVY
from agents.permissions import version_for
from agents.reviewing import services
from agents.reviewing.forms import SubmitForm
from agents.reviewing.pages import review_policies
from agents.views import shown_version, version_page
from governance.asking.links import method_of
from governance.base.errors import InvalidInput
from governance.people.permissions import Permission, has
from governance.people.signed_in import for_people, person
from governance.review.forms import VoteForm
from governance.review.panel import teams_without_voters
from governance.review.services import latest_review


@require_safe
@for_people
def policies(request: HttpRequest) -> HttpResponse:
    """Class by tier by environment, read only; administrators find the way to change it."""
    context = review_policies() | {"may_configure": has(request.user, Permission.CONFIGURE)}
    return render(request, "agents/reviewing/policies.html", context)


@require_POST
@for_people
def submit(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    found = version_for(request.user, slug, sequence, without=HEAVY)
    form = SubmitForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("Choose an environment, and a day and time that there is.")
    environment = form.cleaned_data["environment"]
    review = services.submit_version(
        version_id=found.pk,
        by=person(request),
        at=timezone.now(),
        environment=environment.slug if environment else None,
        due_at=form.cleaned_data["due_at"],
    )
    messages.success(request, "Submitted. Everybody who may approve it is asked now.")
    for team in teams_without_voters(review):
        messages.warning(request, f"Nobody in {team} can vote on it.")
    return redirect(found)


@require_POST
@for_people
def vote(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    found = shown_version(request, slug, sequence)
    form = VoteForm(request.POST)
    if not form.is_valid():
        return version_page(request, found, form)
    review = latest_review(found.subject)
    voted = services.vote(
        version_id=found.pk,
        by=person(request),
        **form.cleaned_data,
        method=method_of(request, subject=review.stream if review else ""),
        at=timezone.now(),
    )
    messages.success(request, f"Your vote is recorded. {voted.get_status_display()}.")
    return redirect(found)
