from django.urls import path

from governance.asking.me import views

urlpatterns = [
    path("me/", views.me, name="me"),
    path("me/time-zone/", views.set_time_zone, name="me-time-zone"),
    path("me/quiet-hours/", views.add_quiet_hours, name="me-quiet-hours"),
    path(
        "me/quiet-hours/<int:window_id>/remove/",
        views.remove_quiet_hours,
        name="me-quiet-hours-remove",
    ),
    path("me/away/", views.be_away, name="me-away"),
    path("me/digest/", views.set_digest_hour, name="me-digest"),
    path("absences/", views.absences, name="absences"),
    path("absences/<int:absence_id>/end/", views.end_absence, name="absence-end"),
]
