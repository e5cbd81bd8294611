from django.urls import URLPattern, URLResolver, include, path

from escalations import by_mail, views
from escalations.converters import CASE

urlpatterns: list[URLPattern | URLResolver] = [
    path("", views.inbox, name="inbox"),
    path("cases/rows/", views.inbox_rows, name="inbox-rows"),
    path("", include("escalations.together.urls")),
    path(f"cases/{CASE}", views.case, name="case"),
    path(f"cases/{CASE}decide/", views.case_decide, name="case-decide"),
    path(f"cases/{CASE}ask/", views.case_ask, name="case-ask"),
    path(f"cases/{CASE}dismiss/", views.case_dismiss, name="case-dismiss"),
    path(f"cases/{CASE}seen/", views.case_seen, name="case-seen"),
    path(f"cases/{CASE}by-mail/", by_mail.decide_by_mail, name="case-by-mail"),
    path(f"cases/{CASE}opened/", views.case_opened, name="case-opened"),
    path(f"cases/{CASE}revoke/", views.case_revoke, name="case-revoke"),
    path("", include("escalations.insights.urls")),
    path("", include("escalations.precedents.urls")),
    path("", include("escalations.simulating.urls")),
]
