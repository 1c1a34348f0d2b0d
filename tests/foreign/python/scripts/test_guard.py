"""A guard around a block of code, over a real Docker."""

import asyncio
import os
import signal
import subprocess
import time
import unittest
import uuid
from datetime import timedelta

import docker
import tbengine
from support import AT_ONCE, IMAGE, WAIT_TIMEOUT, SLEEP, DockerCase, ended, eventually, holders, is_alive, start


class Ends(DockerCase):
    """The block ends in every way that there is."""

    def guard(self, **terms):
        return tbengine.guard(backend="docker", **{**AT_ONCE, **terms})

    def test_at_the_end_what_was_made_is_gone_and_nothing_else(self):
        before = dict(os.environ)
        with self.assertLogs("tbengine", "WARNING") as logged, self.guard() as lease:
            self.assertEqual(lease.label, {"tbengine.run-id": lease.id})
            container = self.run_under(lease, volumes=["/scratch"])
            volumes = [mount["Name"] for mount in self.docker.api.inspect_container(container)["Mounts"]]
            network = self.docker.networks.create(f"made-{lease.id}", labels=lease.label)
            unlabelled = self.docker.containers.run(IMAGE, SLEEP, detach=True)
            self.addCleanup(unlabelled.remove, force=True)
            self.assertEqual(before, dict(os.environ))
            released = lease.release()
        self.assertEqual((released.lease, released.ended, released.failed), (lease.id, True, 0))
        self.assertGreaterEqual(released.deleted, 2)
        self.assertGreaterEqual(released.unproven, 1)
        self.assertIn(unlabelled.name, logged.output[0])
        self.assert_gone(container)
        self.assertEqual(self.status(unlabelled.id), "running")
        for kind, name in [(self.docker.networks, network.id), (self.docker.volumes, volumes[0])]:
            with self.assertRaises(docker.errors.NotFound):
                kind.get(name)
        self.assertIs(lease.release(), released)

    def test_what_is_protected_stays_and_is_reported(self):
        with self.assertLogs("tbengine", "WARNING") as logged, self.guard() as lease:
            labels = {**lease.label, "tbengine.protect": "true"}
            kept = self.docker.containers.run(IMAGE, SLEEP, detach=True, labels=labels)
            self.addCleanup(kept.remove, force=True)
        self.assertEqual(self.status(kept.id), "running")
        self.assertIn("labelled tbengine.protect", "".join(logged.output))

    def test_an_exception_goes_on_after_what_was_made_is_gone(self):
        with self.assertRaisesRegex(ZeroDivisionError, "^division by zero$"), self.guard() as lease:
            container = self.run_under(lease)
            _ = 1 / 0
        self.assert_gone(container)

    def test_what_is_created_late_is_found_after_the_settle_time(self):
        name = f"late-{uuid.uuid4()}"
        with self.guard(settle_time=timedelta(seconds=3)) as lease:
            container = self.run_under(lease)
            label = f"tbengine.run-id={lease.id}"
            # It waits for the first look's deletion, so that only a further look can find its container.
            late = f"docker wait {container}; docker run -d --name {name} --label {label} {IMAGE} sleep 1000"
            running = subprocess.Popen(["sh", "-c", late], stdout=subprocess.PIPE)
        with running:
            self.assertEqual(len(running.communicate()[0].split()), 2)
        self.assertEqual(running.returncode, 0)
        self.assertEqual(lease.release().deleted, 2)
        self.assert_gone(container, name)

    def test_processes_that_carry_the_id_end_with_it(self):
        with self.guard() as lease:
            self.assertNotIn(tbengine.RUN_ID_VARIABLE, os.environ)
            ours = self.sleeper(env=lease.env())
            other = self.sleeper()
        self.assertEqual(ours.wait(10), -signal.SIGTERM)
        self.assertIsNone(other.poll())

    def sleeper(self, **options):
        """A program of the test, which ends with it at the latest."""
        sleeper = subprocess.Popen(["sleep", "1000"], **options)
        self.addCleanup(sleeper.wait)
        self.addCleanup(sleeper.kill)
        return sleeper

    def test_labels_of_ones_own_make_it_a_decorator(self):
        mark = str(uuid.uuid4())

        @self.guard(labels={"job": mark})
        def work(sort):
            """Makes one."""
            return self.docker.containers.run(
                IMAGE, SLEEP, detach=True, labels={"job": mark, "sort": sort}
            ).id

        self.assertEqual(work.__doc__, "Makes one.")
        self.assert_gone(work("a"), work("b"))

    def test_it_refuses_to_decorate_what_goes_on_after_the_call(self):
        async def later():
            pass

        with self.assertRaisesRegex(TypeError, "later continues after its call returned"):
            self.guard()(later)

    def test_async(self):
        async def work():
            async with tbengine.aguard(backend="docker", **AT_ONCE) as lease:
                return await asyncio.to_thread(self.run_under, lease)

        self.assert_gone(asyncio.run(work()))

    def test_a_lease_whose_taking_is_cancelled_is_not_held(self):
        run_id = str(uuid.uuid4())
        # Kept until the end, so that it is not given up only because nobody refers to it.
        taking = tbengine.aguard(backend="docker", run_id=run_id, **AT_ONCE)

        async def work():
            task = asyncio.ensure_future(taking.__aenter__())
            deadline = time.monotonic() + WAIT_TIMEOUT
            while not holders(run_id) and time.monotonic() < deadline:
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            self.assertTrue(task.cancelled())

        asyncio.run(work())
        eventually(lambda: not holders(run_id), "nobody holds it")


