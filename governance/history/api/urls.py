from django.urls import path

from governance.history.api import views

urlpatterns = [
    path("audit/events/", views.EventList.as_view(), name="api-audit-events"),
]
