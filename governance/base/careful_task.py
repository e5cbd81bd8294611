"""The class of every task: it does nothing on a database that its code does not fit."""

from typing import Any

import structlog
from celery import Task

from governance.base.schema import misfit

log = structlog.get_logger()


class CarefulTask(Task):
    """A worker that an upgrade left behind stops processing; its log says why.

    Raises nothing: the rows stay due, and the first worker that fits takes them.
    """

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if complaint := misfit():
            log.error("task_not_run", task=self.name, reason=complaint)
            return None
        return super().__call__(*args, **kwargs)
