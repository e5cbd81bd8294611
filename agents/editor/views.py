"""Write a definition in the browser: look at what it would be, mend it, save it as a draft."""

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_http_methods, require_POST

from agents.diff_page import chosen_version
from agents.editor.forms import ChangeForm, NewForm, StartForm
from agents.editor.opened import open_part, opened_by, text_note, told
from agents.editor.previewing import Preview, all_mended, mended, preview_of
from agents.editor.services import newest_of, save_draft, save_new
from agents.editor.starting import start_from, templates
from agents.intake.forms import ImportForm
from agents.models import HEAVY, Agent, AgentVersion
from agents.permissions import agent_for, no_such_version, version_for, why_not
from governance.base.editing import (
    FIX,
    FIX_ALL,
    FORM_FINDINGS,
    FileForm,
    bytes_of,
    field_of,
    form_of,
)
from governance.base.errors import InvalidInput, Refusal
from governance.base.text_form import TextForm
from governance.people.permissions import Permission
from governance.people.refusals import record
from governance.people.services import actor_of
from governance.people.signed_in import for_people, person

Form = ChangeForm | NewForm


@dataclass(slots=True)
class Desk:
    """One editor page while it is answered; without an agent it is about a new one."""

    request: HttpRequest
    form: Form
    agent: Agent | None = None
    base: AgentVersion | None = None
    preview: Preview | None = None
    refusal: Refusal | None = None
    was_fixed: bool = False

    @property
    def base_raw(self) -> bytes:
        return bytes(self.base.raw) if self.base else b""

    @property
    def raw(self) -> bytes:
        plain = "plain" in self.form.data
        return bytes_of(self.form.typed_text, like=self.base_raw, plain=plain)

    @property
    def filename(self) -> str:
        if self.base:
            return self.base.filename
        return str(self.form.data.get("filename", "")).strip()

    @property
    def file(self) -> FileForm | None:
        return form_of(self.base_raw) if self.base else None

    @property
    def newest(self) -> int:
        """The newest version now; 0 of an agent that is still to come."""
        return newest_of(self.agent) if self.agent else 0


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def edit(request: HttpRequest, slug: str) -> HttpResponse:
    """Change a definition, beginning with one of its versions."""
    agent = agent_for(request.user, slug)
    base = _base(agent, request.GET.get("from", ""))
    if request.method == "POST":
        return _answer(Desk(request, ChangeForm(request.POST), agent, base))
    newest = newest_of(agent)
    form = ChangeForm(initial={"text": base.text, "newest": newest})
    return _page(Desk(request, form, agent, base))


@require_http_methods(["GET", "HEAD", "POST"])
@for_people
def new(request: HttpRequest) -> HttpResponse:
    """Choose what to start from, then write the first version of an agent."""
    if request.method == "POST":
        return _answer(Desk(request, NewForm(request.POST)))
    template = request.GET.get("template", "")
    if not template:
        return _choice(request)
    start = start_from(
        template,
        name=request.GET.get("name", "").strip(),
        family=request.GET.get("family", "").strip(),
        by=request.user,
    )
    initial = {"text": start.text, "filename": start.filename, "family": start.family}
    return _page(Desk(request, NewForm(initial=initial)))


def _choice(request: HttpRequest) -> HttpResponse:
    family = request.GET.get("family", "")
    form = StartForm(
        initial={"family": family, "name": request.GET.get("name", "")},
        templates=templates(request.user),
    )
    context = {
        "form": form,
        "family_names": ImportForm.families(),
        "why_not": why_not(request.user, Permission.PROPOSE),
    }
    return render(request, "agents/start.html", context)


def _base(agent: Agent, sequence: str) -> AgentVersion:
    if sequence:
        return chosen_version(agent, sequence)
    newest = agent.versions.order_by("-sequence").first()
    if newest is None:
        raise no_such_version(agent, 0)
    return newest


def _answer(desk: Desk) -> HttpResponse:
    """Preview, fix or save what was typed; whatever is refused, the text comes back."""
    act = desk.request.POST.get("act", "preview")
    try:
        if not desk.form.is_valid():
            raise InvalidInput(_said_of(desk.form))
        if act == "save":
            return redirect(_saved(desk))
        if act.startswith(FIX) or act == FIX_ALL:
            _fix(desk, act)
        desk.preview = preview_of(desk.raw, filename=desk.filename, agent=desk.agent)
    except Refusal as refusal:
        _refuse(desk, refusal, act)
    return _page(desk)


