import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.curator.framework.CuratorFramework;
import org.apache.curator.framework.CuratorFrameworkFactory;
import org.apache.curator.framework.api.transaction.CuratorOp;
import org.apache.curator.framework.api.transaction.CuratorTransactionResult;
import org.apache.curator.framework.recipes.atomic.DistributedAtomicLong;
import org.apache.curator.framework.recipes.barriers.DistributedDoubleBarrier;
import org.apache.curator.framework.recipes.cache.CuratorCache;
import org.apache.curator.framework.recipes.cache.CuratorCacheListener;
import org.apache.curator.framework.recipes.leader.LeaderLatch;
import org.apache.curator.framework.recipes.locks.InterProcessMutex;
import org.apache.curator.framework.recipes.locks.InterProcessReadWriteLock;
import org.apache.curator.framework.recipes.locks.InterProcessSemaphoreV2;
import org.apache.curator.framework.recipes.nodes.PersistentNode;
import org.apache.curator.framework.recipes.nodes.PersistentTtlNode;
import org.apache.curator.framework.recipes.watch.PersistentWatcher;
import org.apache.curator.retry.RetryOneTime;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.data.Stat;

/**
 * What Curator does in its own way: a line `NAME: what came of it` for each. Usage: CuratorSuite
 * HOST:PORT,...
 */
public final class CuratorSuite {
    private static final int WAIT_S = 20;
    private static String hosts;
    private static String root;
    private static CuratorFramework curator;

    private interface Behaviour {
        Object run() throws Exception;
    }

    public static void main(String[] args) throws Exception {
        hosts = args[0];
        curator = open(null);
        say("parents", CuratorSuite::parents);
        say("container-parents", CuratorSuite::containerParents);
        say("protected", CuratorSuite::isProtected);
        say("or-set", CuratorSuite::orSet);
        say("idempotent", CuratorSuite::idempotent);
        say("delete-children", CuratorSuite::deleteChildren);
        say("delete-quietly", CuratorSuite::deleteQuietly);
        say("background", CuratorSuite::background);
        say("transaction", CuratorSuite::transaction);
        say("transaction-refused", CuratorSuite::transactionRefused);
        say("namespace", CuratorSuite::namespace);
        say("compressed", CuratorSuite::compressed);
        say("ttl-node", CuratorSuite::ttlNode);
        say("persistent-node", CuratorSuite::persistentNode);
        say("persistent-watcher", CuratorSuite::persistentWatcher);
        say("cache", CuratorSuite::cache);
        say("mutex", CuratorSuite::mutex);
        say("read-write-lock", CuratorSuite::readWriteLock);
        say("semaphore", CuratorSuite::semaphore);
        say("leader-latch", CuratorSuite::leaderLatch);
        say("atomic-long", CuratorSuite::atomicLong);
        say("double-barrier", CuratorSuite::doubleBarrier);
        curator.close();
        System.exit(0);
    }

    private static void say(String name, Behaviour behaviour) {
        root = "/curator-" + name;
        try {
            System.out.println(name + ": " + behaviour.run());
        } catch (KeeperException refusal) {
            System.out.println(name + ": refused " + refusal.code());
        } catch (Exception failure) {
            System.out.println(name + ": failed " + failure);
        }
    }

