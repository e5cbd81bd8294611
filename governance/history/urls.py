from django.urls import path

from governance.history import views

urlpatterns = [
    path("history/", views.history, name="history"),
]
