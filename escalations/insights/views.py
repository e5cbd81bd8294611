from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from escalations.insights.pages import insights_page
from governance.people.signed_in import for_people, person


@require_safe
@for_people
def insights(request: HttpRequest) -> HttpResponse:
    """How well questions are answered. Everybody sees the policies, and themselves."""
    context = insights_page(person(request), request.GET.get("days", ""), at=timezone.now())
    return render(request, "escalations/insights/insights.html", context)
