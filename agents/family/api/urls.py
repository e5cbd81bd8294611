from django.urls import path

from agents.family.api import views

urlpatterns = [
    path("families/", views.FamilyList.as_view(), name="api-families"),
    path("families/<slug:slug>/report/", views.FamilyReport.as_view(), name="api-family-report"),
]
