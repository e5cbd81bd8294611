from django.urls import path

from agents.ledger.api import views

urlpatterns = [path("guard/", views.Guard.as_view(), name="api-guard")]
