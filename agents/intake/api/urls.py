from django.urls import path

from agents.intake.api import views

urlpatterns = [
    path("imports/", views.Imports.as_view(), name="api-imports"),
    path("imports/<int:run_id>/", views.ImportDetail.as_view(), name="api-import"),
]
