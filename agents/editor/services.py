"""Save what was written in the editor: as a draft like every other text that comes in."""

from datetime import datetime

from django.db import transaction

from agents.importing import check_size, slug_of
from agents.models import Agent, AgentVersion
from agents.parsing import parse_definition
from agents.permissions import no_such_agent
from agents.services import import_definition
from governance.base.errors import Conflict
from governance.people.models import User


@transaction.atomic
def save_draft(
    *, slug: str, raw: bytes, filename: str, newest: int, by: User, at: datetime
) -> tuple[AgentVersion, bool]:
    """The agent's next version; ``Conflict`` where one came in after ``newest``."""
    agent = Agent.objects.select_for_update().filter(slug=slug).first()
    if agent is None:
        raise no_such_agent(slug)
    now = newest_of(agent)
    if now != newest:
        raise Conflict(
            f"Version {now} came in since you opened this page. Compare with it, or save again "
            "to let yours follow it.",
            code="moved",
            newest=now,
        )
    return import_definition(raw=raw, filename=filename, family="", by=by, at=at, slug=slug)


@transaction.atomic
def save_new(*, raw: bytes, filename: str, family: str, by: User, at: datetime) -> AgentVersion:
    """The first version of a new agent; ``Conflict`` where one of this name is there."""
    check_size(raw)
    slug = slug_of(parse_definition(raw, filename=filename), filename)
    if Agent.objects.filter(slug=slug).exists():
        raise _exists(slug)
    version, _ = import_definition(raw=raw, filename=filename, family=family, by=by, at=at)
    if version.sequence != 1:
        # Somebody else was faster; raising takes back what was written here.
        raise _exists(slug)
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
