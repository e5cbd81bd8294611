from django.urls import URLPattern, path

from escalations.simulating import views

urlpatterns: list[URLPattern] = [path("policies/simulate/", views.simulate, name="policy-simulate")]
