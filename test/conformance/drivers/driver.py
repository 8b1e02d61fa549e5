"""Carries out behaviours with kazoo, one line in, one line out. Usage: driver.py HOST:PORT,...
See ../README.md for the lines."""
import logging
import sys
import threading
import time

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, RolledBackError, ZookeeperError
from kazoo.handlers.threading import KazooTimeoutError
from kazoo.protocol.states import Callback, EventType, KeeperState
from kazoo.security import ACL, CREATOR_ALL_ACL, Id, OPEN_ACL_UNSAFE, READ_ACL_UNSAFE

WAIT_S = 20
NAMES = {EventType.CREATED: 'created', EventType.DELETED: 'deleted',
         EventType.CHANGED: 'changed', EventType.CHILD: 'children'}
ACLS = {'open': OPEN_ACL_UNSAFE, 'read': READ_ACL_UNSAFE, 'creator': CREATOR_ALL_ACL}


class Cannot(Exception):
    """What this client has no call for; the text says why."""


class Client:
    def __init__(self, hosts, timeout_s, client_id):
        self.events, self.lost, self.changed = [], set(), threading.Condition()
        self.zk = KazooClient(hosts=hosts, timeout=timeout_s, client_id=client_id)
        self.zk.add_listener(self.on_state)
        self.zk.start(timeout=WAIT_S)

    def on_state(self, state):
        with self.changed:
            self.lost.add(self.zk._state if state == 'LOST' else state)
            self.changed.notify_all()

    def watch(self, event):
        with self.changed:
            self.events.append('%s %s' % (NAMES.get(event.type, event.type), event.path))
            self.changed.notify_all()

    def take_events(self, count):
        """Waits for that many, then for one more turn of the thread that delivers them."""
        with self.changed:
            self.changed.wait_for(lambda: len(self.events) >= count, WAIT_S)
        self.zk.exists('/')
        reached = threading.Event()
        self.zk.handler.dispatch_callback(Callback('watch', reached.set, ()))
        reached.wait(WAIT_S)
        with self.changed:
            taken, self.events = self.events, []
        return ';'.join(taken) or 'none'

    def await_state(self, name):
        wanted = {KeeperState.EXPIRED_SESSION} if name == 'expired' else {KeeperState.AUTH_FAILED}
        with self.changed:
            return self.changed.wait_for(lambda: self.lost & wanted, WAIT_S)


def data_of(word):
    if word == 'null':
        return None
    if word == "''":
        return b''
    return b'x' * int(word[1:]) if word.startswith('*') else word.encode()


def show_data(data):
    if data is None:
        return 'null'
    if data == b'':
        return "''"
    return 'bytes=%d' % len(data) if len(data) > 300 else data.decode()


def acl_of(word):
    if word == 'none':
        raise Cannot('kazoo sends its default in place of an empty access list')
    if word in ACLS:
        return ACLS[word]
    entries = [entry.split(':', 2) for entry in word.split(';')]
    return [ACL(int(perms), Id(scheme, id_)) for perms, scheme, id_ in entries]


def show_acl(entries):
    return ';'.join('%d:%s:%s' % (each.perms, each.id.scheme, each.id.id) for each in entries)


def flags_of(word):
    if word not in ('p', 'e', 'ps', 'es'):
        raise Cannot('kazoo creates no container and no TTL nodes')
    return {'ephemeral': 'e' in word, 'sequence': 's' in word}


def names(found):
    return ','.join(sorted(found)) or "''"


