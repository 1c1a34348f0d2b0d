"""A container for a block of code, over a real Docker."""

import asyncio
import os
import signal
import time
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

    def test_one_that_exists_is_adopted(self):
        for adopt in [
            lambda made: managed_docker_container(made.name),
            lambda made: managed_docker_container(container=made.id),
            lambda made: managed_docker_container(container=made, client=self.docker),
        ]:
            made = self.docker.containers.run(IMAGE, SLEEP, detach=True, name=f"adopted-{uuid.uuid4()}")
            with adopt(made) as container:
                self.assertEqual(container.id, made.id)
                self.assertEqual(self.status(made.id), "running")
            self.assert_gone(made.id)

    def test_one_that_exists_is_adopted_beside_a_loop(self):
        made = self.docker.containers.run(IMAGE, SLEEP, detach=True, name=f"adopted-{uuid.uuid4()}")

        async def block():
            async with tbengine.amanaged_docker_container(made.name) as container:
                self.assertEqual(container.id, made.id)

        asyncio.run(block())
        self.assert_gone(made.id)

    def test_an_adopted_one_goes_after_kill_9(self):
        made = self.docker.containers.run(IMAGE, SLEEP, detach=True)
        _, code = ended(
            start(f"""
            with tbengine.managed_docker_container(container="{made.id}") as container:
                os.kill(os.getpid(), signal.SIGKILL)
        """)
        )
        self.assertEqual(code, -signal.SIGKILL)
        self.assert_soon_gone(made.id)

    def test_a_name_of_an_image_runs_it_whatever_else_has_that_name(self):
        # A neighbour's container is named like the image.
        name = f"image-{uuid.uuid4()}"
        neighbour = self.docker.containers.run(IMAGE, SLEEP, detach=True, name=name)
        self.addCleanup(neighbour.remove, force=True)
        neighbour.commit(name, changes='CMD ["sleep", "100000"]')
        self.addCleanup(self.docker.images.remove, name)
        with managed_docker_container(name, guard_with=AT_ONCE) as container:
            self.assertNotEqual(container.id, neighbour.id)
        self.assertEqual(self.status(neighbour.id), "running")

    def test_what_exists_is_adopted_as_it_is(self):
        for wrong in [{}, {"image": IMAGE, "container": "x"}, {"container": "x", "command": SLEEP}]:
            with self.assertRaises(TypeError), managed_docker_container(**wrong):
                self.fail("the block must not run")

    def test_one_look_is_enough_for_what_is_known(self):
        with managed_docker_container(IMAGE, SLEEP):
            begun = time.monotonic()
        # The second sweep alone waits for three seconds.
        self.assertLess(time.monotonic() - begun, 2.5)

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
