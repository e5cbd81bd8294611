"""Plays a runner: asks people before an act, waits, spends the permit, reports the outcome.

``python -m stuck.demo``, with the settings of the command line tool.
"""

import json
import os
import sys
import uuid
from typing import Any, Dict, List

from stuck.answers import Answer, Case
from stuck.cli import client_from, say
from stuck.client import Client
from stuck.errors import DoNotProceed

ACTION = {
    "kind": "configuration.change",
    "target": "partner-portal/sign-in",
    "arguments": {"method": "as the approved option says", "environment": "production"},
}
# A mapping of its own: the block has no field for an act.
QUESTION: Dict[str, Any] = {
    "agent": "python-backend",
    "environment": "production",
    "project": "demo",
    "title": "Sign-in for the partner portal",
    "task": "Let partner companies sign in to the order pages",
    "problem": "The task names no way to sign in, and three would fit",
    "attempted": ["Read the contract of the order pages", "Read the notes of the last audit"],
    "options": [
        {
            "key": "sessions",
            "label": "Server sessions",
            "pros": ["least new code", "revoked at once"],
            "cons": ["state on the server"],
        },
        {
            "key": "tokens",
            "label": "Signed tokens",
            "pros": ["no state on the server"],
            "cons": ["hard to take back before they end"],
        },
        {
            "key": "partner-login",
            "label": "The partners' own identity provider",
            "pros": ["no passwords with us"],
            "cons": ["one more outside service"],
        },
    ],
    "recommendation": "sessions",
    "impact": "Order pages, the mobile client and the help desk follow the choice",
    "constitutional_impact": {"text": "Security by Design vs Simplicity"},
    "extra": {
        "Security_Considerations": "A stolen token works until it ends; a session can be ended",
        "Performance_Impact": "One session read per request, about 1 ms",
    },
    "action": ACTION,
}


def main() -> int:
    """The whole story; exits like the command line tool where it ends early."""
    try:
        client = client_from(os.environ)
        case = client.ask({**QUESTION, "run": f"demo-{uuid.uuid4().hex[:8]}"})
        announce(case)
        answer = client.wait(case, on_question=reply_to)
        print(answer.block(), flush=True)
        act(client, answer)
    except DoNotProceed as error:
        say(error.sentence)
        return error.exit_code
    except KeyboardInterrupt:
        say("Stopped waiting. The case stays open.")
        return 130
    return 0


def announce(case: Case) -> None:
    """Where people decide."""
    say(f"I play a runner. {case.ref} is open; I do nothing until people have decided.")
    say(f"Sign in as an approver and decide here: {case.url}")
    say("The mail to the approvers is on the page /dev/mailbox/ of the portal.")


def reply_to(answer: Answer) -> str:
    """A runner without a person at its side says what it knows."""
    for question in answer.questions:
        say(f"{question.asked_by} asks: {question.text}")
    said = "I am the demonstration. I know what the case says, and no more."
    say(f"I answer: {said}")
    return said


def act(client: Client, answer: Answer) -> None:
    """Spend the permit, do the act (here: print it), report each constraint."""
    if not answer.needs_permit:
        say("The answer permits no act of its own: another approach was asked for.")
        return
    permit = client.consume(answer.ref)
    say(f"The permit is spent, for {permit.request_sha256[:16]} only. I act, once:")
    say(json.dumps(ACTION))
    client.outcome(
        answer.ref,
        "succeeded",
        summary=f"Set sign-in to {answer.option}. A demonstration: nothing was changed.",
        constraints=kept(answer),
    )
    say(f"The outcome is recorded, constraint by constraint. See {answer.url}")


def kept(answer: Answer) -> List[Dict[str, Any]]:
    """The demonstration changes nothing, so it keeps every constraint."""
    evidence = "nothing was changed"
    return [{"constraint": one, "kept": True, "evidence": evidence} for one in answer.constraints]


if __name__ == "__main__":
    sys.exit(main())
