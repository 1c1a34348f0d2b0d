"""A sandbox for a block of code, over the fake Daytona service."""

import asyncio
import json
import os
import signal
import unittest
import urllib.request

import daytona
import tbengine
from support import AT_ONCE, ended, eventually, start
from tbengine import managed_daytona_sandbox

FAKE = os.environ["DAYTONA_API_URL"].removesuffix("/api") + "/_fake"


def live():
    """The ids of the sandboxes that exist, in order."""
    return sorted(sandbox["id"] for sandbox in fake("live"))


def fake(path, body=None):
    """Asks the fake what really is, or tells it what goes wrong."""
    data = None if body is None else json.dumps(body).encode()
    method = "GET" if body is None else "PUT"
    request = urllib.request.Request(
        f"{FAKE}/{path}", data, {"Content-Type": "application/json"}, method=method
    )
    with urllib.request.urlopen(request) as reply:
        return json.load(reply)


class Sandbox(unittest.TestCase):
    def setUp(self):
        self.foreign = live()
        self.addCleanup(fake, "faults", {})

    def managed(self, **kwargs):
        return managed_daytona_sandbox(guard_with=AT_ONCE, **kwargs)

    def assert_only_foreign(self):
        self.assertEqual(live(), self.foreign)

    def test_it_is_there_in_the_block_and_gone_after_it(self):
        with self.managed(labels={"team": "evals"}, name="managed") as sandbox:
            self.assertEqual((sandbox.name, sandbox.labels["team"]), ("managed", "evals"))
            self.assertIn(sandbox.id, live())
        self.assert_only_foreign()

    def test_an_exception_goes_on_after_it_is_gone(self):
        with self.assertRaises(ZeroDivisionError), self.managed():
            _ = 1 / 0
        self.assert_only_foreign()

    def test_one_that_exists_is_adopted(self):
        for adopt in [lambda made: made.id, lambda made: made]:
            made = daytona.Daytona().create(daytona.CreateSandboxFromSnapshotParams(name="adopted"))
            self.assertIn(made.id, live())
            with managed_daytona_sandbox(adopt(made)) as sandbox:
                self.assertEqual(sandbox.id, made.id)
            self.assert_only_foreign()

    def test_one_that_exists_is_adopted_beside_a_loop(self):
        made = daytona.Daytona().create(daytona.CreateSandboxFromSnapshotParams(name="adopted"))

        async def block():
            async with tbengine.amanaged_daytona_sandbox(made.id) as sandbox:
                self.assertEqual(sandbox.id, made.id)

        asyncio.run(block())
        self.assert_only_foreign()

    def test_kill_9(self):
        (sandbox,), code = ended(
            start("""
            with tbengine.managed_daytona_sandbox(guard_with=AT_ONCE) as sandbox:
                print(sandbox.id, flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
        """)
        )
        self.assertEqual(code, -signal.SIGKILL)
        eventually(lambda: sandbox not in live(), "the sandbox is gone")
        self.assert_only_foreign()

    def test_a_sandbox_whose_creation_was_never_answered_is_deleted(self):
        made = len(fake("oracle")["destroyed"])
        fake("faults", {"script": [{"method": "POST", "path": "/sandbox", "fault": "lost-reply"}]})
        with self.assertRaises(daytona.DaytonaError), self.managed():
            self.fail("the block must not run")
        self.assertEqual(len(fake("oracle")["destroyed"]), made + 1)
        self.assert_only_foreign()

    def test_what_could_not_be_deleted_is_an_error_with_what_came_of_it(self):
        denied = {"method": "DELETE", "path": "/sandbox/", "times": 1000, "fault": {"status": 403}}
        with self.assertRaisesRegex(tbengine.CleanupError, "not everything is gone") as raised:
            with self.managed() as sandbox:
                fake("faults", {"script": [denied]})
        released = raised.exception.released
        self.assertEqual((released.ended, released.deleted), (False, 0))
        self.assertGreaterEqual(released.failed, 1)
        self.assertIn(sandbox.id, str(raised.exception))
        fake("faults", {})
        daytona.Daytona().get(sandbox.id).delete(wait=True)


if __name__ == "__main__":
    unittest.main()
