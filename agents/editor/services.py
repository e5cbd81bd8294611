"""Save what was written in the editor: as a draft like every other text that comes in."""

from datetime import datetime

from django.db import transaction

from agents.comparing import was_approved
from agents.importing import read_definition
from agents.models import Agent, AgentVersion
from agents.permissions import excluded_from
from agents.services import import_definition, locked_agent
from governance.base.errors import Conflict
from governance.people.models import User


@transaction.atomic
def save_draft(
    *,
    slug: str,
    raw: bytes,
    filename: str,
    newest: int,
    base_id: int | None = None,
    by: User,
    at: datetime,
) -> tuple[AgentVersion, bool]:
    """The agent's next version; ``Conflict`` where one came in after ``newest``.

    Whoever wrote the base counts as an author too, unless people have approved that already.
    """
    agent = locked_agent(slug)
    now = newest_of(agent)
    if now != newest:
        raise Conflict(
            f"Version {now} came in since you opened this page. Compare with it, or save again "
            "to let yours follow it.",
            code="moved",
            newest=now,
        )
    return import_definition(
        raw=raw,
        filename=filename,
        family="",
        by=by,
        at=at,
        slug=slug,
        co_authors=_writers(agent, base_id),
    )


def _writers(agent: Agent, base_id: int | None) -> set[int]:
    """Who wrote what the text began with: nobody approves his own words in another's draft."""
    if base_id is None:
        return set()
    base = agent.versions.filter(pk=base_id).select_related("proposed_by").first()
    return set() if base is None or was_approved(base) else excluded_from(base)


@transaction.atomic
def save_new(*, raw: bytes, filename: str, family: str, by: User, at: datetime) -> AgentVersion:
    """The first version of a new agent; ``Conflict`` where one of this name is there."""
    reading = read_definition(raw, filename)
    if Agent.objects.filter(slug=reading.slug).exists():
        raise _exists(reading.slug)
    version, _ = import_definition(
        raw=raw, filename=filename, family=family, by=by, at=at, reading=reading
    )
    if version.sequence != 1:
        # Somebody else was faster; raising takes back what was written here.
        raise _exists(reading.slug)
    return version


def _exists(slug: str) -> Conflict:
    return Conflict(
        f"There is an agent {slug} already. Edit that one, or choose another name.",
        code="name_taken",
        slug=slug,
    )


def newest_of(agent: Agent) -> int:
    """The number of the newest version; 0 where there is none."""
    sequence = agent.versions.order_by("-sequence").values_list("sequence", flat=True).first()
    return sequence or 0
