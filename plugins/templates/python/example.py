#!/usr/bin/env python3
"""A provider of sandboxes as a plugin of tbengine, in Python with nothing but the standard library.

    tbengine plugin check ./example.py

The "cloud" is a dictionary in memory. Put the calls of your provider in its place. What the documents hold is
described in protocol/v2.md of the sdk.
"""

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

DESCRIPTOR = {
    "name": "example",
    "version": "0.1.0",
    "protocol": 2,
    "sdk": "Python",
    # `fixture` lets the conformance kit make sandboxes; take it away if you cannot offer that.
    "kinds": [{"kind": "example", "about": "An example cloud in memory", "fixture": True}],
}
SANDBOX = {"kind": "sandbox", "plural": "sandboxes", "class": "compute", "about": "a cloud sandbox",
           "runs": True, "can": {"stop": True, "relabel": True}}
# The optional methods that you offer; leave out what your provider cannot do.
CAPABILITIES = {"kinds": [SANDBOX], "methods": ["find", "relabel"], "concurrency": 8}
ACCOUNT = "example"


class Failure(Exception):
    """An answer that is an error. The status decides what the engine does next."""

    def __init__(self, status, message, **more):
        super().__init__(message)
        self.status = status
        self.body = {"message": message, **more}


class Backend:
    """One configured backend. Methods are called from several threads."""

    def __init__(self, request):
        self.name = request["name"]
        config = request.get("config") or {}
        for key in config:
            if key not in ("sandboxes",):
                raise Failure("invalid", f"unknown field `{key}`, expected `sandboxes`")
        self.lock = threading.Lock()
        self.numbers = 0
        self.sandboxes = {}
        if not request.get("fixture"):
            for number in range(config.get("sandboxes", 3)):
                self.add("running" if number % 2 else "stopped")

    def add(self, state, name=None, labels=()):
        self.numbers += 1
        native = f"sb-{self.numbers:04}"
        identity = {"backend": self.name, "account": ACCOUNT, "kind": "sandbox", "native": native}
        sandbox = {
            "identity": {**identity, "created": "2026-01-01T00:00:00Z"},
            "name": name or f"sandbox number {self.numbers}",
            "state": state,
            "labels": dict(labels),
        }
        self.sandboxes[native] = sandbox
        return sandbox

    def look_up(self, target):
        """By the full id only, never by name or prefix."""
        return self.sandboxes.get(target["native"]) if target["kind"] == "sandbox" else None

    def must_find(self, target):
        found = self.look_up(target)
        if found is None:
            raise Failure("not-found", f"there is no sandbox {target['native']}")
        return found

    def check(self, _request):
        return {"id": ACCOUNT, "description": "an example in memory"}

    def list(self, request):
        if request["kind"] != "sandbox":
            raise Failure("unsupported", "there are only sandboxes")
        natives, cursor = sorted(self.sandboxes), request.get("cursor")
        if cursor is not None and cursor not in self.sandboxes:
            raise Failure("invalid", "unknown cursor")
        rest = [native for native in natives if cursor is None or native > cursor]
        page = rest[: max(1, request["page-size"])]
        more = len(rest) > len(page)
        return {"resources": [self.sandboxes[native] for native in page], "next": page[-1] if more else None}

    def get(self, request):
        return {"resource": self.look_up(request["target"])}

    def stop(self, request):
        self.must_find(request["target"])["state"] = "stopped"
        return {}

    def delete(self, request):
        found = self.must_find(request["target"])
        if found["state"] == "running" and not request.get("force"):
            raise Failure("conflict", "it is running")
        del self.sandboxes[found["identity"]["native"]]
        return {}

    # The optional methods.

    def find(self, request):
        name, kinds = request["name"], request.get("kinds") or ["sandbox"]
        if not name or "sandbox" not in kinds:
            return {"resources": []}
        sandboxes = self.sandboxes.items()
        return {"resources": [found for native, found in sandboxes if name == found["name"] or native.startswith(name)]}

    def relabel(self, request):
        labels = self.must_find(request["target"])["labels"]
        for key, value in request["labels"].items():
            if value is None:
                labels.pop(key, None)
            else:
                labels[key] = value
        return {}

    # Only for the conformance kit.

    def fixture_make(self, wanted):
        needs = ("uses", "takes-along", "exit-code", "restarts")
        if wanted["state"] not in ("running", "stopped") or any(wanted.get(key) for key in needs):
            return {"identity": None}
        if not wanted["ends-when-asked"] and wanted["state"] == "running":
            return {"identity": None}
        return {"identity": self.add(wanted["state"], wanted["name"], wanted["labels"])["identity"]}

    def fixture_clean_up(self, _request):
        self.sandboxes.clear()
        return {}


METHODS = {"check", "list", "get", "stop", "delete", "find", "relabel", "fixture-make", "fixture-clean-up"}


class Server:
    """Reads requests from the standard input and writes answers to the standard output, in any order."""

    def __init__(self):
        self.backend = None
        self.output = threading.Lock()

    def write(self, call, status, body):
        line = json.dumps({"id": call, "status": status, "body": body})
        with self.output:
            sys.stdout.write(line + "\n")
            sys.stdout.flush()

    def work(self, call, method, request):
        if method == "hello":
            return DESCRIPTOR
        if method == "open":
            if not isinstance(request, dict) or not isinstance(request.get("config") or {}, dict):
                raise Failure("invalid", "the request or its configuration is not a table")
            if "name" not in request or request.get("kind") != "example":
                raise Failure("invalid", "the request has no name, or another kind than `example`")
            self.backend = Backend(request)
            return {"capabilities": CAPABILITIES}
        if method not in METHODS or self.backend is None:
            raise Failure("unsupported", f"there is no method `{method[:40]}`")
        if not isinstance(request, dict):
            raise Failure("invalid", "the request is not a table")
        # For the dictionary's sake. Let requests to a provider go side by side: take the lock away.
        with self.backend.lock:
            return getattr(self.backend, method.replace("-", "_"))(request)

    def answer(self, call, method, request):
        try:
            status, body = "ok", self.work(call, method, request)
        except Failure as failure:
            status, body = failure.status, failure.body
        except (KeyError, TypeError) as error:
            status, body = "invalid", {"message": f"the request does not fit: {error!r}"}
        except Exception as error:  # A fault of this program is an answer as well.
            status, body = "internal", {"message": repr(error)}
        self.write(call, status, body)

    def serve(self):
        with ThreadPoolExecutor(max_workers=8) as threads:
            for line in sys.stdin:
                request = json.loads(line)
                if "cancel" in request:
                    continue  # Its answer comes all the same, and soon.
                arguments = request["id"], request["method"], request["request"]
                if request["method"] in ("hello", "open"):
                    self.answer(*arguments)
                else:
                    threads.submit(self.answer, *arguments)
            # The host has ended, maybe killed: what is still under way has nobody left to answer to.
            os._exit(0)


if __name__ == "__main__":
    Server().serve()
