from django.urls import path

from agents.family import views

urlpatterns = [
    path("families/", views.families, name="families"),
    path("families/<slug:slug>/", views.family, name="family"),
    path("families/<slug:slug>/report.csv", views.family_csv, name="family-csv"),
    path("families/<slug:slug>/report.md", views.family_markdown, name="family-markdown"),
]
