import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.AddWatchMode;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.KeeperException.Code;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooDefs.Perms;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.admin.ZooKeeperAdmin;
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.ClientInfo;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/**
 * Every operation of Apache's own client. Usage: JavaSuite HOST:PORT,... SUPER_USER:PASSWORD [TEST].
 * A line on stdout that begins with '?' asks the outside for something; it answers "done".
 */
public final class JavaSuite {
    private static final int TIMEOUT_MS = 6000;
    private static final BufferedReader ANSWERS =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

    private final String hosts;
    private final String superUser;
    private final List<ZooKeeper> open = new ArrayList<>();
    private ZooKeeper zk;
    private String root;

    private JavaSuite(String hosts, String superUser) {
        this.hosts = hosts;
        this.superUser = superUser;
    }

    public static void main(String[] args) throws Exception {
        int failed = 0;
        int passed = 0;
        Method[] methods = JavaSuite.class.getDeclaredMethods();
        Arrays.sort(methods, Comparator.comparing(Method::getName));
        for (Method method : methods) {
            if (!method.getName().startsWith("test")) continue;
            if (args.length > 2 && !args[2].equals(method.getName())) continue;
            JavaSuite suite = new JavaSuite(args[0], args[1]);
            try {
                suite.setUp(method.getName());
                method.invoke(suite);
                passed += 1;
            } catch (Throwable failure) {
                failed += 1;
                Throwable cause = failure.getCause() == null ? failure : failure.getCause();
                System.out.println("FAILED " + method.getName() + ": " + cause);
                for (StackTraceElement element : cause.getStackTrace()) {
                    if (element.getClassName().startsWith("JavaSuite")) System.out.println("    " + element);
                }
            } finally {
                suite.tearDown();
            }
        }
        System.out.println("passed " + passed + " failed " + failed);
        System.exit(failed == 0 && passed > 0 ? 0 : 1);
    }

