"""kazoo with read_only=True while the quorum goes and comes back. Usage: kazoo_read_only.py HOSTS.

A line on stdout that begins with '?' asks the outside for something; it answers "done".
"""

import sys
import threading
import time

from kazoo.client import KazooClient, KazooState, KeeperState
from kazoo.exceptions import NotReadOnlyCallError


def ask(question):
    print("?" + question, flush=True)
    assert sys.stdin.readline().strip() == "done", question


def wait_for(what, condition, seconds=60):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def main():
    lost = threading.Event()
    zk = KazooClient(hosts=sys.argv[1], timeout=20, read_only=True)
    zk.add_listener(lambda state: lost.set() if state == KazooState.LOST else None)
    zk.start(timeout=30)
    assert zk.client_state == KeeperState.CONNECTED
    zk.create("/kazoo", b"x")
    zk.create("/kazoo/e", ephemeral=True)
    session = zk.client_id[0]

    ask("lose-quorum")
    wait_for("read-only", lambda: zk.client_state == KeeperState.CONNECTED_RO)
    assert zk.client_id[0] == session, "the session is the same without a quorum"
    assert zk.get("/kazoo")[0] == b"x"
    try:
        zk.set("/kazoo", b"z")
        raise AssertionError("a write without a quorum")
    except NotReadOnlyCallError:
        print("refused")
    fresh = KazooClient(hosts=sys.argv[1].split(",")[0], timeout=20, read_only=True)
    fresh.start(timeout=30)
    assert fresh.client_state == KeeperState.CONNECTED_RO
    begun = fresh.client_id[0]
    assert "e" in fresh.get_children("/kazoo")

    ask("start-killed")
    wait_for("a quorum", lambda: zk.client_state == KeeperState.CONNECTED)
    assert zk.client_id[0] == session, "the session is the same with a quorum"
    zk.set("/kazoo", b"y")
    assert zk.exists("/kazoo/e").owner_session_id == session
    assert not lost.is_set(), "it was never lost"
    wait_for("a quorum for the other", lambda: fresh.client_state == KeeperState.CONNECTED)
    assert fresh.client_id[0] == begun, "a session that began without a quorum goes on with one"
    fresh.create("/kazoo/fresh", ephemeral=True)
    for client in (fresh, zk):
        client.stop()
        client.close()
    print("passed")


main()
