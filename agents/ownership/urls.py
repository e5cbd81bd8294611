from django.urls import path

from agents.ownership import views

urlpatterns = [
    path("agents/<slug:slug>/ownership/", views.ownership, name="agent-ownership"),
    path("agents/<slug:slug>/tier/", views.tier, name="agent-tier"),
]
