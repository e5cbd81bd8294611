from django.urls import path

from agents.ledger import views

AGENT = "agents/<slug:slug>/rules/"

urlpatterns = [
    path("rules/", views.rules, name="rules"),
    path(AGENT, views.agent_rules, name="agent-rules"),
    path(f"{AGENT}accept/", views.accept, name="agent-rules-accept"),
    path("rules/requests/<int:stance_id>/confirm/", views.confirm, name="rule-loosening-confirm"),
    path("rules/requests/<int:stance_id>/refuse/", views.refuse, name="rule-loosening-refuse"),
    path(f"{AGENT}<slug:key>/", views.agent_rule, name="agent-rule"),
    path(f"{AGENT}<slug:key>/try/", views.try_it, name="agent-rule-try"),
]
