from django.urls import path

from governance.asking.watchdogs import views

urlpatterns = [
    path("operations/", views.operations, name="operations"),
]