    private void setUp(String name) throws Exception {
        zk = connect(hosts);
        root = "/java-" + name;
        zk.create(root, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    }

    private void tearDown() throws Exception {
        for (ZooKeeper each : open) each.close();
    }

    private ZooKeeper connect(String to) throws Exception {
        return connect(to, 0, null, event -> { });
    }

    private ZooKeeper connect(String to, long id, byte[] password, Watcher watcher) throws Exception {
        CountDownLatch connected = new CountDownLatch(1);
        Watcher both = event -> {
            if (event.getState() == Watcher.Event.KeeperState.SyncConnected) connected.countDown();
            watcher.process(event);
        };
        ZooKeeper client = id == 0
            ? new ZooKeeper(to, TIMEOUT_MS, both)
            : new ZooKeeper(to, TIMEOUT_MS, both, id, password);
        open.add(client);
        check(connected.await(20, TimeUnit.SECONDS), "connected to " + to);
        return client;
    }

    private String at(String name) {
        return root + "/" + name;
    }

    private String make(String name) throws Exception {
        return zk.create(at(name), bytes(name), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void check(boolean condition, String what) {
        if (!condition) throw new AssertionError(what);
    }

    private static void same(Object expected, Object given) {
        if (!expected.equals(given)) throw new AssertionError("expected " + expected + ", not " + given);
    }

    private interface Action {
        void run() throws Exception;
    }

    private static KeeperException refused(Code code, Action action) throws Exception {
        try {
            action.run();
        } catch (KeeperException refusal) {
            same(code, refusal.code());
            return refusal;
        }
        throw new AssertionError("not refused with " + code);
    }

    private static void ask(String question) throws Exception {
        System.out.println("?" + question);
        System.out.flush();
        same("done", ANSWERS.readLine());
    }

    /** Events as texts, in the order they came. */
    private static final class Events implements Watcher {
        private final LinkedBlockingQueue<String> queue = new LinkedBlockingQueue<>();

        @Override
        public void process(WatchedEvent event) {
            if (event.getType() == Event.EventType.None) return;
            queue.add(event.getType() + " " + event.getPath());
        }

        void next(String... expected) throws Exception {
            for (String each : expected) same(each, String.valueOf(queue.poll(10, TimeUnit.SECONDS)));
        }

        void none() throws Exception {
            String extra = queue.poll(300, TimeUnit.MILLISECONDS);
            check(extra == null, "an event too many: " + extra);
        }
    }

    private void testBasics() throws Exception {
        Stat made = new Stat();
        same(at("n"), zk.create(at("n"), bytes("1"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT, made));
        check(made.getCzxid() == made.getMzxid() && made.getDataLength() == 1, "stat of a new node");
        Stat read = new Stat();
        same("1", new String(zk.getData(at("n"), false, read)));
        same(made, read);
        same(1, zk.setData(at("n"), bytes("22"), 0).getVersion());
        refused(Code.BADVERSION, () -> zk.setData(at("n"), bytes("3"), 0));
        same(read.getCzxid(), zk.exists(at("n"), false).getCzxid());
        check(zk.exists(at("none"), false) == null, "no stat of no node");
        refused(Code.NODEEXISTS, () -> make("n"));
        make("n/child");
        refused(Code.NOTEMPTY, () -> zk.delete(at("n"), -1));
        refused(Code.NONODE, () -> zk.getData(at("none"), false, null));
        zk.delete(at("n/child"), 0);
        refused(Code.BADVERSION, () -> zk.delete(at("n"), 0));
        zk.delete(at("n"), 1);
        zk.setData(root, null, -1);
        check(zk.getData(root, false, null) == null, "null data stays null");
        zk.setData(root, new byte[0], -1);
        same(0, zk.getData(root, false, null).length);
    }

    private void testModes() throws Exception {
        same(at("s-0000000000"), zk.create(at("s-"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL));
        String ephemeral = zk.create(at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        same(zk.getSessionId(), zk.exists(ephemeral, false).getEphemeralOwner());
        same(at("e-0000000002"), zk.create(at("e-"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL_SEQUENTIAL));
        refused(Code.NOCHILDRENFOREPHEMERALS, () -> make("e/child"));
        zk.create(at("c"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER);
        same(0L, zk.exists(at("c"), false).getEphemeralOwner());
        Stat stat = new Stat();
        zk.create(at("t"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, stat, 60000);
        same(0L, stat.getEphemeralOwner());
        same(at("t-0000000005"), zk.create(at("t-"), null, Ids.OPEN_ACL_UNSAFE,
            CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL, stat, 60000));
        same(6, zk.getChildren(root, false).size());
    }

    private void testContainersAndTimedNodesGo() throws Exception {
        zk.create(at("c"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER);
        make("c/child");
        zk.delete(at("c/child"), -1);
        zk.create(at("t"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, new Stat(), 100);
        long end = System.currentTimeMillis() + 15000;
        while (!zk.getChildren(root, false).isEmpty() && System.currentTimeMillis() < end) Thread.sleep(50);
        same(Collections.emptyList(), zk.getChildren(root, false));
    }

    private void testChildren() throws Exception {
        for (String name : new String[] {"a", "b", "\u00fc\u4e2d"}) make(name);
        Stat stat = new Stat();
        List<String> names = zk.getChildren(root, false, stat);
        Collections.sort(names);
        same(Arrays.asList("a", "b", "\u00fc\u4e2d"), names);
        same(3, stat.getNumChildren());
        make("a/deep");
        same(4, zk.getAllChildrenNumber(root));
        refused(Code.NONODE, () -> zk.getChildren(at("none"), false));
        zk.create(at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        same(Collections.singletonList(at("e")), zk.getEphemerals(root));
        same(Collections.singletonList(at("e")), zk.getEphemerals());
    }

    private void testMulti() throws Exception {
        make("old");
        List<OpResult> results = zk.multi(Arrays.asList(
            Op.create(at("a"), bytes("1"), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT),
            Op.create(at("s-"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_SEQUENTIAL),
            Op.create(at("c"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.CONTAINER),
            Op.create(at("t"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT_WITH_TTL, 60000),
            Op.setData(at("a"), bytes("2"), 0),
            Op.check(at("a"), 1),
            Op.delete(at("old"), -1)));
        same(at("a"), ((OpResult.CreateResult) results.get(0)).getPath());
        same(at("s-0000000002"), ((OpResult.CreateResult) results.get(1)).getPath());
        same(1, ((OpResult.SetDataResult) results.get(4)).getStat().getVersion());
        check(results.get(6) instanceof OpResult.DeleteResult, "the last is a delete");
        check(zk.exists(at("old"), false) == null, "deleted");

        KeeperException refusal = refused(Code.NONODE, () -> zk.multi(Arrays.asList(
            Op.setData(at("a"), bytes("3"), -1),
            Op.delete(at("none"), -1),
            Op.delete(at("a"), -1))));
        List<Integer> errors = new ArrayList<>();
        for (OpResult result : refusal.getResults()) errors.add(((OpResult.ErrorResult) result).getErr());
        same(Arrays.asList(0, -101, -2), errors);
        same("2", new String(zk.getData(at("a"), false, null)));

        List<OpResult> reads = zk.multi(Arrays.asList(
            Op.getData(at("a")), Op.getChildren(root), Op.getData(at("none"))));
        same("2", new String(((OpResult.GetDataResult) reads.get(0)).getData()));
        same(4, ((OpResult.GetChildrenResult) reads.get(1)).getChildren().size());
        same(-101, ((OpResult.ErrorResult) reads.get(2)).getErr());

        Stat stat = new Stat();
        zk.transaction().create(at("x"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT)
            .setData(at("x"), bytes("y"), 0).check(at("x"), 1).commit();
        zk.getData(at("x"), false, stat);
        same(1, stat.getVersion());
    }

    private void testOneShotWatches() throws Exception {
        Events events = new Events();
        ZooKeeper other = connect(hosts);
        make("n");
        zk.getData(at("n"), events, null);
        zk.exists(at("later"), events);
        zk.getChildren(root, events);
        other.setData(at("n"), null, -1);
        events.next("NodeDataChanged " + at("n"));
        other.create(at("later"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        events.next("NodeCreated " + at("later"), "NodeChildrenChanged " + root);
        other.setData(at("n"), null, -1);
        events.none();
        zk.exists(at("n"), events);
        zk.getChildren(at("n"), events);
        other.delete(at("n"), -1);
        events.next("NodeDeleted " + at("n"));
    }

    private void testPersistentWatches() throws Exception {
        Events persistent = new Events();
        Events recursive = new Events();
        ZooKeeper other = connect(hosts);
        zk.addWatch(root, persistent, AddWatchMode.PERSISTENT);
        other.create(at("a"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        other.setData(at("a"), null, -1);
        other.setData(root, null, -1);
        persistent.next("NodeChildrenChanged " + root, "NodeDataChanged " + root);
        zk.addWatch(at("a"), recursive, AddWatchMode.PERSISTENT_RECURSIVE);
        other.create(at("a/b"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        other.setData(at("a/b"), null, -1);
        other.delete(at("a/b"), -1);
        other.delete(at("a"), -1);
        recursive.next("NodeCreated " + at("a/b"), "NodeDataChanged " + at("a/b"),
            "NodeDeleted " + at("a/b"), "NodeDeleted " + at("a"));
        persistent.next("NodeChildrenChanged " + root);
        zk.removeWatches(root, persistent, Watcher.WatcherType.Any, false);
        persistent.next("PersistentWatchRemoved " + root);
        zk.removeAllWatches(at("a"), Watcher.WatcherType.Any, false);
        recursive.next("PersistentWatchRemoved " + at("a"));
        other.create(at("a"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        persistent.none();
        recursive.none();
    }

    private void testRemoveWatches() throws Exception {
        Events events = new Events();
        zk.getData(root, events, null);
        zk.getChildren(root, events);
        zk.removeWatches(root, events, Watcher.WatcherType.Data, false);
        events.next("DataWatchRemoved " + root);
        zk.removeWatches(root, events, Watcher.WatcherType.Children, false);
        events.next("ChildWatchRemoved " + root);
        refused(Code.NOWATCHER, () -> zk.removeWatches(root, events, Watcher.WatcherType.Any, false));
    }

    private void testAccess() throws Exception {
        ZooKeeper owner = connect(hosts);
        owner.addAuthInfo("digest", bytes("ann:pw"));
        owner.create(at("mine"), bytes("x"), Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT);
        ACL entry = owner.getACL(at("mine"), null).get(0);
        same("digest", entry.getId().getScheme());
        check(entry.getId().getId().startsWith("ann:"), "an id of ann");
        refused(Code.NOAUTH, () -> zk.getData(at("mine"), false, null));
        refused(Code.NOAUTH, () -> zk.setData(at("mine"), null, -1));
        refused(Code.NOAUTH, () -> zk.getChildren(at("mine"), false));
        refused(Code.INVALIDACL, () -> zk.create(at("n"), null, Ids.CREATOR_ALL_ACL, CreateMode.PERSISTENT));
        refused(Code.INVALIDACL, () -> zk.create(at("n"), null,
            Collections.singletonList(new ACL(Perms.ALL, new Id("nosuch", "x"))), CreateMode.PERSISTENT));
        make("n");
        same(1, zk.setACL(at("n"), Ids.READ_ACL_UNSAFE, 0).getAversion());
        refused(Code.NOAUTH, () -> zk.setACL(at("n"), Ids.OPEN_ACL_UNSAFE, -1));
        ZooKeeper root = connect(hosts);
        root.addAuthInfo("digest", bytes(superUser));
        same("x", new String(root.getData(at("mine"), false, null)));
        root.setACL(at("n"), Ids.OPEN_ACL_UNSAFE, 1);
        refused(Code.BADVERSION, () -> zk.setACL(at("n"), Ids.OPEN_ACL_UNSAFE, 7));
        List<String> who = new ArrayList<>();
        for (ClientInfo info : owner.whoAmI()) who.add(info.getAuthScheme() + ":" + info.getUser());
        Collections.sort(who);
        same(Arrays.asList("digest:ann", "ip:127.0.0.1"), who);
    }

    private void testAuthenticationThatFails() throws Exception {
        CountDownLatch failed = new CountDownLatch(1);
        ZooKeeper client = connect(hosts, 0, null, event -> {
            if (event.getState() == Watcher.Event.KeeperState.AuthFailed) failed.countDown();
        });
        client.addAuthInfo("nosuch", bytes("x"));
        check(failed.await(10, TimeUnit.SECONDS), "told that it failed");
    }

    private void testPaths() throws Exception {
        for (String path : new String[] {"relative", "/a//b", "/a/", "/a/./b", "/a\u0001"}) {
            try {
                zk.create(path, null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
                throw new AssertionError(path + " was taken");
            } catch (IllegalArgumentException refusal) {
                continue;
            }
        }
        refused(Code.BADARGUMENTS, () -> zk.delete("/zookeeper/quota", -1));
        same(root, zk.create(at("with space"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT)
            .replace("/with space", ""));
    }

    private void testLargeData() throws Exception {
        byte[] large = new byte[1000 * 1000];
        Arrays.fill(large, (byte) 7);
        zk.create(at("large"), large, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        check(Arrays.equals(large, zk.getData(at("large"), false, null)), "as written");
        refused(Code.CONNECTIONLOSS, () -> zk.setData(at("large"), new byte[1100 * 1000], -1));
        long end = System.currentTimeMillis() + 10000;
        for (;;) {
            try {
                same(0, zk.exists(at("large"), false).getVersion());
                return;
            } catch (KeeperException.ConnectionLossException loss) {
                check(System.currentTimeMillis() < end, "connected again");
                Thread.sleep(20);
            }
        }
    }

    private void testAsynchronousOrder() throws Exception {
        make("n");
        List<CompletableFuture<Integer>> versions = new ArrayList<>();
        List<String> order = Collections.synchronizedList(new ArrayList<>());
        for (int number = 0; number < 200; number += 1) {
            CompletableFuture<Integer> set = new CompletableFuture<>();
            CompletableFuture<Integer> get = new CompletableFuture<>();
            String name = String.valueOf(number);
            zk.setData(at("n"), bytes(name), -1, (code, path, context, stat) -> {
                order.add("set " + name);
                set.complete(stat.getVersion());
            }, null);
            zk.getData(at("n"), false, (code, path, context, data, stat) -> {
                order.add("get " + new String(data));
                get.complete(stat.getVersion());
            }, null);
            versions.add(set);
            versions.add(get);
        }
        for (int index = 0; index < versions.size(); index += 1) {
            same(index / 2 + 1, versions.get(index).get(20, TimeUnit.SECONDS));
            same((index % 2 == 0 ? "set " : "get ") + index / 2, order.get(index));
        }
        CompletableFuture<Integer> synced = new CompletableFuture<>();
        zk.sync(root, (code, path, context) -> synced.complete(code), null);
        same(0, synced.get(10, TimeUnit.SECONDS));
    }

    private void testSessionComesBack() throws Exception {
        ZooKeeper first = connect(hosts);
        first.create(at("e"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        ZooKeeper second = connect(hosts, first.getSessionId(), first.getSessionPasswd(), event -> { });
        same(first.getSessionId(), second.getSessionId());
        same(first.getSessionId(), second.exists(at("e"), false).getEphemeralOwner());
        second.close();
        check(zk.exists(at("e"), false) == null, "gone with its session");
        CountDownLatch expired = new CountDownLatch(1);
        ZooKeeper late = new ZooKeeper(hosts, TIMEOUT_MS, event -> {
            if (event.getState() == Watcher.Event.KeeperState.Expired) expired.countDown();
        }, first.getSessionId(), first.getSessionPasswd());
        open.add(late);
        check(expired.await(15, TimeUnit.SECONDS), "told that the session has expired");
    }

    private void testReconfigIsRefused() throws Exception {
        String config = new String(zk.getConfig(false, null));
        same(3, config.split("server\\.").length - 1);
        ZooKeeperAdmin admin = new ZooKeeperAdmin(hosts, TIMEOUT_MS, event -> { });
        open.add(admin);
        admin.addAuthInfo("digest", bytes(superUser));
        refused(Code.RECONFIGDISABLED, () -> admin.reconfigure((String) null, "3", null, -1, null));
    }

    private void testLeaderIsKilled() throws Exception {
        Events events = new Events();
        List<Watcher.Event.KeeperState> states = Collections.synchronizedList(new ArrayList<>());
        ZooKeeper client = connect(hosts, 0, null, event -> states.add(event.getState()));
        long session = client.getSessionId();
        client.create(at("mine"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        client.exists(at("watched"), events);
        client.addWatch(root, events, AddWatchMode.PERSISTENT_RECURSIVE);
        int acknowledged = 0;
        for (int round = 0; round < 2; round += 1) {
            ask("kill-leader");
            int wanted = acknowledged + 20;
            long end = System.currentTimeMillis() + 30000;
            while (acknowledged < wanted) {
                check(System.currentTimeMillis() < end, "it goes on");
                try {
                    client.setData(root, bytes(String.valueOf(acknowledged)), -1);
                    acknowledged += 1;
                } catch (KeeperException.ConnectionLossException loss) {
                    Thread.sleep(20);
                }
            }
            ask("start-killed");
        }
        same(session, client.getSessionId());
        same(session, client.exists(at("mine"), false).getEphemeralOwner());
        check(client.exists(root, false).getVersion() >= acknowledged, "nothing acknowledged is lost");
        check(!states.contains(Watcher.Event.KeeperState.Expired), "the session never expired");
        events.queue.removeIf(event -> event.startsWith("NodeDataChanged"));
        zk.create(at("watched"), null, Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        events.next("NodeCreated " + at("watched"));
    }
}
