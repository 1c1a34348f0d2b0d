"""What the tests of the package share. PATH and the environment lead to tbengine, the daemon and
the fake service."""

import os
import subprocess
import sys
import textwrap
import time
import unittest
import uuid
from datetime import timedelta

import docker

IMAGE = "busybox:latest"
SLEEP = ["sleep", "100000"]
AT_ONCE = {"settle_time": timedelta(0)}
#: From the death of a process until what it made is gone.
WAIT_TIMEOUT = 20


def eventually(holds, what, patience=WAIT_TIMEOUT):
    """Waits until something holds, and fails if it does not."""
    deadline = time.monotonic() + patience
    while not holds():
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {patience} s: {what}")
        time.sleep(0.05)


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def start(*scripts, **options):
    """Starts these one after the other in a process of its own, with everything here imported."""
    prelude = "import os, signal, time\nimport docker, tbengine\nfrom support import *\n"
    script = "\n".join([prelude, *map(textwrap.dedent, scripts)])
    return subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, **options)


def ended(process):
    """What a process printed, and how it ended."""
    with process:
        printed, _ = process.communicate(timeout=60)
    return printed.split(), process.returncode


class DockerCase(unittest.TestCase):
    """A client, and a container of someone else beside each test."""

    def setUp(self):
        self.docker = docker.from_env()
        self.addCleanup(self.docker.close)
        foreign = self.docker.containers.run(IMAGE, SLEEP, detach=True, name=f"foreign-{uuid.uuid4()}")
        self.addCleanup(foreign.remove, force=True)
        # Runs before the cleanups above: whatever the test did, this one was left alone.
        self.addCleanup(lambda: self.assertEqual(self.status(foreign.id), "running"))

    def status(self, container):
        try:
            return self.docker.containers.get(container).status
        except docker.errors.NotFound:
            return None

    def run_under(self, lease, **kwargs):
        """A container that says under which lease it was made."""
        return self.docker.containers.run(IMAGE, SLEEP, detach=True, labels=lease.label, **kwargs).id

    def assert_gone(self, *containers):
        for container in containers:
            self.assertIsNone(self.status(container), container)

    def assert_soon_gone(self, *containers):
        for container in containers:
            eventually(lambda: self.status(container) is None, f"container {container} is gone")  # noqa: B023


def holders(lease):
    """The processes that hold a lease with this id, which was chosen when it was taken."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline") as command:
                words = command.read().split("\0")
        except OSError:
            continue
        if "hold" in words and f"--run-id={lease}" in words:
            found.append(int(pid))
    return found
