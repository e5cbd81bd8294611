from django.urls import URLPattern, path, register_converter

from escalations import views
from escalations.converters import CaseNumber

register_converter(CaseNumber, "case")

urlpatterns: list[URLPattern] = [
    path("", views.inbox, name="inbox"),
    path("cases/rows/", views.inbox_rows, name="inbox-rows"),
    path("cases/<case:escalation_id>/", views.case, name="case"),
    path("cases/<case:escalation_id>/decide/", views.case_decide, name="case-decide"),
    path("cases/<case:escalation_id>/ask/", views.case_ask, name="case-ask"),
    path("cases/<case:escalation_id>/dismiss/", views.case_dismiss, name="case-dismiss"),
    path("cases/<case:escalation_id>/seen/", views.case_seen, name="case-seen"),
]
