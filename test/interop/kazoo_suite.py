"""Everything that kazoo does, against a real ensemble.

Usage: kazoo_suite.py HOST:PORT,HOST:PORT,HOST:PORT SUPER_USER:PASSWORD

Lines on stdin steer it from outside: the
suite prints `?kill-leader` and waits for a line that says it is done. Exits with 0 when all passed.
"""
import logging
import sys
import threading
import time
import unittest

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    AuthFailedError, BadArgumentsError, BadVersionError, InvalidACLError, NoAuthError,
    NoChildrenForEphemeralsError, NoNodeError, NodeExistsError, NotEmptyError,
    RolledBackError, RuntimeInconsistency,
)
from kazoo.protocol.states import EventType
from kazoo.recipe.barrier import Barrier, DoubleBarrier
from kazoo.recipe.queue import LockingQueue, Queue
from kazoo.recipe.watchers import PatientChildrenWatch
from kazoo.retry import KazooRetry
from kazoo.security import (
    OPEN_ACL_UNSAFE, CREATOR_ALL_ACL, READ_ACL_UNSAFE, make_acl, make_digest_acl,
)

HOSTS = ''
SUPER = ''


def connect(hosts=None, **options):
    client = KazooClient(hosts=hosts or HOSTS, timeout=6.0, **options)
    client.start(timeout=20)
    return client


def ask(question):
    """Lets the outside do something with the ensemble."""
    print('?' + question, flush=True)
    answer = sys.stdin.readline().strip()
    assert answer == 'done', answer


class Base(unittest.TestCase):
    def setUp(self):
        self.clients = []
        self.root = '/kazoo/%s' % self.id().split('.')[-1]
        self.zk = self.client()
        self.zk.ensure_path(self.root)

    def tearDown(self):
        for client in self.clients:
            client.stop()
            client.close()

    def client(self, hosts=None, **options):
        client = connect(hosts, **options)
        self.clients.append(client)
        return client

    def path(self, name):
        return self.root + '/' + name


