"""What the official client makes of the fake; one JSON object on standard output."""

import json

from daytona import CreateSandboxFromSnapshotParams, Daytona, ListSandboxesQuery

daytona = Daytona()
seen = {}


def error(call):
    try:
        call()
    except Exception as raised:
        return type(raised).__name__
    return None


everything = list(daytona.list(ListSandboxesQuery(limit=50)))
seen["listed"] = sorted(sandbox.id for sandbox in everything)

params = CreateSandboxFromSnapshotParams(
    name="made-by-the-client", labels={"run": "1"}, auto_stop_interval=0, auto_delete_interval=0
)
made = daytona.create(params)
seen["made"] = made.id
seen["state"] = made.state.value
labelled = ListSandboxesQuery(labels={"run": "1"}, states=["started"])
seen["labelled"] = [sandbox.id for sandbox in daytona.list(labelled)]
seen["by_name"] = daytona.get("made-by-the-client").id
made.delete(wait=True)
seen["after_delete"] = made.state.value
seen["get_after_delete"] = error(lambda: daytona.get(made.id))

deleted = everything[0]
daytona.delete(deleted)
seen["deleted"] = deleted.id
seen["delete_again"] = error(lambda: daytona.delete(deleted))

seen["snapshots"] = len(daytona.snapshot.list().items)
seen["volumes"] = len(daytona.volume.list())
print(json.dumps(seen))
