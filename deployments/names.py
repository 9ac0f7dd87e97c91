"""What deployments and their runs are called."""

from typing import Final

TAG: Final = "opsrounds"
"""Of every deployment."""
CHECKLIST_TAG: Final = "checklist"
"""Of the rounds: it sets them apart from the monitoring."""
EVERY_SERVICE: Final = "every-service"
"""The one deployment of a flow that is for all services of the machine."""
MONITORING: Final = f"monitoring/{EVERY_SERVICE}"