class Operations(Base):
    def test_create_get_set_delete(self):
        path = self.path('node')
        self.assertEqual(self.zk.create(path, b'one'), path)
        data, stat = self.zk.get(path)
        self.assertEqual((data, stat.version, stat.data_length), (b'one', 0, 3))
        self.assertEqual(self.zk.set(path, b'two').version, 1)
        with self.assertRaises(BadVersionError):
            self.zk.set(path, b'three', version=0)
        with self.assertRaises(NodeExistsError):
            self.zk.create(path, b'')
        with self.assertRaises(BadVersionError):
            self.zk.delete(path, version=7)
        self.zk.delete(path, version=1)
        with self.assertRaises(NoNodeError):
            self.zk.get(path)
        self.assertIsNone(self.zk.exists(path))

    def test_create_with_stat(self):
        path, stat = self.zk.create(self.path('node'), b'x', include_data=True)
        self.assertEqual(stat.creation_transaction_id, stat.last_modified_transaction_id)
        self.assertEqual(stat.data_length, 1)
        self.assertAlmostEqual(stat.created, time.time(), delta=60)

    def test_make_parents_and_recursive_delete(self):
        self.zk.create(self.path('a/b/c'), b'', makepath=True)
        self.zk.create(self.path('a/d'), b'')
        with self.assertRaises(NotEmptyError):
            self.zk.delete(self.path('a'))
        self.zk.delete(self.path('a'), recursive=True)
        self.assertEqual(self.zk.get_children(self.root), [])

    def test_children(self):
        for name in ('x', 'y', 'z'):
            self.zk.create(self.path(name), b'')
        self.assertEqual(sorted(self.zk.get_children(self.root)), ['x', 'y', 'z'])
        names, stat = self.zk.get_children(self.root, include_data=True)
        self.assertEqual((sorted(names), stat.numChildren, stat.cversion), (['x', 'y', 'z'], 3, 3))

    def test_sequential(self):
        made = [self.zk.create(self.path('n-'), b'', sequence=True) for _ in range(3)]
        self.assertEqual(made, [self.path('n-%010d' % number) for number in range(3)])

    def test_ephemeral_goes_with_its_session(self):
        other = self.client()
        other.create(self.path('mine'), b'', ephemeral=True)
        _, stat = self.zk.get(self.path('mine'))
        self.assertEqual(stat.owner_session_id, other.client_id[0])
        with self.assertRaises(NoChildrenForEphemeralsError):
            self.zk.create(self.path('mine/child'), b'')
        gone = threading.Event()
        self.zk.exists(self.path('mine'), watch=lambda event: gone.set())
        other.stop()
        self.assertTrue(gone.wait(10))
        self.assertIsNone(self.zk.exists(self.path('mine')))

    def test_bad_paths(self):
        for path in ('/a//b', '/a/../b'):
            with self.assertRaises((BadArgumentsError, ValueError, NoNodeError)):
                self.zk.create(path, b'')

    def test_names_that_are_not_ascii(self):
        path = self.path(u'\u00fc\u4e2d\u6587 name')
        self.zk.create(path, u'\u00fc'.encode('utf-8'))
        self.assertEqual(self.zk.get_children(self.root), [u'\u00fc\u4e2d\u6587 name'])

    def test_large_data(self):
        data = b'x' * 1000000
        self.zk.create(self.path('large'), data)
        self.assertEqual(self.zk.get(self.path('large'))[0], data)

    def test_sync(self):
        self.assertEqual(self.zk.sync(self.root), self.root)

    def test_async_keeps_order(self):
        self.zk.create(self.path('n'), b'')
        results = []
        for number in range(200):
            results.append(self.zk.set_async(self.path('n'), str(number).encode()))
            results.append(self.zk.get_async(self.path('n')))
        for number in range(200):
            self.assertEqual(results[2 * number].get(20).version, number + 1)
            data, stat = results[2 * number + 1].get(20)
            self.assertEqual((data, stat.version), (str(number).encode(), number + 1))

    def test_chroot(self):
        inside = self.client(hosts=HOSTS + self.root)
        self.assertEqual(inside.create('/here', b''), '/here')
        self.assertIsNotNone(self.zk.exists(self.path('here')))

    def test_four_letter_words(self):
        self.assertIn('Zookeeper version', self.zk.command(b'srvr'))
        self.assertEqual(self.zk.command(b'ruok'), 'imok')
        self.assertEqual(self.zk.server_version()[:2], (3, 9))

    def test_config(self):
        text = self.zk.get('/zookeeper/config')[0].decode()
        self.assertEqual(text.count('server.'), 3)


class Transactions(Base):
    def test_all_or_nothing(self):
        transaction = self.zk.transaction()
        transaction.create(self.path('a'), b'1')
        transaction.create(self.path('a/b'), b'2')
        transaction.set_data(self.path('a'), b'3', version=0)
        transaction.check(self.path('a'), version=1)
        transaction.create(self.path('s-'), b'', sequence=True)
        transaction.delete(self.path('a/b'))
        results = transaction.commit()
        self.assertEqual(results[0], self.path('a'))
        self.assertEqual(results[2].version, 1)
        self.assertEqual(results[4], self.path('s-0000000001'))
        self.assertEqual(self.zk.get(self.path('a'))[0], b'3')

    def test_one_failure_undoes_all(self):
        transaction = self.zk.transaction()
        transaction.create(self.path('a'), b'1')
        transaction.check(self.path('none'), version=1)
        transaction.create(self.path('b'), b'1')
        results = transaction.commit()
        self.assertIsInstance(results[0], RolledBackError)
        self.assertIsInstance(results[1], NoNodeError)
        self.assertIsInstance(results[2], RuntimeInconsistency)
        self.assertEqual(self.zk.get_children(self.root), [])