def _said_of(form: TextForm) -> str:
    return " ".join(f"{form[name].label}: {errors[0]}" for name, errors in form.errors.items())


def _saved(desk: Desk) -> AgentVersion:
    user, at = person(desk.request), timezone.now()
    if desk.agent is None:
        family = desk.form.cleaned_data["family"]
        version = save_new(raw=desk.raw, filename=desk.filename, family=family, by=user, at=at)
        messages.success(desk.request, "Saved as a draft. Submit it when it is ready.")
        return version
    version, created = save_draft(
        slug=desk.agent.slug,
        raw=desk.raw,
        filename=desk.filename,
        newest=desk.form.cleaned_data["newest"] or 0,
        base_id=desk.base.pk if desk.base else None,
        by=user,
        at=at,
    )
    if created:
        messages.success(desk.request, "Saved as a draft. Submit it when it is ready.")
    else:
        messages.info(desk.request, "Nothing was changed: this is the newest version.")
    return version


def _fix(desk: Desk, act: str) -> None:
    """Put the safe fixes into the text that the page shows again."""
    if act == FIX_ALL:
        raw, done = all_mended(desk.raw, filename=desk.filename, agent=desk.agent)
    else:
        raw, done = mended(desk.raw, act, filename=desk.filename, agent=desk.agent)
    desk.was_fixed = bool(done)
    of_the_form = any(finding.code in FORM_FINDINGS for finding in done)
    desk.form = desk.form.holding(text=field_of(raw), **({"plain": "on"} if of_the_form else {}))


def _refuse(desk: Desk, refusal: Refusal, act: str) -> None:
    desk.refusal = refusal
    if act == "save":
        record(refusal, by=actor_of(person(desk.request)), where=desk.request.path)
    if refusal.code == "moved":
        # The person knows now: saving again means to let it follow the newer version.
        desk.form = desk.form.holding(newest=refusal.details["newest"])


def _page(desk: Desk) -> HttpResponse:
    status = desk.refusal.status if desk.refusal else 200
    if desk.request.headers.get("HX-Request"):
        status = 200  # htmx puts nothing else into the page
    return render(desk.request, "agents/editor.html", _context(desk), status=status)


def _context(desk: Desk) -> dict[str, Any]:
    newest = desk.newest
    opened_at = desk.form["newest"].value()
    return {
        "agent": desk.agent,
        "base": desk.base,
        "newest": newest,
        "moved": desk.agent is not None and str(opened_at) != str(newest),
        "form": desk.form,
        "file": desk.file,
        "preview": desk.preview,
        "refusal": desk.refusal,
        "was_fixed": desk.was_fixed,
        "action": _address(desk),
        "way_on": _way_on(desk),
        "in_place": "HX-Request" in desk.request.headers,
        "family_names": [] if desk.agent else ImportForm.families(),
        "why_not": why_not(desk.request.user, Permission.PROPOSE),
    }


def _address(desk: Desk) -> str:
    if desk.agent is None or desk.base is None:
        return reverse("agent-new")
    return f"{reverse('agent-edit', args=[desk.agent.slug])}?from={desk.base.sequence}"


def _way_on(desk: Desk) -> tuple[str, str] | None:
    """Where to go on from a refusal, with the words of the link."""
    refusal = desk.refusal
    if refusal and refusal.code == "name_taken":
        slug = str(refusal.details["slug"])
        return reverse("agent-edit", args=[slug]), f"Edit {slug}"
    if refusal and refusal.code == "moved" and desk.agent and desk.base:
        place = reverse("agent-version-diff", args=[desk.agent.slug, desk.newest])
        return f"{place}?from={desk.base.sequence}", f"See what version {desk.newest} changes"
    return None


@require_POST
@for_people
def opened(request: HttpRequest, slug: str, sequence: int) -> HttpResponse:
    """Note that the reader opened one part of a version."""
    version, user = version_for(request.user, slug, sequence, without=HEAVY), person(request)
    open_part(version_id=version.pk, part=request.POST.get("part", ""), by=user, at=timezone.now())
    if "application/json" in request.headers.get("Accept", ""):
        mine = opened_by(version)[user.pk]
        return JsonResponse({"opened": told(mine), "text_note": text_note(mine)})
    there = request.POST.get("next", "")
    is_here = url_has_allowed_host_and_scheme(there, allowed_hosts=None)
    return redirect(there if is_here else version.get_absolute_url())
