"""What a vote must bring: words, an option that the voter may choose, a proof of who it is."""

from typing import Any

from agents.models import Tier
from escalations.answers import request_of
from escalations.asked import teams_of
from escalations.models import Ballot, Escalation, Option, Verdict
from governance.asking.models import Authentication
from governance.asking.policies.rules import Rules
from governance.base.errors import InvalidInput, NotPermitted
from governance.people.models import Role, Team, User

PROVE: dict[str, str] = {
    Authentication.SIGNED_IN: "Sign in to decide {ref}: the word of the mail is not enough.",
    Authentication.FRESH: "To decide {ref}, confirm first that it is you.",
    Authentication.PASSKEY: "To decide {ref}, confirm with a passkey or security key first.",
}


def needed_level(rules: Rules, case: Escalation) -> Authentication:
    """What the policy asks for; the word of the mail is enough for low risk only."""
    needed = Authentication(rules.authentication)
    if needed == Authentication.MAIL_WORD and case.risk != Tier.LOW:
        return Authentication.SIGNED_IN
    return needed


def reaches(level: str, needed: str) -> bool:
    """Whether a proof is at least as strong as the one that is needed."""
    return Authentication(level).strength >= Authentication(needed).strength


def check_level(case: Escalation, rules: Rules, level: str) -> None:
    """Refuse with the code ``authentication`` and the level that is needed."""
    needed = needed_level(rules, case)
    if not reaches(level, needed):
        sentence = PROVE[needed].format(ref=case.ref)
        raise NotPermitted(sentence, code="authentication", needs=str(needed))


def chosen_option(case: Escalation, verdict: str, key: str) -> Option | None:
    """The option that an approval names; a refusal where it fits no verdict or no option."""
    if verdict not in Verdict.values:
        raise InvalidInput(f"A verdict is one of {', '.join(Verdict.values)}.")
    if verdict != Verdict.APPROVED_OPTION:
        if key:
            raise InvalidInput("Only an approval names an option.")
        return None
    option = case.options.filter(key=key).first() if key else None
    if option is None:
        raise InvalidInput("Choose one of the options that the case offers.", code="no_such_option")
    return option


def check_complete(ballot: Ballot) -> None:
    """Refuse a vote that lacks what its verdict needs, whatever the policy says."""
    if ballot.verdict == Verdict.OTHER_APPROACH and not ballot.approach:
        raise InvalidInput("Say what to do instead.", code="approach_needed")
    if ballot.verdict == Verdict.REJECTED and not ballot.reason:
        raise InvalidInput("Say why the agent must not proceed.", code="reason_needed")


def check_demands(case: Escalation, rules: Rules, ballot: Ballot) -> None:
    """What the policy asks of this vote, and what the runner's option asks besides."""
    if rules.reason_required and not ballot.reason:
        raise InvalidInput("The policy of this case asks for your reason.", code="reason_needed")
    if ballot.option is None:
        return
    option = asked_option(case, ballot.option.key)
    if option.get("requires_comment") and not ballot.reason:
        raise InvalidInput("This option asks for your reason.", code="reason_needed")
    if sentence := why_not(option, rules, ballot.voter):
        raise NotPermitted(sentence, code="authority")


def asked_option(case: Escalation, key: str) -> dict[str, Any]:
    """An option as the runner sent it."""
    asked = request_of(case).get("options", [])
    return next((one for one in asked if one.get("key") == key), {"key": key})


def why_not(option: dict[str, Any], rules: Rules, user: User) -> str:
    """Why a person may not choose an option; empty where nothing speaks against it.

    The policy speaks of an option by its key or by the authority it names. A runner may name a
    role as that authority: the decider must hold it as well, and never less than before.
    """
    named = str(option.get("authority") or "").strip().lower()
    for wanted in _wanted(rules, {str(option.get("key", "")).lower(), named} - {""}):
        role, team = wanted.get("role"), wanted.get("team")
        if role and role not in user.roles:
            return _also(Role(role).label.lower())
        if team and team not in teams_of(user):
            found = Team.objects.filter(pk=team).first()
            return f"This option is for the team {found or 'that the policy named'} to choose."
    if named in Role.values and named not in user.roles:
        return _also(Role(named).label.lower())
    return ""


def _wanted(rules: Rules, names: set[str]) -> list[dict[str, Any]]:
    return [wanted for name, wanted in rules.authorities.items() if name.strip().lower() in names]


def _also(role: str) -> str:
    return f"This option asks for somebody who is {role} as well."