class Dies(DockerCase):
    """The process is killed in the block."""

    MADE = """
        guard = tbengine.guard(backend="docker", **AT_ONCE)
        lease = guard.__enter__()
        run = docker.from_env().containers.run
        print(run(IMAGE, SLEEP, detach=True, labels=lease.label).id, flush=True)
    """
    KILLED = "os.kill(os.getpid(), signal.SIGKILL)"

    def test_kill_9(self):
        (container,), code = ended(start(self.MADE, self.KILLED))
        self.assertEqual(code, -signal.SIGKILL)
        self.assert_soon_gone(container)

    def test_ctrl_c_ends_the_block_and_not_what_cleans_up(self):
        # As a terminal sends it: to the whole group. A process that runs the tests in the background ignores it.
        pressed = """
            signal.signal(signal.SIGINT, signal.default_int_handler)
            try:
                os.killpg(0, signal.SIGINT)
                time.sleep(10)
            except KeyboardInterrupt as error:
                guard.__exit__(KeyboardInterrupt, error, None)
                print(lease.release().ended)
                raise
        """
        (container, was_ended), code = ended(start(self.MADE, pressed, start_new_session=True))
        self.assertEqual((was_ended, code), ("True", -signal.SIGINT))
        self.assert_gone(container)

    def survives_with(self, having_a_child):
        """Kills a process that has a child, and checks that the child lives when the container is gone."""
        (container, child), code = ended(start(self.MADE, having_a_child, self.KILLED))
        child = int(child)
        try:
            self.assertEqual(code, -signal.SIGKILL)
            self.assertTrue(is_alive(child))
            self.assert_soon_gone(container)
            self.assertTrue(is_alive(child))
        finally:
            os.kill(child, signal.SIGKILL)

    def test_a_forked_daemon_does_not_keep_the_lease_live(self):
        self.survives_with("""
        read, write = os.pipe()
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                os.write(write, str(os.getpid()).encode())
                # Or the test would wait for its output.
                os.close(1)
                time.sleep(1000)
            os._exit(0)
        os.wait()
        print(os.read(read, 20).decode(), flush=True)
        """)

    def test_a_worker_of_multiprocessing_does_not_keep_the_lease_live(self):
        self.survives_with("""
        import multiprocessing
        def work(queue):
            os.close(1)
            queue.put(os.getpid())
            time.sleep(1000)
        fork = multiprocessing.get_context("fork")
        queue = fork.Queue()
        fork.Process(target=work, args=(queue,)).start()
        print(queue.get(), flush=True)
        """)

    def test_a_program_that_was_started_does_not_keep_the_lease_live(self):
        self.survives_with("""
        import subprocess
        print(subprocess.Popen(["sleep", "1000"], close_fds=False, stdout=subprocess.DEVNULL).pid, flush=True)
        """)

    def test_a_forked_child_that_leaves_the_block_ends_nothing(self):
        with tbengine.guard(backend="docker", **AT_ONCE) as lease:
            container = self.run_under(lease)
            child = os.fork()
            if child == 0:
                code = 1
                try:
                    try:
                        lease.release()
                    except tbengine.LeaseError:
                        # What follows is what an exception would do that leaves the block.
                        tbengine._guard._settle(lease, None)
                        code = 0
                finally:
                    os._exit(code)
            self.assertEqual(os.waitpid(child, 0)[1], 0)
            self.assertEqual(self.status(container), "running")
            self.assertTrue(lease.release().ended)
        self.assert_gone(container)


