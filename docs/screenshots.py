"""Makes docs/img anew from a running portal with the sample.

    python3 dev.py run                                   # fresh, in another terminal
    export OWNER_PASSWORD=… APPROVER_PASSWORD=… SECOND_PASSWORD=… AUDITOR_PASSWORD=…
    export GOVERNANCE_KEY=gp_…                           # GOVERNANCE_URL, if on another port
    .venv/bin/python docs/screenshots.py

It plays a runner (``dev.py demo``), decides its case, brings in definitions, judges rules and
proposes an amendment. So it changes the portal that it shows: give it one that you can throw away.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, Locator, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "img"
SAMPLE = ROOT / "agents" / "sample"
URL = os.environ.get("GOVERNANCE_URL", "http://localhost:8000")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"]
LAPTOP = {"width": 1280, "height": 800}
PHONE = {"width": 390, "height": 844}
LONGEST_WAIT = 30  # seconds
QUESTIONS: list[dict[str, Any]] = [
    {
        "agent": "python-backend",
        "run": "nightly",
        "project": "order pages",
        "title": "The order list is too slow for the largest customer",
        "task": "Show all orders of a customer",
        "problem": "The largest customer has 40,000 orders, and the page takes 9 seconds",
        "attempted": ["Measured the query plan"],
        "options": ["Page the list", "Add an index", "Keep a summary table"],
        "impact": "Clients have to follow links, or answers get older",
        "constitutional_impact": "Performance Standards vs Simplicity",
    },
    {
        "agent": "stuck",
        "run": "import-of-suppliers",
        "project": "suppliers",
        "title": "Two suppliers have the same tax number",
        "task": "Import the list of suppliers",
        "problem": "Row 118 and row 402 have the same tax number and different names",
        "attempted": ["Looked for an older list"],
        "options": ["Leave both out and report them", "Take the newer row"],
        "impact": "Invoices of one of them would go to the other",
        "constitutional_impact": "Human Decision",
    },
]


# What an agent is about to do, as a runner asks the guard: how often, and the command.
COMMANDS = (
    (3, "pip install requests"),
    (1, "uv add httpx"),
    (2, "python manage.py makemigrations orders"),
    (4, "git status"),
)
NEW_AGENT = """\
---
name: release-engineer
description: Use when: a version is to be shipped
tools: Read, Grep, Bash
escalation: mandatory
---

# Release Engineer

You bring a reviewed version to where it runs.

## Rules
- **NEVER** deploy to production without approval
- **ALWAYS** keep the version before it ready to go back to

## Integration Coordination
- **With devops-engineer**: Agree on the window
- **With stuck agent**: Ask whenever a step fails
"""


def post(path: str, body: dict[str, Any]) -> None:
    """A call of the sample's runner."""
    headers = {
        "Authorization": f"Bearer {os.environ['GOVERNANCE_KEY']}",
        "Content-Type": "application/json",
    }
    sent = Request(f"{URL}/api/v1/{path}", json.dumps(body).encode(), headers)
    with urlopen(sent) as answer:
        json.load(answer)


@contextmanager
def signed_in(browser: Browser, name: str) -> Iterator[dict[str, Any]]:
    """The cookies of one of the sample's people."""
    context = browser.new_context(base_url=URL)
    page = context.new_page()
    page.goto("/account/login/")
    page.get_by_label("Email").fill(f"{name}@example.org")
    page.get_by_label("Password").fill(os.environ[f"{name.upper()}_PASSWORD"])
    page.get_by_role("button", name="Sign in", exact=True).click()
    page.wait_for_url(f"{URL}/")
    yield dict(context.storage_state())
    context.close()


@contextmanager
def page_of(
    browser: Browser, who: dict[str, Any], size: dict[str, int], look: str
) -> Iterator[Page]:
    context = browser.new_context(base_url=URL, viewport=size, color_scheme=look, storage_state=who)
    yield context.new_page()
    context.close()


def shoot(
    browser: Browser,
    who: dict[str, Any],
    path: str,
    name: str,
    size: dict[str, int] = LAPTOP,
    part: str = "",
) -> None:
    """What one screen shows, or a part of the page, in ``docs/img/<name>.png``."""
    look = "dark" if name.endswith("-dark") else "light"
    with page_of(browser, who, size, look) as page:
        page.goto(path, wait_until="networkidle")
        shown: Page | Locator = page.locator(part) if part else page
        shown.screenshot(path=IMAGES / f"{name}.png")


@contextmanager
def demo() -> Iterator[subprocess.Popen[bytes]]:
    """The demonstration's runner, waiting for an answer."""
    runner = subprocess.Popen([sys.executable, ROOT / "dev.py", "demo"])
    try:
        yield runner
    finally:
        runner.terminate()
        runner.wait()


def newest_case(browser: Browser, who: dict[str, Any]) -> str:
    """The path of the demonstration's case, as soon as it is in the inbox."""
    until = time.monotonic() + LONGEST_WAIT
    with page_of(browser, who, LAPTOP, "light") as page:
        while time.monotonic() < until:
            page.goto("/")
            found = page.get_by_role("link", name="Sign-in for the partner portal")
            if found.count():
                return str(found.first.get_attribute("href"))
            time.sleep(0.2)
    sys.exit("The demonstration's case did not come.")


def decide(browser: Browser, who: dict[str, Any], path: str) -> None:
    """Choose the agent's preference, with two constraints."""
    with page_of(browser, who, LAPTOP, "light") as page:
        page.goto(path)
        page.get_by_label("Server sessions").check()
        page.get_by_role("textbox", name="Approach").fill("The sessions of the framework")
        page.get_by_role("textbox", name="Constraints").fill(
            "No new dependency\nA session ends after an hour without a request"
        )
        page.get_by_role("textbox", name="Reason").fill("A session can be ended at once")
        page.get_by_role("button", name="Record my decision").click()
        page.get_by_role("heading", name="Server sessions").wait_for()


