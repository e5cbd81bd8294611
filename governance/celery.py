import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "governance.settings")

app = Celery("governance", task_cls="governance.base.careful_task:CarefulTask")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
