from django.urls import path

from escalations.converters import CASE
from escalations.precedents import views

OF_CASE = f"cases/{CASE}"

urlpatterns = [
    path("precedents/", views.precedents, name="precedents"),
    path("precedents/explained/", views.explained, name="decisions-explained"),
    path("precedents/<int:precedent_id>/withdraw/", views.withdraw, name="precedent-withdraw"),
    path(f"{OF_CASE}precedent/", views.mark, name="case-precedent"),
    path(f"{OF_CASE}draft/<slug:kind>/", views.draft, name="case-draft"),
    path(f"{OF_CASE}standing/", views.standing_new, name="case-standing"),
    path("standing/", views.standing, name="standing"),
    path("standing/<int:standing_id>/", views.standing_decision, name="standing-decision"),
    path("standing/<int:standing_id>/revoke/", views.standing_revoke, name="standing-revoke"),
    path("proposals/", views.proposals, name="proposals"),
    path("proposals/<int:proposal_id>/take/", views.proposal_take, name="proposal-take"),
    path("proposals/<int:proposal_id>/decline/", views.proposal_decline, name="proposal-decline"),
]