def definitions(folder: Path) -> list[Path]:
    """A family on its way in: one changed gravely, one a little, one new, one broken, the rest."""
    changed = (SAMPLE / "python-backend.md").read_bytes()
    changed = changed.replace(b"- **NEVER** add external dependencies without approval\n", b"")
    changed = changed.replace(b"version: 1.4.0\n", b"version: 1.5.0\ntools: Read, Edit, Bash\n")
    spaced = (SAMPLE / "qa-engineer.md").read_bytes().replace(b"\n\n## ", b"\n\n\n## ", 1)
    files = {
        "python-backend.md": changed,
        "qa-engineer.md": spaced,
        "release-engineer.md": NEW_AGENT.encode(),
        "transcript.md": b"# A transcript of all that was said\n" + b"and so on\n" * 120_000,
        "README.md": b"# The family\n\nWhat each of these agents is for.\n",
        "stuck.md": (SAMPLE / "stuck.md").read_bytes(),
        "api-architect.md": (SAMPLE / "api-architect.md").read_bytes(),
    }
    for name, raw in files.items():
        (folder / name).write_bytes(raw)
    return [folder / name for name in files]


def bring_in(browser: Browser, who: dict[str, Any]) -> str:
    """Import them; the path of the result."""
    with (
        page_of(browser, who, LAPTOP, "light") as page,
        tempfile.TemporaryDirectory() as folder,
    ):
        page.goto("/agents/import/")
        page.get_by_label("Files").set_input_files(definitions(Path(folder)))
        page.get_by_label("Family").first.fill("Sample family")
        page.get_by_role("button", name="Bring in").click()
        page.wait_for_url("**/imports/*/")
        return page.url.removeprefix(URL)


def submit(browser: Browser, who: dict[str, Any], path: str) -> None:
    with page_of(browser, who, LAPTOP, "light") as page:
        page.goto(path)
        page.get_by_role("button", name="Submit for review").click()
        page.wait_for_load_state("networkidle")


def judge_rules(browser: Browser, who: dict[str, Any], path: str) -> None:
    """Accept what is suggested, let the guard be asked, then enforce one rule."""
    with page_of(browser, who, LAPTOP, "light") as page:
        page.on("dialog", lambda dialog: dialog.accept())
        page.goto(path)
        page.get_by_role("button", name="Accept the ticked suggestions").click()
        page.wait_for_load_state("networkidle")
        for times, command in COMMANDS:
            for turn in range(times):
                body = {"agent": "python-backend", "run": f"build-{turn}", "instance": "main"}
                post("guard/", {**body, "tool": "Bash", "command": command})
        page.goto(path)
        page.get_by_role("link", name="add external dependencies").click()
        page.get_by_role("button", name="Enforce from now on").click()
        page.get_by_role("dialog").get_by_role("button", name="Enforce from now on").click()
        page.wait_for_load_state("networkidle")


def amend(browser: Browser, who: dict[str, Any]) -> str:
    """Propose a stricter law; the path of its version."""
    text = (SAMPLE / "constitution.md").read_text()
    text = text.replace(
        "- A defect MUST be reproduced by a test before its repair is written.",
        "- A defect MUST be reproduced by a test before its repair is written.\n"
        "- A test MUST name the rule that it guards.",
    )
    with page_of(browser, who, LAPTOP, "light") as page:
        page.goto("/constitution/edit/")
        page.get_by_label("Text").fill(text)
        page.get_by_role("button", name="Save as draft").click()
        page.wait_for_url("**/constitution/versions/*/")
        return page.url.removeprefix(URL)


def registry(browser: Browser, people: dict[str, dict[str, Any]]) -> None:
    """Definitions and law: what comes in, what it changes, what it touches."""
    owner, approver = people["owner"], people["approver"]
    shoot(browser, owner, bring_in(browser, owner), "import-light")
    backend = "/agents/python-backend/"
    submit(browser, owner, f"{backend}versions/2/")
    shoot(browser, approver, f"{backend}versions/2/diff/", "diff-light")
    judge_rules(browser, people["second"], f"{backend}rules/")
    shoot(browser, approver, f"{backend}rules/", "rules-light")
    law = amend(browser, owner)
    shoot(browser, approver, f"{law}impact/", "impact-light")
    shoot(browser, approver, "/families/sample-family/", "family-light")
    shoot(
        browser, approver, "/families/sample-family/", "graph-light", LAPTOP, "#graph-panel .graph"
    )
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M")
    past = f"/as-of/?environment=production&zone=UTC&at={moment}"
    shoot(browser, people["auditor"], past, "as-of-light")


def cases(browser: Browser, people: dict[str, dict[str, Any]]) -> None:
    """A question that stops work, on its way to an answer."""
    approver = people["approver"]
    for question in QUESTIONS:
        post("escalations/", question)
    with demo() as runner:
        case = newest_case(browser, approver)
        shoot(browser, approver, "/", "inbox-light")
        shoot(browser, approver, case, "case-light")
        shoot(browser, approver, case, "case-phone-dark", PHONE)
        decide(browser, people["second"], case)
        runner.wait(LONGEST_WAIT)
    shoot(browser, approver, case, "decided-light")
    shoot(browser, people["auditor"], "/history/", "history-light")


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    names = ("owner", "approver", "second", "auditor")
    with sync_playwright() as playwright, ExitStack() as stack:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        people = {name: stack.enter_context(signed_in(browser, name)) for name in names}
        cases(browser, people)
        registry(browser, people)


if __name__ == "__main__":
    main()
