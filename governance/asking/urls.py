from django.urls import include, path, re_path

from governance.asking import mailbox, views

urlpatterns = [
    path("", include("governance.asking.me.urls")),
    path("", include("governance.asking.channels.urls")),
    path("", include("governance.asking.watchdogs.urls")),
    # Mail programs drop the closing slash and add signs of their own: everything is a token.
    re_path(r"^r/(?P<token>[^/]{1,300})/?$", views.review_link, name="review-link"),
    path("review/", views.review_landing, name="review-landing"),
    path("review/switch/", views.switch_account, name="review-switch"),
    path("asks/<int:ask_id>/", include("governance.asking.together.urls")),
    path("health/live", views.health_live, name="health-live"),
    path("health/ready", views.health_ready, name="health-ready"),
    path("health/scheduler", views.health_scheduler, name="health-scheduler"),
    path("dev/mailbox/", mailbox.index, name="mailbox"),
    path("dev/mailbox/<slug:key>/", mailbox.message, name="mailbox-message"),
]
