"""Whether creating a sandbox raises; one JSON object on standard output."""

import json

from daytona import Daytona

try:
    Daytona().create()
    raised = False
except Exception:
    raised = True
print(json.dumps({"raised": raised}))
