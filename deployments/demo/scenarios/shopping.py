"""Users of module shopping, as Locust runs them in a process of its own."""

import random

from locust import FastHttpUser, constant_throughput, task


class ShoppingUser(FastHttpUser):
    """Looks at shopping lists."""

    wait_time = constant_throughput(4)

    @task
    def look(self) -> None:
        """The newest lists."""
        self.client.get("/api/shopping/lists", name="shopping:/api/shopping/lists")

    @task
    def show(self) -> None:
        """One of the sample data, with what it costs."""
        self.client.get(f"/api/shopping/lists/{random.randint(1, 6)}", name="shopping:/api/shopping/lists/:id")
