"""Workers of one run share a Valkey: each gets a database of its own.

Read before the settings are: a poke of one worker's test must not wake another's stack.
"""

import os

_worker = os.environ.get("PYTEST_XDIST_WORKER", "")
_address = os.environ.get("REDIS_URL", "")
if _worker.startswith("gw") and _address.startswith("unix://") and "?" not in _address:
    os.environ["REDIS_URL"] = f"{_address}?db={int(_worker.removeprefix('gw')) + 1}"