class Fails(DockerCase):
    """tbengine, or its cleaning up, fails."""

    def test_without_the_program_it_says_what_to_do(self):
        says = "there is no program `/nowhere/tbengine`: install tbengine and put it on PATH, or name it"
        with (
            self.assertRaisesRegex(tbengine.ProgramNotFoundError, says),
            tbengine.guard(program="/nowhere/tbengine"),
        ):
            self.fail("the block must not run")

    def test_without_a_lease_the_block_does_not_run(self):
        for terms, says in [
            ({"backend": "docekr"}, "docekr"),
            ({"run_id": "not/fit"}, "invalid lease id"),
        ]:
            with self.assertRaisesRegex(tbengine.LeaseError, says), tbengine.guard(**AT_ONCE, **terms):
                self.fail("the block must not run")
        with self.assertRaisesRegex(ValueError, "cannot have the key 'a=b'"):
            tbengine.guard(labels={"a=b": "c"})

    def killing_its_holder(self, run_id, lease):
        (holder,) = holders(run_id)
        os.kill(holder, signal.SIGKILL)
        eventually(lambda: not holders(run_id), "the holder is gone")
        return self.run_under(lease)

    def test_where_nobody_cleaned_up_it_says_so_and_the_next_run_does(self):
        run_id = str(uuid.uuid4())
        says = f"the process that held lease {run_id} ended without an answer"
        with (
            self.assertRaisesRegex(tbengine.CleanupError, says) as raised,
            tbengine.guard(backend="docker", run_id=run_id, **AT_ONCE) as lease,
        ):
            container = self.killing_its_holder(run_id, lease)
        self.assertIsNone(raised.exception.released)
        self.assertEqual(self.status(container), "running")
        with self.assertRaisesRegex(tbengine.CleanupError, "was given up before"):
            lease.release()
        subprocess.run(["tbengine", "run", "--yes", "--backend=docker"], check=True, capture_output=True)
        self.assert_gone(container)

    def test_an_exception_of_the_block_is_not_hidden_by_a_failure_to_clean_up(self):
        run_id = str(uuid.uuid4())
        with (
            self.assertLogs("tbengine", "ERROR") as logged,
            self.assertRaises(ZeroDivisionError) as raised,
            tbengine.guard(backend="docker", run_id=run_id, **AT_ONCE) as lease,
        ):
            container = self.killing_its_holder(run_id, lease)
            _ = 1 / 0
        self.addCleanup(self.docker.api.remove_container, container, force=True)
        self.assertIn("ended without an answer", logged.output[0])
        if hasattr(raised.exception, "add_note"):
            self.assertIn("ended without an answer", raised.exception.__notes__[0])


if __name__ == "__main__":
    unittest.main()
