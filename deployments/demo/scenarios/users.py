"""Users of module users, as Locust runs them in a process of its own."""

import random

from locust import FastHttpUser, constant_throughput, task


class PeopleUser(FastHttpUser):
    """Looks at who plans meals."""

    wait_time = constant_throughput(4)

    @task
    def look(self) -> None:
        """Everybody."""
        self.client.get("/api/users", name="users:/api/users")

    @task
    def show(self) -> None:
        """One of the sample data."""
        self.client.get(f"/api/users/{random.randint(1, 8)}", name="users:/api/users/:id")
