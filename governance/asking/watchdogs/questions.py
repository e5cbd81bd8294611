"""Whether somebody is asked about what waits for people."""

from typing import TypeVar

from django.db.models import CharField, Exists, Model, OuterRef, QuerySet, Value
from django.db.models.functions import Cast, Concat

from governance.asking.models import Ask

M = TypeVar("M", bound=Model)


def not_asked(waiting: QuerySet[M], start: str) -> QuerySet[M]:
    """Of what waits for people, that about which no question is open.

    ``start`` is how the subjects of their questions begin, before the number of the row.
    """
    subject = Concat(Value(start), Cast(OuterRef("pk"), CharField()), output_field=CharField())
    asked = Ask.objects.open().filter(subject=subject)
    return waiting.filter(~Exists(asked)).order_by("pk")
