"""Users of module ingredients, as Locust runs them in a process of its own."""

import random

from locust import FastHttpUser, constant_throughput, task


class IngredientsUser(FastHttpUser):
    """Looks through what can be bought."""

    wait_time = constant_throughput(4)

    @task
    def look(self) -> None:
        """The whole list."""
        self.client.get("/api/ingredients", name="ingredients:/api/ingredients")

    @task
    def show(self) -> None:
        """One of the sample data."""
        self.client.get(f"/api/ingredients/{random.randint(1, 20)}", name="ingredients:/api/ingredients/:id")
