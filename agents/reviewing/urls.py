from django.urls import path

from agents.reviewing import views

VERSION = "agents/<slug:slug>/versions/<int:sequence>/"

urlpatterns = [
    path("policies/reviews/", views.policies, name="review-policies"),
    path(f"{VERSION}submit/", views.submit, name="agent-version-submit"),
    path(f"{VERSION}vote/", views.vote, name="agent-version-vote"),
]
