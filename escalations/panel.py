"""What the decide panel of a case shows: the rules of the question, and how this person fits."""

from collections.abc import Sequence
from typing import Any

from escalations.asked import names, teams_of
from escalations.deciding import quorum_of
from escalations.demands import asked_option, needed_level, reaches, why_not
from escalations.models import Ballot, Escalation, Option
from escalations.permissions import answers_as_owner
from governance.asking.models import Ask, Authentication
from governance.asking.policies.rules import Rules
from governance.people.models import Team, User

PROOFS: dict[str, str] = {
    Authentication.MAIL_WORD: "The short word of the mail is enough.",
    Authentication.SIGNED_IN: "",
    Authentication.FRESH: "It takes a fresh proof that it is you.",
    Authentication.PASSKEY: "It takes a passkey or security key.",
}
_SHOWN = ("key", "label", "description", "pros", "cons", "consequence")


def options_for(user: User, case: Escalation, rules: Rules) -> list[dict[str, Any]]:
    """The options with the sentence why this person may not choose one."""
    return [
        {**shown(option), "why_not": why_not(asked_option(case, option.key), rules, user)}
        for option in case.options.all()
    ]


def shown(option: Option) -> dict[str, Any]:
    """An option as pages show it."""
    return {name: getattr(option, name) for name in _SHOWN}


def policy_text(ask: Ask, case: Escalation, ballots: Sequence[Ballot]) -> str:
    """How many must decide, of which teams, and how they prove who they are."""
    rules = Rules.of(ask.rules)
    parts = [_how_many(ask, ballots), PROOFS[needed_level(rules, case)]]
    if rules.owner_may_answer:
        parts.append("The agent’s owner may answer alone: low risk, and no act.")
    return " ".join(filter(None, parts))


def _how_many(ask: Ask, ballots: Sequence[Ballot]) -> str:
    quorum = quorum_of(ask)
    count = max(quorum.votes, len(quorum.teams))
    if count == 1 and not quorum.teams:
        return "One person decides."
    teams = _team_names(quorum.teams)
    of_each = f", one of each of the teams {teams}" if len(quorum.teams) > 1 else ""
    of_one = f", one of them of the team {teams}" if len(quorum.teams) == 1 else ""
    many = "One person decides" if count == 1 else f"{count} people must choose the same"
    voted = f"; {len(ballots)} voted so far" if count > 1 else ""
    ends = " One rejection ends it." if quorum.one_rejection_ends and count > 1 else ""
    return f"{many}{of_each}{of_one}{voted}.{ends}"


def _team_names(teams: Sequence[int]) -> str:
    found = Team.objects.in_bulk(teams)
    return " and ".join(str(found[team]) if team in found else "one that is gone" for team in teams)


def why_me(user: User, case: Escalation, ask: Ask | None, ladder: Sequence[dict[str, Any]]) -> str:
    """Why this person is asked, as a sentence."""
    if ask is None:
        return "Nobody asked you by name, but you may decide."
    if answers_as_owner(user, case, ask):
        return "You own the agent, and the policy lets you answer this alone. It will say so."
    teams = teams_of(user)
    for rung, shown in zip(ask.ladder, ladder, strict=False):
        if names(rung, user, teams, ask):
            who = f"{shown['who'][0].lower()}{shown['who'][1:]}"
            return f"Step {shown['position']} asks you: {who}."
    return "Nobody asked you by name, but you may decide."


def proof_for(case: Escalation, rules: Rules, level: str) -> str:
    """What this person will be asked to prove first; empty where they have proved enough."""
    needed = needed_level(rules, case)
    if reaches(level, needed):
        return ""
    passkey = "with your passkey or security key " if needed == Authentication.PASSKEY else ""
    return f"You will be asked to confirm {passkey}that it is you. What you write here is kept."


def voter_in_words(vote: Ballot) -> str:
    """A decider's name and how they came to decide: by mail, for somebody, as the owner."""
    parts = []
    if vote.on_behalf_of:
        parts.append(f"on behalf of {vote.on_behalf_of}, who was away")
    if vote.by_owner:
        parts.append("the agent’s own owner")
    if vote.method == "mail_link":
        parts.append("by mail link")
    if vote.method == "mail_word":
        parts.append("by the word of the mail, not signed in")
    if vote.standing_id:
        parts.append("by a standing decision")
    return f"{vote.voter} ({'; '.join(parts)})" if parts else str(vote.voter)
