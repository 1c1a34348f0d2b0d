"""What the official client makes of sandboxes that are linked; one JSON object on standard output."""

import json

from daytona import CreateSandboxFromSnapshotParams, Daytona

daytona = Daytona()


def create(**params):
    return daytona.create(
        CreateSandboxFromSnapshotParams(auto_stop_interval=0, auto_delete_interval=0, **params)
    )


owner = create(name="owner")
follower = create(name="follower", linked_sandbox=owner.id)
seen = {
    "owner": owner.id,
    "follower": follower.id,
    "link": getattr(daytona.get(follower.id), "linked_sandbox_id", None),
}
owner.delete(wait=True)
try:
    seen["follower_after"] = daytona.get(follower.id).state.value
except Exception as raised:
    seen["follower_after"] = type(raised).__name__
print(json.dumps(seen))
