"""Forms of the admin whose changes may loosen something.

A form is saved, the thing is read before and after, and where something is looser the whole
form is undone and filed as one request. So it does not matter which field, row or relation did it.
"""

from typing import Any, ClassVar

from django.contrib import messages
from django.db import transaction
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone

from governance.base.errors import Refusal
from governance.configuration.kinds import Kind, Snapshot
from governance.configuration.permissions import ONLY_ONE, other_administrators
from governance.configuration.services import ask_change, hold_configuration
from governance.people.admin import ConfiguredInAdmin
from governance.people.signed_in import person


class Loosening(Exception):
    """Raised inside the transaction of a form that loosens something; undoes it."""

    def __init__(self, object_id: int | None, before: Snapshot, after: Snapshot) -> None:
        super().__init__("this loosens something")
        self.object_id, self.before, self.after = object_id, before, after


class LooseningInAdmin(ConfiguredInAdmin):
    """What tightens is saved at once; what loosens waits for another administrator."""

    kind: ClassVar[Kind]
    # Its meaning hangs on these: a thing under another one is another thing.
    fixed: ClassVar[tuple[str, ...]] = ()

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        return self.fixed if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Any = None) -> dict[str, Any]:
        filled = super().get_prepopulated_fields(request, obj)
        return {name: of for name, of in filled.items() if not (obj and name in self.fixed)}

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return super().changeform_view(request, *args, **kwargs)
        except Loosening as found:
            return self.filed(request, found)

    @transaction.atomic
    def save_model(
        self, request: HttpRequest, obj: Any, form: ModelForm[Any], change: bool
    ) -> None:
        hold_configuration()
        sort = getattr(obj, "kind", "")
        before = self.kind.read(obj.pk) if change else self.kind.absent(sort)
        form.before = before  # type: ignore[attr-defined]  # carried to save_related
        super().save_model(request, obj, form, change)

    def save_related(
        self, request: HttpRequest, form: ModelForm[Any], formsets: Any, change: bool
    ) -> None:
        """Inlines and relations are saved after the object: only now the whole can be compared."""
        super().save_related(request, form, formsets, change)
        before: Snapshot = form.before  # type: ignore[attr-defined]  # set by save_model
        after = self.kind.read(form.instance.pk)
        if self.kind.loosens(before, after):
            raise Loosening(form.instance.pk if change else None, before, after)

    def filed(self, request: HttpRequest, found: Loosening) -> HttpResponse:
        """File the request once the form is undone, and say so."""
        try:
            self.ask(request, found)
        except Refusal as refusal:
            return self.refused(request, refusal)
        return redirect(request.path)

    def ask(self, request: HttpRequest, found: Loosening) -> None:
        """One request for the whole of what was wanted."""
        by = person(request)
        change = ask_change(
            kind=self.kind.name,
            object_id=found.object_id,
            before=found.before,
            after=found.after,
            by=by,
            at=timezone.now(),
        )
        loosened = " ".join(change.sentences)
        self.message_user(
            request,
            f"This loosens the {self.kind.label}; another administrator has to confirm it. "
            f"{loosened}",
            messages.WARNING,
        )
        if not other_administrators(by):
            self.message_user(request, ONLY_ONE, messages.WARNING)
