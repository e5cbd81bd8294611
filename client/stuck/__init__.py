"""The runner's side of the agent governance portal: ask people, wait, prove, act, report.

``from stuck.client import Client`` and ``from stuck.errors import DoNotProceed``. Nothing is
imported here, so that the command line tool starts fast.
"""

__version__ = "0.1.0"
