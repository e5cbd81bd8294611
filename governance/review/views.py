"""The acts that are the same for every version: to have seen it, to comment, to take it back."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from governance.base.errors import InvalidInput
from governance.people.signed_in import person
from governance.review import comments
from governance.review.forms import CommentForm
from governance.review.services import review_for, see_review, take_back


@login_required
@require_safe
def review(request: HttpRequest, review_id: int) -> HttpResponse:
    """Where the text under review is shown."""
    return redirect(review_for(person(request), review_id).path)


@login_required
@require_POST
def seen(request: HttpRequest, review_id: int) -> HttpResponse:
    """The page says that this person has it open: a POST, so no preview or link counts."""
    see_review(review_id=review_id, by=person(request), at=timezone.now())
    return HttpResponse(status=204)


@login_required
@require_POST
def withdraw(request: HttpRequest, review_id: int) -> HttpResponse:
    user = person(request)
    found = review_for(user, review_id)
    take_back(review_id=found.pk, by=user, at=timezone.now())
    messages.success(request, "The review is withdrawn. Nobody is reminded of it any more.")
    return redirect(found.path)


@login_required
@require_POST
def comment(request: HttpRequest, review_id: int) -> HttpResponse:
    user = person(request)
    found = review_for(user, review_id)
    form = CommentForm(request.POST)
    if not form.is_valid():
        raise InvalidInput("Write what you want to say, on a line that there is.")
    made = comments.comment(review_id=found.pk, by=user, at=timezone.now(), **form.cleaned_data)
    messages.success(request, "Your comment is written down. It is no vote.")
    return redirect(f"{found.path}#comment-{made.pk}")


@login_required
@require_POST
def resolve(request: HttpRequest, comment_id: int) -> HttpResponse:
    user = person(request)
    found = comments.resolve_comment(comment_id=comment_id, by=user, at=timezone.now())
    return redirect(f"{found.review.path}#comment-{found.pk}")
