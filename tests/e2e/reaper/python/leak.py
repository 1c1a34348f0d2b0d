"""Makes a network and a container with Testcontainers, says which, and never ends by itself."""

import json
import time

from testcontainers.core.container import DockerContainer, Reaper
from testcontainers.core.labels import SESSION_ID
from testcontainers.core.network import Network

network = Network().create()
container = DockerContainer("busybox:latest").with_network(network).with_command("sleep 100000").start()
made = {
    "session": SESSION_ID,
    "container": container.get_wrapped_container().id,
    "network": network.id,
    "reaper": Reaper._container.get_wrapped_container().id,
}
print(json.dumps(made), flush=True)
time.sleep(100000)