class Watches(Base):
    def wait(self, events, count):
        end = time.time() + 10
        while len(events) < count and time.time() < end:
            time.sleep(0.01)
        self.assertEqual(len(events), count, events)
        return [(event.type, event.path) for event in events]

    def test_one_shot(self):
        events = []
        self.zk.create(self.path('n'), b'')
        self.zk.get(self.path('n'), watch=events.append)
        self.zk.exists(self.path('later'), watch=events.append)
        self.zk.get_children(self.root, watch=events.append)
        self.zk.set(self.path('n'), b'1')
        self.wait(events, 1)
        self.zk.create(self.path('later'), b'')
        self.zk.set(self.path('n'), b'2')
        self.assertEqual(self.wait(events, 3), [
            (EventType.CHANGED, self.path('n')),
            (EventType.CREATED, self.path('later')),
            (EventType.CHILD, self.root),
        ])

    def test_data_and_children_recipes(self):
        seen, names = [], []
        changed = threading.Event()

        @self.zk.DataWatch(self.path('d'))
        def on_data(data, stat):
            seen.append(data)
            changed.set()

        @self.zk.ChildrenWatch(self.root)
        def on_children(children):
            names.append(sorted(children))

        other = self.client()
        for value in (b'1', b'2', b'3'):
            changed.clear()
            if other.exists(self.path('d')) is None:
                other.create(self.path('d'), value)
            else:
                other.set(self.path('d'), value)
            self.assertTrue(changed.wait(10))
        self.assertEqual(seen, [None, b'1', b'2', b'3'])
        self.assertEqual(names[-1], ['d'])

    def test_patient_children_watch(self):
        for name in ('x', 'y'):
            self.zk.create(self.path(name), b'')
        children, _ = PatientChildrenWatch(self.zk, self.root, 0.2).start().get(10)
        self.assertEqual(sorted(children), ['x', 'y'])


class Access(Base):
    def test_digest(self):
        owner = self.client(auth_data=[('digest', 'ann:secret')])
        acl = make_digest_acl('ann', 'secret', all=True)
        owner.create(self.path('private'), b'x', acl=[acl])
        self.assertEqual(owner.get(self.path('private'))[0], b'x')
        with self.assertRaises(NoAuthError):
            self.zk.get(self.path('private'))
        with self.assertRaises(NoAuthError):
            self.zk.set(self.path('private'), b'y')
        self.zk.add_auth('digest', 'ann:secret')
        self.zk.set(self.path('private'), b'y')

    def test_creator_all(self):
        owner = self.client(auth_data=[('digest', 'bob:pw')])
        owner.create(self.path('bobs'), b'', acl=CREATOR_ALL_ACL)
        entries, _ = owner.get_acls(self.path('bobs'))
        self.assertEqual([entry.id.scheme for entry in entries], ['digest'])
        self.assertTrue(entries[0].id.id.startswith('bob:'))
        with self.assertRaises(InvalidACLError):
            self.zk.create(self.path('nobodys'), b'', acl=CREATOR_ALL_ACL)

    def test_set_acls(self):
        self.zk.create(self.path('n'), b'')
        entries, stat = self.zk.get_acls(self.path('n'))
        self.assertEqual(entries, OPEN_ACL_UNSAFE)
        self.zk.set_acls(self.path('n'), READ_ACL_UNSAFE, version=stat.aversion)
        self.assertEqual(self.zk.get_acls(self.path('n'))[1].aversion, 1)
        with self.assertRaises(NoAuthError):
            self.zk.set(self.path('n'), b'')

    def test_ip(self):
        self.zk.create(self.path('near'), b'', acl=[make_acl('ip', '127.0.0.0/8', all=True)])
        self.zk.set(self.path('near'), b'')
        self.zk.create(self.path('far'), b'', acl=[make_acl('ip', '10.0.0.0/8', all=True)])
        with self.assertRaises(NoAuthError):
            self.zk.get(self.path('far'))

    def test_super_user(self):
        self.zk.create(self.path('closed'), b'x', acl=[make_acl('ip', '10.0.0.1', all=True)])
        root = self.client(auth_data=[('digest', SUPER)])
        self.assertEqual(root.get(self.path('closed'))[0], b'x')

    def test_unknown_scheme(self):
        with self.assertRaises(AuthFailedError):
            self.client().add_auth('nosuch', 'x')


