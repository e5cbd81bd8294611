"""Objects for tests; what a test does not name is made up here."""

from datetime import UTC, datetime

import factory
from factory.django import DjangoModelFactory

from governance.people.models import Role, Runner, User

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PASSWORD = "correct horse battery staple"


class UserFactory(DjangoModelFactory):
    class Meta:
        model = User
        skip_postgeneration_save = True

    email = factory.Sequence(lambda n: f"person{n}@example.org")
    name = factory.Sequence(lambda n: f"Person {n}")
    roles = factory.LazyFunction(list)

    @factory.post_generation
    def password(self, create, extracted, **kwargs):
        """A usable password only where a test asks for one: hashing is slow on purpose."""
        if extracted:
            self.set_password(extracted)
            self.save()


class RunnerFactory(DjangoModelFactory):
    class Meta:
        model = Runner

    name = factory.Sequence(lambda n: f"Runner {n}")
    slug = factory.Sequence(lambda n: f"runner-{n}")
    owner = factory.SubFactory(UserFactory, roles=[Role.OWNER])
    agents = factory.LazyFunction(lambda: ["*"])
    created_at = NOW