    private static CuratorFramework open(String namespace) throws Exception {
        CuratorFramework client = CuratorFrameworkFactory.builder().connectString(hosts)
            .sessionTimeoutMs(6000).retryPolicy(new RetryOneTime(100)).namespace(namespace).build();
        client.start();
        client.blockUntilConnected(WAIT_S, TimeUnit.SECONDS);
        return client;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static String text(byte[] data) {
        return new String(data, StandardCharsets.UTF_8);
    }

    private static Object parents() throws Exception {
        return curator.create().creatingParentsIfNeeded().forPath(root + "/a/b/c", bytes("x"));
    }

    private static Object containerParents() throws Exception {
        curator.create().creatingParentContainersIfNeeded().forPath(root + "/a/b", bytes("x"));
        curator.delete().forPath(root + "/a/b");
        for (long end = System.currentTimeMillis() + WAIT_S * 1000; System.currentTimeMillis() < end;) {
            if (curator.checkExists().forPath(root + "/a") == null) return "gone";
            Thread.sleep(20);
        }
        return "still there";
    }

    private static Object isProtected() throws Exception {
        String made = curator.create().creatingParentsIfNeeded().withProtection()
            .withMode(CreateMode.EPHEMERAL_SEQUENTIAL).forPath(root + "/n-");
        return made.replaceAll("_c_[-0-9a-f]{36}", "GUID");
    }

    private static Object orSet() throws Exception {
        curator.create().orSetData().forPath(root, bytes("a"));
        curator.create().orSetData().forPath(root, bytes("b"));
        Stat stat = new Stat();
        return text(curator.getData().storingStatIn(stat).forPath(root)) + " v" + stat.getVersion();
    }

    private static Object idempotent() throws Exception {
        curator.create().idempotent().forPath(root, bytes("a"));
        curator.create().idempotent().forPath(root, bytes("a"));
        curator.setData().idempotent().withVersion(0).forPath(root, bytes("b"));
        return "v" + curator.checkExists().forPath(root).getVersion();
    }

    private static Object deleteChildren() throws Exception {
        for (String path : new String[] {"/a/b", "/a/c", "/d"}) {
            curator.create().creatingParentsIfNeeded().forPath(root + path);
        }
        curator.delete().deletingChildrenIfNeeded().forPath(root);
        return curator.checkExists().forPath(root) == null ? "gone" : "still there";
    }

    private static Object deleteQuietly() throws Exception {
        curator.delete().quietly().forPath(root);
        return "quiet";
    }

    private static Object background() throws Exception {
        BlockingQueue<String> answers = new LinkedBlockingQueue<>();
        curator.create().inBackground((client, event) ->
            answers.add(event.getType() + " " + event.getResultCode())).forPath(root);
        String first = answers.poll(WAIT_S, TimeUnit.SECONDS);
        curator.create().inBackground((client, event) ->
            answers.add(event.getType() + " " + event.getResultCode())).forPath(root);
        return first + ", " + answers.poll(WAIT_S, TimeUnit.SECONDS);
    }

    private static Object transaction() throws Exception {
        CuratorOp make = curator.transactionOp().create().forPath(root, bytes("a"));
        CuratorOp set = curator.transactionOp().setData().withVersion(0).forPath(root, bytes("b"));
        CuratorOp check = curator.transactionOp().check().withVersion(1).forPath(root);
        List<CuratorTransactionResult> all = curator.transaction().forOperations(make, set, check);
        StringBuilder said = new StringBuilder();
        for (CuratorTransactionResult each : all) said.append(each.getType()).append(each.getError()).append(' ');
        return said.append(text(curator.getData().forPath(root)));
    }

    private static Object transactionRefused() throws Exception {
        CuratorOp make = curator.transactionOp().create().forPath(root, bytes("a"));
        CuratorOp check = curator.transactionOp().check().withVersion(9).forPath(root);
        return curator.transaction().forOperations(Arrays.asList(make, check));
    }

    private static Object namespace() throws Exception {
        try (CuratorFramework inside = open("curator-namespace")) {
            String made = inside.create().creatingParentsIfNeeded().forPath("/a/b", bytes("x"));
            curator.sync().forPath("/");
            return made + " " + text(curator.getData().forPath("/curator-namespace/a/b"));
        }
    }

    private static Object compressed() throws Exception {
        curator.create().compressed().forPath(root, new byte[100_000]);
        int stored = curator.checkExists().forPath(root).getDataLength();
        return curator.getData().decompressed().forPath(root).length + (stored < 1000 ? " small" : " large");
    }

    private static Object ttlNode() throws Exception {
        PersistentTtlNode node = new PersistentTtlNode(curator, root, 1000, bytes("x"));
        node.start();
        boolean isMade = node.waitForInitialCreate(WAIT_S, TimeUnit.SECONDS);
        String data = text(curator.getData().forPath(root));
        node.close();
        return isMade + " " + data;
    }

    private static Object persistentNode() throws Exception {
        PersistentNode node = new PersistentNode(curator, CreateMode.EPHEMERAL, false, root, bytes("x"));
        node.start();
        node.waitForInitialCreate(WAIT_S, TimeUnit.SECONDS);
        long first = curator.checkExists().forPath(root).getCzxid();
        curator.delete().forPath(root);
        String came = "no";
        for (long end = System.currentTimeMillis() + WAIT_S * 1000; System.currentTimeMillis() < end;) {
            Stat stat = curator.checkExists().forPath(root);
            if (stat != null && stat.getCzxid() > first) {
                came = "again";
                break;
            }
            Thread.sleep(20);
        }
        node.close();
        return came;
    }

    private static Object persistentWatcher() throws Exception {
        BlockingQueue<WatchedEvent> events = new LinkedBlockingQueue<>();
        CountDownLatch isSet = new CountDownLatch(1);
        try (PersistentWatcher watcher = new PersistentWatcher(curator, root, true)) {
            watcher.getResetListenable().addListener(isSet::countDown);
            watcher.getListenable().addListener(events::add);
            watcher.start();
            isSet.await(WAIT_S, TimeUnit.SECONDS);
            curator.create().forPath(root);
            curator.create().forPath(root + "/a");
            curator.setData().forPath(root + "/a", bytes("x"));
            StringBuilder said = new StringBuilder();
            for (int i = 0; i < 3; i++) {
                WatchedEvent event = events.poll(WAIT_S, TimeUnit.SECONDS);
                said.append(event.getType()).append(event.getPath().substring(root.length())).append(' ');
            }
            return said.toString().trim();
        }
    }

    private static Object cache() throws Exception {
        curator.create().creatingParentsIfNeeded().forPath(root + "/a", bytes("1"));
        BlockingQueue<String> events = new LinkedBlockingQueue<>();
        CountDownLatch isFilled = new CountDownLatch(1);
        try (CuratorCache cache = CuratorCache.build(curator, root)) {
            cache.listenable().addListener(CuratorCacheListener.builder()
                .forInitialized(isFilled::countDown).build());
            cache.start();
            isFilled.await(WAIT_S, TimeUnit.SECONDS);
            long found = cache.size();
            cache.listenable().addListener((type, before, now) -> events.add(type.name()));
            // One at a time: it reads what it hears of, and what is gone by then it does not tell.
            curator.setData().forPath(root + "/a", bytes("2"));
            String first = events.poll(WAIT_S, TimeUnit.SECONDS);
            curator.create().forPath(root + "/b");
            String second = events.poll(WAIT_S, TimeUnit.SECONDS);
            curator.delete().forPath(root + "/b");
            String third = events.poll(WAIT_S, TimeUnit.SECONDS);
            return "found " + found + " " + first + " " + second + " " + third;
        }
    }

    private static Object mutex() throws Exception {
        AtomicInteger inside = new AtomicInteger();
        AtomicInteger most = new AtomicInteger();
        AtomicInteger times = new AtomicInteger();
        Thread[] threads = new Thread[3];
        for (int i = 0; i < threads.length; i++) {
            threads[i] = new Thread(() -> {
                try (CuratorFramework client = open(null)) {
                    InterProcessMutex mutex = new InterProcessMutex(client, root);
                    for (int round = 0; round < 5; round++) {
                        if (!mutex.acquire(WAIT_S, TimeUnit.SECONDS)) return;
                        most.accumulateAndGet(inside.incrementAndGet(), Math::max);
                        times.incrementAndGet();
                        Thread.yield();
                        inside.decrementAndGet();
                        mutex.release();
                    }
                } catch (Exception failure) {
                    System.out.println("mutex failed " + failure);
                }
            });
            threads[i].start();
        }
        for (Thread thread : threads) thread.join();
        return times + " times, " + most + " at once";
    }

    private static Object readWriteLock() throws Exception {
        try (CuratorFramework other = open(null)) {
            InterProcessReadWriteLock mine = new InterProcessReadWriteLock(curator, root);
            InterProcessReadWriteLock others = new InterProcessReadWriteLock(other, root);
            mine.readLock().acquire();
            boolean reads = others.readLock().acquire(WAIT_S, TimeUnit.SECONDS);
            others.readLock().release();
            boolean writes = others.writeLock().acquire(200, TimeUnit.MILLISECONDS);
            mine.readLock().release();
            boolean then = others.writeLock().acquire(WAIT_S, TimeUnit.SECONDS);
            return "reads " + reads + ", writes " + writes + ", then " + then;
        }
    }

    private static Object semaphore() throws Exception {
        InterProcessSemaphoreV2 semaphore = new InterProcessSemaphoreV2(curator, root, 2);
        Object first = semaphore.acquire(WAIT_S, TimeUnit.SECONDS);
        Object second = semaphore.acquire(WAIT_S, TimeUnit.SECONDS);
        Object third = semaphore.acquire(200, TimeUnit.MILLISECONDS);
        return (first != null) + " " + (second != null) + " " + (third != null);
    }

    private static Object leaderLatch() throws Exception {
        try (CuratorFramework other = open(null)) {
            LeaderLatch mine = new LeaderLatch(curator, root, "mine");
            LeaderLatch others = new LeaderLatch(other, root, "others");
            mine.start();
            mine.await(WAIT_S, TimeUnit.SECONDS);
            others.start();
            boolean before = others.hasLeadership();
            mine.close();
            boolean after = others.await(WAIT_S, TimeUnit.SECONDS);
            others.close();
            return before + " " + after;
        }
    }

    private static Object atomicLong() throws Exception {
        DistributedAtomicLong number = new DistributedAtomicLong(curator, root, new RetryOneTime(10));
        for (int i = 0; i < 10; i++) number.add(3L);
        return number.get().postValue();
    }

    private static Object doubleBarrier() throws Exception {
        try (CuratorFramework other = open(null)) {
            CountDownLatch left = new CountDownLatch(1);
            Thread thread = new Thread(() -> {
                try {
                    DistributedDoubleBarrier theirs = new DistributedDoubleBarrier(other, root, 2);
                    theirs.enter(WAIT_S, TimeUnit.SECONDS);
                    theirs.leave(WAIT_S, TimeUnit.SECONDS);
                    left.countDown();
                } catch (Exception failure) {
                    System.out.println("double-barrier failed " + failure);
                }
            });
            thread.start();
            DistributedDoubleBarrier mine = new DistributedDoubleBarrier(curator, root, 2);
            boolean entered = mine.enter(WAIT_S, TimeUnit.SECONDS);
            boolean isOut = mine.leave(WAIT_S, TimeUnit.SECONDS);
            return entered + " " + isOut + " " + left.await(WAIT_S, TimeUnit.SECONDS);
        }
    }
}
