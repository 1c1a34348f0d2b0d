#!/usr/bin/python3
"""A plugin that breaks the rules. The first argument says when, the configuration's mode how."""
import json
import os
import subprocess
import sys
import time

SANDBOX = {"kind": "sandbox", "class": "compute", "about": "a sandbox", "runs": True, "can": {"stop": True}}
OPENED = {"capabilities": {"kinds": [SANDBOX], "concurrency": 4}}
DOCUMENTS = {
    "doubled": '{"resources": 1, "next": 2, "next": null, "resources": []}',
    "unquoted": '{resources: []}',
    "deep": "[" * 1_000_000 + "]" * 1_000_000,
    "deep-inside": '{"resources": [], "new": ' + "[" * 1_000_000 + "]" * 1_000_000 + "}",
}
EARLY = sys.argv[1] if len(sys.argv) > 1 else ""
mode = ""


def answer(call, status, body):
    print(json.dumps({"id": call["id"], "status": status, "body": body}), flush=True)


def hello(call):
    if EARLY == "silent":
        time.sleep(3600)
    if EARLY == "dies":
        print("no key in sight", file=sys.stderr)
        sys.exit(3)
    if EARLY == "quotes":
        print("no use for", os.environ["PASSED"], file=sys.stderr)
        sys.exit(3)
    if EARLY == "chats":
        print("hello, world", flush=True)
    protocol = 7 if EARLY == "new" else 2
    kinds = [{"kind": "rude", "about": "breaks the rules"}]
    answer(call, "ok", {"name": "rude", "version": "1", "protocol": protocol, "sdk": "py", "kinds": kinds})


def request(call):
    method = call["method"]
    if method == "check":
        extra = [f"{name}={value}" for name, value in sorted(os.environ.items())]
        answer(call, "ok", {"id": "rude", "description": str(os.getpid()), "warnings": extra})
    elif mode == "orphan":
        # What it starts holds its standard output, also in a session of its own.
        subprocess.Popen(["sleep", "60"], start_new_session=call["method"] == "get")
        os._exit(5)
    elif mode == "hundred" and request.count % 101 < 100:
        request.count += 1
        answer(call, "ok", {"resources": []})
    elif mode == "hundred":
        request.count += 1
        os.abort()
    elif mode == "crash":
        print("last words", file=sys.stderr, flush=True)
        os.abort()
    elif mode == "quotes":
        print("trying", os.environ["PASSED"], file=sys.stderr, flush=True)
        if method == "list":
            answer(call, "denied", {"message": "key %s was refused" % os.environ["PASSED"]})
        else:
            os._exit(7)
    elif mode == "hang":
        pass
    elif mode == "no-newline":
        sys.stdout.write("x" * (70 << 20))
        sys.stdout.flush()
        time.sleep(3600)
    elif mode == "garbage":
        print("certainly!", flush=True)
    elif mode == "unsolicited":
        for _ in range(5000):
            answer({"id": 10**9}, "ok", {})
        time.sleep(3600)
    elif mode == "twice":
        answer(call, "ok", {"resources": []})
        answer(call, "ok", {"resources": []})
    elif mode == "talks":
        for number in range(100_000):
            print("x" * 200, file=sys.stderr)
        answer(call, "ok", {"resources": []})
    elif mode in DOCUMENTS:
        print('{"id": %d, "status": "ok", "body": %s}' % (call["id"], DOCUMENTS[mode]), flush=True)
    elif mode == "odd-status":
        answer(call, "fine", {"message": "odd"})
    elif mode == "children":
        child = subprocess.Popen(["sleep", "3600"])
        answer(call, "transient", {"message": str(child.pid)})
    elif mode == "deaf":
        time.sleep(3600)
    else:
        answer(call, "ok", {"resources": []})


request.count = 0

for line in sys.stdin:
    call = json.loads(line)
    if "cancel" in call:
        continue
    if call["method"] == "hello":
        hello(call)
    elif call["method"] == "open":
        mode = call["request"]["config"].get("mode", "")
        answer(call, "ok", OPENED)
    else:
        request(call)
