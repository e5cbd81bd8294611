from django.urls import path

from agents.intake import views

urlpatterns = [
    path("agents/import/", views.bring_in, name="agents-import"),
    path("agents/<slug:slug>/versions/<int:sequence>/fix/", views.fix, name="agent-version-fix"),
    path("imports/", views.runs, name="import-runs"),
    path("imports/<int:run_id>/", views.run, name="import-run"),
    path("families/<slug:slug>/export.zip", views.export, name="family-export"),
]
