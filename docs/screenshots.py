"""Makes docs/img anew from a running portal with the sample.

    python3 dev.py run                                   # fresh, in another terminal
    export APPROVER_PASSWORD=… SECOND_PASSWORD=… AUDITOR_PASSWORD=… GOVERNANCE_KEY=gp_…
    .venv/bin/python docs/screenshots.py

It plays a runner (``dev.py demo``), decides its case and leaves two questions open. So it changes
the portal that it shows: give it one that you can throw away.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "img"
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


def raise_case(question: dict[str, Any]) -> None:
    """Ask as a runner."""
    headers = {
        "Authorization": f"Bearer {os.environ['GOVERNANCE_KEY']}",
        "Content-Type": "application/json",
    }
    body = json.dumps(question).encode()
    with urlopen(Request(f"{URL}/api/v1/escalations/", body, headers)) as answer:
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
    browser: Browser, who: dict[str, Any], path: str, name: str, size: dict[str, int] = LAPTOP
) -> None:
    """What one screen shows, in ``docs/img/<name>.png``."""
    look = "dark" if name.endswith("-dark") else "light"
    with page_of(browser, who, size, look) as page:
        page.goto(path, wait_until="networkidle")
        page.screenshot(path=IMAGES / f"{name}.png")


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


def main() -> None:
    IMAGES.mkdir(exist_ok=True)
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        with (
            signed_in(browser, "approver") as approver,
            signed_in(browser, "second") as second,
            signed_in(browser, "auditor") as auditor,
        ):
            for question in QUESTIONS:
                raise_case(question)
            with demo() as runner:
                case = newest_case(browser, approver)
                shoot(browser, approver, "/", "inbox-light")
                shoot(browser, approver, "/", "inbox-phone-dark", PHONE)
                shoot(browser, approver, case, "case-light")
                shoot(browser, approver, case, "case-phone", PHONE)
                decide(browser, second, case)
                runner.wait(LONGEST_WAIT)
            shoot(browser, approver, case, "decided-light")
            shoot(browser, approver, "/agents/", "agents-light")
            shoot(browser, approver, "/agents/python-backend/versions/1/", "version-light")
            shoot(browser, approver, "/constitution/", "constitution-light")
            shoot(browser, auditor, "/history/", "history-light")


if __name__ == "__main__":
    main()