class Driver:
    def __init__(self, hosts):
        self.hosts, self.clients = hosts, {}

    def stat(self, client, stat):
        owner = stat.ephemeralOwner & 0xffffffffffffffff
        mine = client.zk.client_id[0] & 0xffffffffffffffff
        name = ('-' if owner == 0 else 'me' if owner == mine else
                'container' if owner == 1 << 63 else 'ttl' if owner >> 56 == 0xff else 'other')
        return 'v%d cv%d av%d len%d kids%d own=%s m%s p%s' % (
            stat.version, stat.cversion, stat.aversion, stat.dataLength, stat.numChildren, name,
            '=' if stat.mzxid == stat.czxid else '+', '=' if stat.pzxid == stat.czxid else '+')

    def do(self, name, verb, args):
        if verb == 'open':
            return self.open(name, dict(arg.split('=', 1) for arg in args))
        method = getattr(self, 'do_' + verb, None)
        if method is None:
            raise Cannot('kazoo has no call for ' + verb)
        return method(self.clients[name], *args) or 'ok'

    def open(self, name, options):
        other = options.get('as')
        self.clients[name] = Client(
            options.get('at', self.hosts) + options.get('chroot', ''),
            int(options.get('timeout', '6000')) / 1000,
            None if other is None else self.clients[other].zk.client_id)
        return 'ok'

    def do_close(self, client):
        client.zk.stop()
        client.zk.close()

    do_leave = do_close

    def do_state(self, client, name):
        return 'ok' if client.await_state(name) else 'still ' + str(client.lost)

    def do_events(self, client, count):
        return client.take_events(int(count))

    def do_create(self, client, path, data, acl, mode, ttl=None):
        return client.zk.create(path, data_of(data), acl_of(acl), **flags_of(mode))

    def do_create2(self, client, path, data, acl, mode, ttl=None):
        made, stat = client.zk.create(path, data_of(data), acl_of(acl), include_data=True,
                                      **flags_of(mode))
        return made + ' ' + self.stat(client, stat)

    def do_delete(self, client, path, version):
        client.zk.delete(path, int(version))

    def do_set(self, client, path, data, version):
        return self.stat(client, client.zk.set(path, data_of(data), int(version)))

    def do_exists(self, client, path, watch=None):
        stat = client.zk.exists(path, client.watch if watch else None)
        return '-101' if stat is None else self.stat(client, stat)

    def do_get(self, client, path, watch=None):
        data, stat = client.zk.get(path, client.watch if watch else None)
        return show_data(data) + ' ' + self.stat(client, stat)

    def do_children(self, client, path, watch=None):
        return names(client.zk.get_children(path, client.watch if watch else None))

    def do_children2(self, client, path):
        found, stat = client.zk.get_children(path, include_data=True)
        return names(found) + ' ' + self.stat(client, stat)

    def do_getacl(self, client, path):
        entries, stat = client.zk.get_acls(path)
        return show_acl(entries) + ' ' + self.stat(client, stat)

    def do_setacl(self, client, path, acl, version):
        client.zk.set_acls(path, acl_of(acl), int(version))

    def do_sync(self, client, path):
        client.zk.sync(path)

    def do_auth(self, client, scheme, credential):
        client.zk.add_auth(scheme, credential)

    def do_gone(self, client, path):
        end = time.time() + WAIT_S
        while client.zk.exists(path) is not None:
            if time.time() > end:
                return 'still there'
            time.sleep(0.02)

    def do_config(self, client):
        return 'servers=%d' % client.zk.get('/zookeeper/config')[0].count(b'server.')

    def do_reconfig(self, client, joining, leaving, members, version):
        given = [None if each == '-' else each for each in (joining, leaving, members)]
        data, _ = client.zk.reconfig(*given, from_config=int(version, 16))
        return 'servers=%d' % data.count(b'server.')

    def do_multi(self, client, word):
        transaction = client.zk.transaction()
        for op in word.split('|'):
            kind, path, *rest = op.split(',')
            if kind == 'create':
                transaction.create(path, data_of(rest[0]), **flags_of(rest[1]))
            elif kind == 'set':
                transaction.set_data(path, data_of(rest[0]), int(rest[1]))
            else:
                getattr(transaction, kind)(path, int(rest[0]))
        results = []
        for each in transaction.commit():
            if isinstance(each, RolledBackError):
                results.append('0')
            elif isinstance(each, ZookeeperError):
                results.append(str(each.code))
            elif isinstance(each, str):
                results.append(each)
            else:
                results.append('v%d' % each.version if hasattr(each, 'version') else 'ok')
        return ';'.join(results)


def main():
    logging.getLogger('kazoo').setLevel(logging.CRITICAL)
    driver = Driver(sys.argv[1])
    for line in sys.stdin:
        name, verb, *args = line.rstrip('\n').split(' ')
        try:
            answer = driver.do(name, verb, args)
        except Cannot as reason:
            answer = 'cannot %s' % reason
        except (ValueError, TypeError):
            answer = 'local'
        except ZookeeperError as refusal:
            answer = str(refusal.code)
        except (KazooException, KazooTimeoutError) as failure:
            answer = 'failed %s' % type(failure).__name__
        print(answer, flush=True)


main()
