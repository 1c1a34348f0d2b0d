"""A container for a block of code, over a real Docker."""

import os
import signal
import unittest
import uuid

import docker
import tbengine
from support import AT_ONCE, IMAGE, SLEEP, DockerCase, ended, start
from tbengine import managed_docker_container


class Container(DockerCase):
    def managed(self, *arguments, **kwargs):
        return managed_docker_container(IMAGE, *arguments, guard_with=AT_ONCE, **kwargs)

    def test_it_runs_in_the_block_and_is_gone_after_it(self):
        with self.managed(["sh", "-c", "echo hello; sleep 1000"], labels={"team": "evals"}) as container:
            self.assertEqual(self.status(container.id), "running")
            self.assertEqual(container.labels["team"], "evals")
            self.assertEqual(next(container.logs(stream=True)), b"hello\n")
        self.assert_gone(container.id)

    def test_labels_may_be_a_list_as_docker_has_it(self):
        with self.managed(SLEEP, labels=["plain"], client=self.docker) as container:
            self.assertEqual(container.labels["plain"], "")
            self.assertIn("tbengine.run-id", container.labels)
        self.assert_gone(container.id)

    def test_what_was_created_and_could_not_be_started_is_removed(self):
        name = f"broken-{uuid.uuid4()}"
        with self.assertRaises(docker.errors.APIError), self.managed(["/no/such/program"], name=name):
            self.fail("the block must not run")
        self.assert_gone(name)

    def test_an_exception_goes_on_after_it_is_gone(self):
        with self.assertRaises(ZeroDivisionError), self.managed(SLEEP) as container:
            _ = 1 / 0
        self.assert_gone(container.id)

    def test_kill_9(self):
        (container,), code = ended(
            start("""
            with tbengine.managed_docker_container(IMAGE, SLEEP, guard_with=AT_ONCE) as container:
                print(container.id, flush=True)
                os.kill(os.getpid(), signal.SIGKILL)
        """)
        )
        self.assertEqual(code, -signal.SIGKILL)
        self.assert_soon_gone(container)

    def test_where_tbengine_looks_elsewhere_it_says_so(self):
        says = "do not speak to the same daemon"
        with (
            self.assertRaisesRegex(tbengine.CleanupError, says),
            self.managed(SLEEP, backend="memory") as container,
        ):
            self.addCleanup(container.remove, force=True)
        self.assertEqual(self.status(container.id), "running")

    def test_the_tour_of_the_readme_leaves_nothing(self):
        with open(os.environ["README"]) as readme:
            tour = readme.read().split("```python\n")[1].split("```")[0]
        telling = """
            Containers = docker.models.containers.ContainerCollection
            def run(self, *arguments, run=Containers.run, **kwargs):
                container = run(self, *arguments, **kwargs)
                print(container.id)
                return container
            Containers.run = run
        """
        made, code = ended(start(telling, tour))
        self.assertEqual((len(set(made)), code), (5, 0))
        self.assert_gone(*made)
        self.assertEqual(self.docker.networks.list(names=["trial"]), [])

    def test_it_is_always_detached(self):
        with self.assertRaisesRegex(TypeError, "always detached"), self.managed(SLEEP, detach=False):
            self.fail("the block must not run")


if __name__ == "__main__":
    unittest.main()
