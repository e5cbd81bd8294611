from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from escalations.simulating.pages import simulation_page
from governance.people.signed_in import for_people


@require_safe
@never_cache
@for_people
def simulate(request: HttpRequest) -> HttpResponse:
    """What would happen to a case; nothing is asked, kept or sent."""
    context = simulation_page(request.GET, at=timezone.now())
    status = 400 if context["form"].errors else 200
    return render(request, "escalations/simulating/simulate.html", context, status=status)
