"""A decision without signing in, where the policy lets the word of the mail be enough.

GET shows the stored request and decides nothing. Whoever clicks every button without the word
decides nothing; a few wrong words end that way, and the person signs in instead.
"""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from escalations.cases import case_for_page
from escalations.deciding import decide
from escalations.forms import ByMailForm
from escalations.models import Escalation, subject_of
from escalations.pages import case_page
from escalations.rendering import BY_MAIL, template_version
from governance.asking.links import (
    MAIL_WORD,
    is_the_word,
    link_in_session,
    tries_left,
    word_is_enough,
)
from governance.asking.models import Authentication, ReviewLink
from governance.asking.policies.rules import Rules
from governance.asking.views import sign_in_address
from governance.audit.actors import Actor
from governance.base.errors import NotPermitted, Refusal
from governance.people.models import User
from governance.people.refusals import record

WRONG_WORD = "This is not the word of the mail. Nothing was decided."
NO_TRIES = "Too many wrong words were tried with this link. Sign in to decide."


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def decide_by_mail(request: HttpRequest, escalation_id: int) -> HttpResponse:
    """For the holder of the mail, whom its link in the session leads here."""
    link = link_in_session(request, at=timezone.now())
    if link is None or link.ask.subject != subject_of(escalation_id):
        return render(request, "asking/link_gone.html", status=404)
    if isinstance(request.user, User) or not word_is_enough(link.ask) or not tries_left(link):
        return redirect("review-landing")
    case = case_for_page(escalation_id)
    form = ByMailForm(request.POST or None, case=case, rules=Rules.of(link.ask.rules))
    if request.method != "POST":
        return _page(request, case, link, form)
    if not form.is_valid():
        return _page(request, case, link, form, status=400)
    return _decide(request, case, link, form)


def _decide(
    request: HttpRequest, case: Escalation, link: ReviewLink, form: ByMailForm
) -> HttpResponse:
    try:
        if not is_the_word(link, form.cleaned_data["word"]):
            sentence = WRONG_WORD if tries_left(link) else NO_TRIES
            raise NotPermitted(sentence, code="wrong_word")
        decision = decide(
            escalation_id=case.pk,
            by=link.recipient,
            method=MAIL_WORD,
            level=Authentication.MAIL_WORD,
            at=timezone.now(),
            shown_as=template_version(BY_MAIL),
            **form.answer(),
        )
    except Refusal as refusal:
        # Who holds the link is not known: the recipient is not blamed for it.
        record(refusal, by=Actor("link", str(link.pk)), where=f"POST {request.path}")
        form.add_error(None, refusal.sentence)
        return _page(request, case_for_page(case.pk), link, form, status=refusal.status)
    more = "The runner gets the answer." if decision else "It takes more people to decide."
    context = {"case": case, "sentence": f"{case.ref} has your vote. {more}"}
    return render(request, "escalations/by_mail_done.html", context)


def _page(
    request: HttpRequest, case: Escalation, link: ReviewLink, form: ByMailForm, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = case_page(case, link.recipient, at=timezone.now(), form=form)
    shown = ("case", "options", "policy_text", "form", "refusal")
    return render(
        request,
        "escalations/by_mail.html",
        {
            **{name: context[name] for name in shown},
            "recipient": link.recipient,
            "sign_in": sign_in_address(),
        },
        status=status,
    )
