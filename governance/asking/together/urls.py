from django.urls import path

from governance.asking.together import views

urlpatterns = [
    path("claim/", views.claim, name="ask-claim"),
    path("release/", views.release_claim, name="ask-release-claim"),
    path("hand-over/", views.hand_over, name="ask-hand-over"),
    path("snooze/", views.snooze, name="ask-snooze"),
    path("snooze/end/", views.end_snooze, name="ask-snooze-end"),
    path("watch/", views.watch, name="ask-watch"),
    path("unwatch/", views.unwatch, name="ask-unwatch"),
    path("nudge/", views.nudge, name="ask-nudge"),
    path("comment/", views.comment, name="ask-comment"),
]
