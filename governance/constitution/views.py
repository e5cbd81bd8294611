"""The law in force, its versions, and the acts that lead from a text to law."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from governance.asking.links import SESSION, method_of
from governance.base.errors import NotThere, Refusal, sentence_of
from governance.constitution import services
from governance.constitution.forms import ImportForm, SubmitForm
from governance.constitution.models import ConstitutionVersion, Ratification
from governance.constitution.pages import (
    diff_page,
    history_of,
    notices,
    precedence_part,
    proposal_part,
    report_part,
)
from governance.constitution.permissions import (
    check_can_acknowledge,
    check_can_propose,
    check_can_view,
    version_for,
)
from governance.constitution.reports import out_of_reach, report_of
from governance.constitution.standing import (
    DRAFT,
    LABELS,
    STANDING_TONES,
    check_acknowledged,
    check_submittable,
    in_force,
    noticed_in,
)
from governance.constitution.sync_report import sync_report
from governance.people.models import User
from governance.people.signed_in import person
from governance.review.forms import VoteForm
from governance.review.models import Review, ReviewStatus
from governance.review.panel import panel_for
from governance.review.services import latest_review

MOST_OFFERED = 100
# Refusals that the form can mend: they are shown beside its field.
MENDED_BY_A_REASON = frozenset({"override_without_reason", "version_number"})


@login_required
@require_safe
def constitution(request: HttpRequest) -> HttpResponse:
    return _constitution_page(request, ImportForm())


def _constitution_page(request: HttpRequest, form: ImportForm, status: int = 200) -> HttpResponse:
    """The articles in force, every version, and a form for one more."""
    user = person(request)
    check_can_view(user)
    law = in_force(services.MAIN)
    context = {
        "law": law,
        "principles": law.version.principles.all() if law else [],
        "ratified_by": services.ratifiers(law) if law else [],
        "versions": [_row(version) for version in services.versions()],
        "history": history_of(services.MAIN),
        "form": form,
        "import_refusal": sentence_of(check_can_propose, user),
    }
    return render(request, "constitution/constitution.html", context, status=status)


def _row(version: Any) -> dict[str, Any]:
    return {
        "version": version,
        "label": LABELS[version.status],
        "tone": STANDING_TONES[version.status],
        "ratified_at": version.ratified_at,
    }


@login_required
@require_POST
def bring_in(request: HttpRequest) -> HttpResponse:
    user = person(request)
    check_can_view(user)
    form = ImportForm(request.POST, request.FILES)
    if not form.is_valid():
        return _constitution_page(request, form, status=400)
    at = timezone.now()
    version = services.import_constitution(raw=form.cleaned_data["raw"], by=user, at=at)
    if version.created_at == at:
        messages.success(request, f"Brought in as version {version.sequence}. It is a draft.")
    else:
        messages.info(request, f"This text is here already: it is version {version.sequence}.")
    return redirect(version)


@login_required
@require_safe
def version(request: HttpRequest, sequence: int) -> HttpResponse:
    user = person(request)
    found = version_for(user, services.MAIN, sequence)
    return _version_page(request, user, found, latest_review(found.subject))


def _version_page(
    request: HttpRequest,
    user: User,
    found: ConstitutionVersion,
    review: Review | None,
    form: VoteForm | None = None,
    submit_form: SubmitForm | None = None,
    status: int = 200,
) -> HttpResponse:
    """The text, what was noticed in it, what it changes in the law, and its review."""
    law = in_force(services.MAIN)
    report = report_part(found, review)
    noticed = [*notices(report["report"]), *noticed_in(found)]
    status_now = review.status if review else DRAFT
    submit_refusal = sentence_of(check_can_propose, user) or sentence_of(
        check_submittable, found, review, law=law.version.sha256 if law else ""
    )
    context = {
        "version": found,
        "principles": found.principles.all(),
        "status": status_now,
        "label": LABELS[status_now],
        "tone": STANDING_TONES[status_now],
        "law": law,
        "is_in_force": law is not None and law.version_id == found.pk,
        "ratification": Ratification.objects.filter(version=found).first(),
        "noticed": noticed,
        "blocking": sum(thing.blocks for thing in noticed),
        "waiting": sum(thing.waits for thing in noticed),
        "approval_waits": sentence_of(check_acknowledged, found),
        "acknowledge_refusal": sentence_of(check_can_acknowledge, user, found),
        "submit_refusal": submit_refusal,
        "submit_form": submit_form or SubmitForm(),
        **report,
        **proposal_part(found, review, report["report"], submit_refusal),
        **precedence_part(found),
        "panel": panel_for(user, review, at=timezone.now()) if review else None,
        "form": form or (VoteForm.about(review) if review else None),
    }
    return render(request, "constitution/version.html", context, status=status)


@login_required
@require_safe
def raw(request: HttpRequest, sequence: int) -> HttpResponse:
    """The bytes as they came, to keep; never shown by the browser itself."""
    found = version_for(person(request), services.MAIN, sequence)
    name = f"constitution-{found.sequence}.md"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return HttpResponse(bytes(found.raw), content_type="text/markdown", headers=headers)


@login_required
@require_safe
def diff(request: HttpRequest, sequence: int) -> HttpResponse:
    """A version beside another: by meaning, then word for word."""
    found = version_for(person(request), services.MAIN, sequence)
    others = services.versions().values_list("sequence", flat=True)[:MOST_OFFERED]
    context = diff_page(
        found,
        chosen=request.GET.get("from", ""),
        view=request.GET.get("view", ""),
        others=list(others),
    )
    return render(request, "constitution/diff.html", context)


@login_required
@require_safe
def report(request: HttpRequest, sequence: int) -> HttpResponse:
    """The Sync Impact Report as a comment to paste at the top of the file."""
    found = version_for(person(request), services.MAIN, sequence)
    known = report_of(found, latest_review(found.subject))
    if known is None:
        raise NotThere("This version became law before the portal compared amendments.")
    address = request.build_absolute_uri(reverse("amendment-impact", args=[found.sequence]))
    name = f"sync-impact-report-{found.sequence}.md"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    text = sync_report(known, address=address)
    return HttpResponse(text, content_type="text/markdown; charset=utf-8", headers=headers)


@login_required
@require_POST
def submit(request: HttpRequest, sequence: int) -> HttpResponse:
    user = person(request)
    found = version_for(user, services.MAIN, sequence)
    form = SubmitForm(request.POST)
    if not form.is_valid():
        return _unsubmitted(request, user, found, form, status=400)
    try:
        review = services.submit_version(
            version_id=found.pk, by=user, at=timezone.now(), **form.cleaned_data
        )
    except Refusal as refusal:
        if refusal.code not in MENDED_BY_A_REASON:
            raise
        form.add_error("override_reason", refusal.sentence)
        return _unsubmitted(request, user, found, form, status=refusal.status)
    messages.success(request, "Submitted. People who may ratify it are asked now.")
    submitted = report_of(found, review)
    if submitted and submitted.is_out_of_reach:
        messages.warning(request, out_of_reach(submitted))
    return redirect(found)


def _unsubmitted(
    request: HttpRequest, user: User, found: ConstitutionVersion, form: SubmitForm, status: int
) -> HttpResponse:
    review = latest_review(found.subject)
    return _version_page(request, user, found, review, submit_form=form, status=status)


@login_required
@require_POST
def acknowledge(request: HttpRequest, sequence: int, finding_key: str) -> HttpResponse:
    user = person(request)
    found = version_for(user, services.MAIN, sequence)
    services.acknowledge(version_id=found.pk, finding_key=finding_key, by=user, at=timezone.now())
    return redirect(f"{found.get_absolute_url()}#findings")


@login_required
@require_POST
def vote(request: HttpRequest, sequence: int) -> HttpResponse:
    user = person(request)
    found = version_for(user, services.MAIN, sequence)
    review = latest_review(found.subject)
    form = VoteForm(request.POST)
    if not form.is_valid():
        return _version_page(request, user, found, review, form, status=400)
    after = services.vote(
        version_id=found.pk,
        by=user,
        method=method_of(request, subject=review.stream) if review else SESSION,
        at=timezone.now(),
        **form.cleaned_data,
    )
    messages.success(request, _said(after))
    return redirect(found)


def _said(review: Review) -> str:
    if review.status == ReviewStatus.APPROVED:
        return "Your vote is recorded. This version is ratified and is now the law in force."
    return f"Your vote is recorded. The review: {review.get_status_display().lower()}."
