"""Write the law in the browser: look at what a text would be, mend it, save it as a draft."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from governance.base.editing import FIX, FIX_ALL, MOST_ROUNDS, bytes_of, field_of, fixed, form_of
from governance.base.errors import InvalidInput, NotThere, Refusal, sentence_of
from governance.base.text_form import TextForm
from governance.constitution.drafting import (
    BLANK,
    LawPreview,
    newest_sequence,
    preview_of,
    save_draft,
)
from governance.constitution.models import ConstitutionVersion
from governance.constitution.permissions import (
    NO_VERSION,
    check_can_propose,
    check_can_view,
    version_for,
    versions_for,
)
from governance.constitution.services import MAIN
from governance.people.refusals import record
from governance.people.services import actor_of
from governance.people.signed_in import person


@dataclass(slots=True)
class LawDesk:
    """The editor page while it is answered; without a base nothing came before."""

    request: HttpRequest
    form: TextForm
    base: ConstitutionVersion | None
    preview: LawPreview | None = None
    refusal: Refusal | None = None
    was_fixed: bool = False

    @property
    def raw(self) -> bytes:
        like = bytes(self.base.raw) if self.base else b""
        return bytes_of(self.form.typed_text, like=like, plain="plain" in self.form.data)


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest) -> HttpResponse:
    """Change the law, beginning with one of its versions or, where there is none, with a form."""
    user = person(request)
    check_can_view(user)
    base = _base(request)
    if request.method == "POST":
        return _answer(LawDesk(request, TextForm(request.POST), base))
    text = base.text if base else BLANK.read_text(encoding="utf-8")
    form = TextForm(initial={"text": text, "newest": newest_sequence()})
    return _page(LawDesk(request, form, base))


def _base(request: HttpRequest) -> ConstitutionVersion | None:
    """The version that was chosen, else the newest."""
    chosen = request.GET.get("from", "")
    if not chosen:
        versions = versions_for(person(request)).filter(constitution__slug=MAIN)
        return versions.order_by("-sequence").first()
    if not chosen.isdecimal() or len(chosen) > 9:
        raise NotThere(NO_VERSION, code="unknown_version")
    return version_for(person(request), MAIN, int(chosen))


def _answer(desk: LawDesk) -> HttpResponse:
    """Preview, fix or save what was typed; whatever is refused, the text comes back."""
    act = desk.request.POST.get("act", "preview")
    try:
        if not desk.form.is_valid():
            raise InvalidInput(" ".join(str(errors[0]) for errors in desk.form.errors.values()))
        if act == "save":
            return redirect(_saved(desk))
        if act.startswith(FIX) or act == FIX_ALL:
            _fix(desk, act)
        desk.preview = preview_of(desk.raw)
    except Refusal as refusal:
        _refuse(desk, refusal, act)
    return _page(desk)


def _saved(desk: LawDesk) -> ConstitutionVersion:
    at = timezone.now()
    newest = desk.form.cleaned_data["newest"] or 0
    version = save_draft(
        raw=desk.raw, newest=newest, by=person(desk.request), at=at, base=desk.base
    )
    if version.created_at == at:
        messages.success(desk.request, "Saved as a draft. Submit it when it is ready.")
    else:
        messages.info(desk.request, f"This text is here already: version {version.sequence}.")
    return version


def _fix(desk: LawDesk, act: str) -> None:
    before = text = field_of(desk.raw)
    for _ in range(MOST_ROUNDS if act == FIX_ALL else 1):
        text = fixed(text, preview_of(text.encode()).findings, act)
    desk.was_fixed = text != before
    desk.form = desk.form.holding(text=text)


def _refuse(desk: LawDesk, refusal: Refusal, act: str) -> None:
    desk.refusal = refusal
    if act == "save":
        record(refusal, by=actor_of(person(desk.request)), where=desk.request.path)
    if refusal.code == "moved":
        # The person knows now: saving again means to let it follow the newer version.
        desk.form = desk.form.holding(newest=refusal.details["newest"])


def _page(desk: LawDesk) -> HttpResponse:
    status = desk.refusal.status if desk.refusal else 200
    in_place = "HX-Request" in desk.request.headers
    if in_place:
        status = 200  # htmx puts nothing else into the page
    context = _context(desk) | {"in_place": in_place}
    return render(desk.request, "constitution/edit.html", context, status=status)


def _context(desk: LawDesk) -> dict[str, Any]:
    newest = newest_sequence()
    moved = str(desk.form["newest"].value()) != str(newest)
    address = reverse("constitution-edit")
    return {
        "base": desk.base,
        "newest": newest,
        "moved": moved,
        "newest_url": reverse("constitution-version", args=[newest]) if newest else "",
        "form": desk.form,
        "file": form_of(bytes(desk.base.raw)) if desk.base else None,
        "preview": desk.preview,
        "refusal": desk.refusal,
        "was_fixed": desk.was_fixed,
        "action": f"{address}?from={desk.base.sequence}" if desk.base else address,
        "way_on": _way_on(desk, newest),
        "why_not": sentence_of(check_can_propose, person(desk.request)),
    }


def _way_on(desk: LawDesk, newest: int) -> tuple[str, str] | None:
    if desk.refusal is None or desk.refusal.code != "moved":
        return None
    return reverse("constitution-version", args=[newest]), f"Look at version {newest}"
