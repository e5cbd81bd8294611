"""Numbers start again in each test, so that what the guard keeps must not outlive one."""

from collections.abc import Iterator

import pytest

from agents.ledger.guarding import KEPT


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    KEPT.rows.clear()
    yield
    KEPT.rows.clear()
