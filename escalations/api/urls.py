from django.urls import URLPattern, path

from escalations.api import acts, views
from escalations.converters import CASE

CASES = f"escalations/{CASE}"

urlpatterns: list[URLPattern] = [
    path("escalations/", views.CaseList.as_view(), name="api-cases"),
    path("escalations/kept/", views.KeptAnswers.as_view(), name="api-cases-kept"),
    path(CASES, views.CaseDetail.as_view(), name="api-case"),
    path(f"{CASES}wait/", views.CaseWait.as_view(), name="api-case-wait"),
    path(f"{CASES}events/", views.CaseEvents.as_view(), name="api-case-events"),
    path(f"{CASES}messages/", acts.Messages.as_view(), name="api-case-messages"),
    path(f"{CASES}withdraw/", acts.Withdraw.as_view(), name="api-case-withdraw"),
    path(f"{CASES}fetched/", acts.Fetched.as_view(), name="api-case-fetched"),
    path(f"{CASES}consume/", acts.Consume.as_view(), name="api-case-consume"),
    path(f"{CASES}outcome/", acts.ReportOutcome.as_view(), name="api-case-outcome"),
    path(f"{CASES}ballots/", views.Ballots.as_view(), name="api-case-ballots"),
]