class Recipes(Base):
    def test_lock_excludes(self):
        holders, most = [], []

        def work(name):
            client = self.client()
            for _ in range(5):
                with client.Lock(self.path('lock'), name):
                    holders.append(name)
                    most.append(len(holders))
                    time.sleep(0.002)
                    holders.remove(name)

        threads = [threading.Thread(target=work, args=('w%d' % number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual((len(most), max(most)), (20, 1))

    def test_lock_of_a_lost_session_is_free(self):
        other = self.client()
        self.assertTrue(other.Lock(self.path('lock'), 'other').acquire())
        mine = self.zk.Lock(self.path('lock'), 'mine')
        self.assertFalse(mine.acquire(blocking=False))
        self.assertEqual(mine.contenders(), ['other'])
        other.stop()
        self.assertTrue(mine.acquire(timeout=15))

    def test_read_write_lock(self):
        reader, another = self.client(), self.client()
        first = reader.ReadLock(self.path('rw'), 'r1')
        second = another.ReadLock(self.path('rw'), 'r2')
        self.assertTrue(first.acquire(timeout=10))
        self.assertTrue(second.acquire(timeout=10))
        writer = self.zk.WriteLock(self.path('rw'), 'w')
        self.assertFalse(writer.acquire(blocking=False))
        first.release()
        second.release()
        self.assertTrue(writer.acquire(timeout=10))

    def test_semaphore(self):
        leases = [self.client().Semaphore(self.path('sem'), max_leases=2) for _ in range(3)]
        self.assertTrue(leases[0].acquire(timeout=10))
        self.assertTrue(leases[1].acquire(timeout=10))
        self.assertFalse(leases[2].acquire(blocking=False))
        leases[0].release()
        self.assertTrue(leases[2].acquire(timeout=10))

    def test_election(self):
        led = []

        def stand(name):
            election = self.client().Election(self.path('election'), name)
            election.run(lambda: led.append(name))

        threads = [threading.Thread(target=stand, args=('c%d' % number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(sorted(led), ['c0', 'c1', 'c2'])

    def test_barrier(self):
        barrier = Barrier(self.zk, self.path('barrier'))
        barrier.create()
        passed = threading.Event()

        def wait():
            Barrier(self.client(), self.path('barrier')).wait(20)
            passed.set()

        thread = threading.Thread(target=wait)
        thread.start()
        self.assertFalse(passed.wait(0.3))
        barrier.remove()
        self.assertTrue(passed.wait(10))
        thread.join()

    def test_double_barrier(self):
        log = []

        def work(name):
            barrier = DoubleBarrier(self.client(), self.path('double'), 3, name)
            barrier.enter()
            log.append('in')
            barrier.leave()
            log.append('out')

        threads = [threading.Thread(target=work, args=('d%d' % number,)) for number in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual((log.count('in'), log.count('out')), (3, 3))

    def test_queues(self):
        queue = Queue(self.zk, self.path('queue'))
        for number in range(10):
            queue.put(str(number).encode())
        self.assertEqual([queue.get() for _ in range(10)],
                         [str(number).encode() for number in range(10)])
        locking = LockingQueue(self.zk, self.path('locking'))
        locking.put_all([b'a', b'b'])
        self.assertEqual(locking.get(10), b'a')
        self.assertTrue(locking.consume())
        self.assertEqual(locking.get(10), b'b')
        self.assertTrue(locking.consume())

    def test_party(self):
        other = self.client()
        party = self.zk.Party(self.path('party'), 'here')
        party.join()
        other.Party(self.path('party'), 'there').join()
        self.assertEqual(sorted(party), ['here', 'there'])
        other.stop()
        end = time.time() + 10
        while len(party) > 1 and time.time() < end:
            time.sleep(0.02)
        self.assertEqual(list(party), ['here'])

    def test_partitioner(self):
        partitions = [self.client().SetPartitioner(
            self.path('part'), set=('a', 'b', 'c'), identifier=str(number), time_boundary=0.3)
            for number in range(2)]
        end = time.time() + 30
        while time.time() < end and not all(each.acquired for each in partitions):
            for each in partitions:
                if each.release:
                    each.release_set()
                elif each.allocating:
                    each.wait_for_acquire(0.1)
        shared = sorted(name for each in partitions for name in each)
        self.assertEqual(shared, ['a', 'b', 'c'])

    def test_counter(self):
        def count():
            counter = self.client().Counter(self.path('counter'))
            for _ in range(10):
                counter += 1

        threads = [threading.Thread(target=count) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        self.assertEqual(self.zk.Counter(self.path('counter')).value, 40)

    def test_lease(self):
        import datetime
        long = datetime.timedelta(seconds=60)
        self.assertTrue(self.zk.NonBlockingLease(self.path('lease'), long, identifier='one'))
        self.assertFalse(self.zk.NonBlockingLease(self.path('lease'), long, identifier='two'))

    def test_tree_cache(self):
        from kazoo.recipe.cache import TreeCache
        self.zk.create(self.path('a/b'), b'deep', makepath=True)
        cache = TreeCache(self.client(), self.root)
        ready = threading.Event()
        cache.listen(lambda event: ready.set() if event.event_type == 6 else None)
        cache.start()
        self.assertTrue(ready.wait(15))
        self.assertEqual(cache.get_data(self.path('a/b')).data, b'deep')
        self.zk.set(self.path('a/b'), b'changed')
        end = time.time() + 10
        while cache.get_data(self.path('a/b')).data != b'changed' and time.time() < end:
            time.sleep(0.02)
        self.assertEqual(cache.get_data(self.path('a/b')).data, b'changed')
        cache.close()


class Sessions(Base):
    def test_another_connection_takes_the_session(self):
        first = self.client()
        session = first.client_id
        first.create(self.path('mine'), b'', ephemeral=True)
        # From now on the two take it from each other, again and again.
        second = self.client(client_id=session)
        retry = KazooRetry(max_tries=-1, delay=0.01, max_delay=0.1)
        _, stat = retry(second.get, self.path('mine'))
        self.assertEqual(stat.owner_session_id, session[0])

    def test_leader_is_killed(self):
        states, seen = [], []
        client = self.client(connection_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.5),
                             command_retry=KazooRetry(max_tries=-1, delay=0.05, max_delay=0.5))
        client.add_listener(states.append)
        session = client.client_id[0]
        client.create(self.path('alive'), b'', ephemeral=True)
        client.create(self.path('n'), b'0')
        client.DataWatch(self.path('n'), lambda data, stat: seen.append(data))
        acknowledged = 0
        for round_ in range(2):
            ask('kill-leader')
            for number in range(20):
                made = client.retry(client.create, self.path('w-'), b'', sequence=True)
                acknowledged += 1
                self.assertTrue(made)
            ask('start-killed')
        self.assertEqual(client.client_id[0], session)
        self.assertEqual(client.retry(client.get, self.path('alive'))[1].owner_session_id, session)
        self.assertNotIn(KazooState.LOST, states)
        client.retry(client.set, self.path('n'), b'1')
        end = time.time() + 10
        while seen[-1] != b'1' and time.time() < end:
            time.sleep(0.01)
        self.assertEqual(seen[-1], b'1')
        names = client.retry(client.get_children, self.root)
        self.assertGreaterEqual(len([name for name in names if name[0] == 'w']), acknowledged)


if __name__ == '__main__':
    HOSTS, SUPER = sys.argv[1], sys.argv[2]
    logging.getLogger('kazoo').setLevel(logging.CRITICAL)
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:], verbosity=2)
