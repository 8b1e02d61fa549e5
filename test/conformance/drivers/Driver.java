import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.zookeeper.AddWatchMode; // since 3.6
import org.apache.zookeeper.AsyncCallback;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Op;
import org.apache.zookeeper.OpResult;
import org.apache.zookeeper.WatchedEvent;
import org.apache.zookeeper.Watcher;
import org.apache.zookeeper.Watcher.Event.EventType;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;
import org.apache.zookeeper.admin.ZooKeeperAdmin; // since 3.5
import org.apache.zookeeper.data.ACL;
import org.apache.zookeeper.data.Id;
import org.apache.zookeeper.data.Stat;

/**
 * Carries out behaviours with Apache's Java client, one line in, one line out. Usage:
 * Driver HOST:PORT,... See ../README.md for the lines. What a comment says to be `since` a version
 * is left out for older clients before this is compiled.
 */
public final class Driver {
    private static final long WAIT_MS = 20_000;
    private static final Map<String, CreateMode> MODES = new HashMap<>(Map.of(
        "p", CreateMode.PERSISTENT, "e", CreateMode.EPHEMERAL,
        "ps", CreateMode.PERSISTENT_SEQUENTIAL, "es", CreateMode.EPHEMERAL_SEQUENTIAL));

    // since 3.5 {
    static {
        MODES.put("c", CreateMode.CONTAINER);
        MODES.put("t", CreateMode.PERSISTENT_WITH_TTL);
        MODES.put("ts", CreateMode.PERSISTENT_SEQUENTIAL_WITH_TTL);
    }
    // }

    /** What this client has no call for; the message says why. */
    private static final class Cannot extends RuntimeException {
        Cannot(String reason) {
            super(reason);
        }
    }

    private static final class Client implements Watcher {
        final List<String> events = new ArrayList<>();
        final List<KeeperState> states = new ArrayList<>();
        ZooKeeper zk;

        @Override
        public synchronized void process(WatchedEvent event) {
            states.add(event.getState());
            if (event.getType() != EventType.None) {
                events.add(nameOf(event.getType()) + " " + event.getPath());
            }
            notifyAll();
        }

        synchronized boolean await(KeeperState state) throws InterruptedException {
            long end = System.currentTimeMillis() + WAIT_MS;
            while (!states.contains(state) && System.currentTimeMillis() < end) wait(100);
            return states.contains(state);
        }

        /** Waits for that many, then for one more turn of the thread that delivers them. */
        String takeEvents(int count) throws InterruptedException {
            synchronized (this) {
                long end = System.currentTimeMillis() + WAIT_MS;
                while (events.size() < count && System.currentTimeMillis() < end) wait(100);
            }
            CountDownLatch fence = new CountDownLatch(1);
            AsyncCallback.StatCallback reached = (rc, path, context, stat) -> fence.countDown();
            zk.exists("/", false, reached, null);
            fence.await(WAIT_MS, TimeUnit.MILLISECONDS);
            synchronized (this) {
                String all = events.isEmpty() ? "none" : String.join(";", events);
                events.clear();
                return all;
            }
        }
    }

    private final String hosts;
    private final Map<String, Client> clients = new HashMap<>();

    private Driver(String hosts) {
        this.hosts = hosts;
    }

    public static void main(String[] args) throws Exception {
        Driver driver = new Driver(args[0]);
        BufferedReader in =
            new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] words = line.split(" ");
            out.println(driver.answer(words[0], words[1], Arrays.copyOfRange(words, 2, words.length)));
        }
        System.exit(0);
    }

    private String answer(String name, String verb, String[] args) {
        try {
            return carryOut(name, verb, args);
        } catch (Cannot reason) {
            return "cannot " + reason.getMessage();
        } catch (KeeperException refusal) {
            return String.valueOf(refusal.code().intValue());
        } catch (IllegalArgumentException refusal) {
            return "local";
        } catch (Exception failure) {
            return "failed " + failure;
        }
    }

    private String carryOut(String name, String verb, String[] w) throws Exception {
        if (verb.equals("open")) return open(name, w);
        Client client = clients.get(name);
        ZooKeeper zk = client.zk;
        Watcher watch = w.length > 1 && w[1].equals("w") ? client : null;
        Stat stat = new Stat();
        switch (verb) {
            case "create": return create(client, w, null);
            case "create2": return create(client, w, stat) + " " + show(client, stat); // since 3.5
            case "delete": zk.delete(w[0], Integer.parseInt(w[1])); return "ok";
            case "exists":
                Stat found = zk.exists(w[0], watch);
                return found == null ? "-101" : show(client, found);
            case "get":
                byte[] data = zk.getData(w[0], watch, stat);
                return show(data) + " " + show(client, stat);
            case "children": return names(zk.getChildren(w[0], watch));
            case "children2":
                List<String> children = zk.getChildren(w[0], watch, stat);
                return names(children) + " " + show(client, stat);
            case "set": return show(client, zk.setData(w[0], dataOf(w[1]), Integer.parseInt(w[2])));
            case "getacl":
                List<ACL> acl = zk.getACL(w[0], stat);
                return show(acl) + " " + show(client, stat);
            case "setacl": zk.setACL(w[0], aclOf(w[1]), Integer.parseInt(w[2])); return "ok";
            case "multi": return multi(zk, w[0]);
            case "mread": return readMany(zk, w[0]); // since 3.6
            case "rmwatch": return removeWatch(zk, w); // since 3.5
            case "addwatch": return addWatch(client, w); // since 3.6
            case "config": return servers(zk.getConfig(false, stat)); // since 3.5
            case "reconfig": return reconfig((ZooKeeperAdmin) zk, w); // since 3.5
            default: return other(client, verb, w);
        }
    }

    private String other(Client client, String verb, String[] w) throws Exception {
        ZooKeeper zk = client.zk;
        switch (verb) {
            case "auth": return auth(client, w[0], w[1]);
            case "sync":
                int[] rc = new int[1];
                CountDownLatch synced = new CountDownLatch(1);
                zk.sync(w[0], (code, path, context) -> { rc[0] = code; synced.countDown(); }, null);
                synced.await();
                return rc[0] == 0 ? "ok" : String.valueOf(rc[0]);
            // since 3.7 {
            case "whoami":
                return zk.whoAmI().stream().map(each -> each.getAuthScheme() + ":" + each.getUser())
                    .sorted().collect(Collectors.joining(";"));
            // }
            case "ephemerals": return names(w.length == 0 ? zk.getEphemerals() : zk.getEphemerals(w[0])); // since 3.6
            case "count": return String.valueOf(zk.getAllChildrenNumber(w[0])); // since 3.6
            case "session": return "timeout=" + zk.getSessionTimeout();
            case "events": return client.takeEvents(Integer.parseInt(w[0]));
            case "state":
                KeeperState state = w[0].equals("expired") ? KeeperState.Expired : KeeperState.AuthFailed;
                return client.await(state) ? "ok" : "still " + zk.getState();
            case "close": zk.close(); return "ok";
            case "leave": leave(zk); return "ok";
            case "gone": return gone(zk, w[0]);
            default: throw new Cannot("this Java client has no call for " + verb);
        }
    }

    private String open(String name, String[] options) throws Exception {
        String at = hosts;
        String chroot = "";
        int timeoutMs = 6000;
        Client as = null;
        for (String option : options) {
            String value = option.substring(option.indexOf('=') + 1);
            if (option.startsWith("at=")) at = value;
            if (option.startsWith("chroot=")) chroot = value;
            if (option.startsWith("timeout=")) timeoutMs = Integer.parseInt(value);
            if (option.startsWith("as=")) as = clients.get(value);
        }
        Client client = new Client();
        synchronized (client) {
            client.zk = as == null
                ? fresh(at + chroot, timeoutMs, client)
                : new ZooKeeper(
                    at + chroot, timeoutMs, client, as.zk.getSessionId(), as.zk.getSessionPasswd());
        }
        clients.put(name, client);
        return client.await(KeeperState.SyncConnected) ? "ok" : "not connected";
    }

    private static ZooKeeper fresh(String at, int timeoutMs, Watcher watcher) throws Exception {
        if (true) return new ZooKeeperAdmin(at, timeoutMs, watcher); // since 3.5
        return new ZooKeeper(at, timeoutMs, watcher);
    }

    private String create(Client client, String[] w, Stat stat) throws Exception {
        CreateMode mode = modeOf(w[3]);
        // since 3.5 {
        long ttl = w.length > 4 ? Long.parseLong(w[4]) : -1;
        if (stat != null || ttl != -1) {
            return client.zk.create(w[0], dataOf(w[1]), aclOf(w[2]), mode, stat, ttl);
        }
        // }
        return client.zk.create(w[0], dataOf(w[1]), aclOf(w[2]), mode);
    }

    private static String nameOf(EventType type) {
        switch (type) {
            case NodeCreated: return "created";
            case NodeDeleted: return "deleted";
            case NodeDataChanged: return "changed";
            case NodeChildrenChanged: return "children";
            default: return "removed";
        }
    }

    private static CreateMode modeOf(String word) {
        CreateMode mode = MODES.get(word);
        if (mode == null) throw new Cannot("this Java client has no such nodes");
        return mode;
    }

    private static byte[] dataOf(String word) {
        if (word.equals("null")) return null;
        if (word.equals("''")) return new byte[0];
        if (!word.startsWith("*")) return word.getBytes(StandardCharsets.UTF_8);
        byte[] data = new byte[Integer.parseInt(word.substring(1))];
        Arrays.fill(data, (byte) 'x');
        return data;
    }

    private static String show(byte[] data) {
        if (data == null) return "null";
        if (data.length == 0) return "''";
        return data.length > 300 ? "bytes=" + data.length : new String(data, StandardCharsets.UTF_8);
    }

    private static List<ACL> aclOf(String word) {
        if (word.equals("open")) return Ids.OPEN_ACL_UNSAFE;
        if (word.equals("read")) return Ids.READ_ACL_UNSAFE;
        if (word.equals("creator")) return Ids.CREATOR_ALL_ACL;
        List<ACL> all = new ArrayList<>();
        if (word.equals("none")) return all;
        for (String entry : word.split(";")) {
            String[] parts = entry.split(":", 3);
            all.add(new ACL(Integer.parseInt(parts[0]), new Id(parts[1], parts[2])));
        }
        return all;
    }

    private static String show(List<ACL> acl) {
        return acl.stream()
            .map(each -> each.getPerms() + ":" + each.getId().getScheme() + ":" + each.getId().getId())
            .collect(Collectors.joining(";"));
    }

    private static String show(Client client, Stat stat) {
        long owner = stat.getEphemeralOwner();
        String name = owner == 0 ? "-" : owner == client.zk.getSessionId() ? "me"
            : owner == Long.MIN_VALUE ? "container" : owner >>> 56 == 0xff ? "ttl" : "other";
        return "v" + stat.getVersion() + " cv" + stat.getCversion() + " av" + stat.getAversion()
            + " len" + stat.getDataLength() + " kids" + stat.getNumChildren() + " own=" + name
            + " m" + (stat.getMzxid() == stat.getCzxid() ? "=" : "+")
            + " p" + (stat.getPzxid() == stat.getCzxid() ? "=" : "+");
    }

    private static String names(List<String> found) {
        List<String> sorted = new ArrayList<>(found);
        Collections.sort(sorted);
        return sorted.isEmpty() ? "''" : String.join(",", sorted);
    }

    private static String servers(byte[] config) {
        return "servers=" + (new String(config, StandardCharsets.UTF_8).split("server\\.").length - 1);
    }

    // since 3.5 {
    private static String reconfig(ZooKeeperAdmin zk, String[] w) throws Exception {
        String[] given = new String[3];
        for (int i = 0; i < 3; i++) given[i] = w[i].equals("-") ? null : w[i];
        long version = w[3].equals("-1") ? -1 : Long.parseLong(w[3], 16);
        return servers(zk.reconfigure(given[0], given[1], given[2], version, new Stat()));
    }
    // }

    private static String auth(Client client, String scheme, String credential) throws Exception {
        client.zk.addAuthInfo(scheme, credential.getBytes(StandardCharsets.UTF_8));
        // It has no answer of its own; what is sent behind it is answered behind it.
        try {
            client.zk.exists("/", false);
            return "ok";
        } catch (KeeperException refusal) {
            return client.await(KeeperState.AuthFailed) ? "-115" : "failed " + refusal;
        }
    }

    // since 3.6 {
    private static String addWatch(Client client, String[] w) throws Exception {
        AddWatchMode mode = w[1].equals("p") ? AddWatchMode.PERSISTENT : AddWatchMode.PERSISTENT_RECURSIVE;
        client.zk.addWatch(w[0], client, mode);
        return "ok";
    }
    // }

    // since 3.5 {
    private static String removeWatch(ZooKeeper zk, String[] w) throws Exception {
        String wanted = Map.of("data", "Data", "children", "Children", "any", "Any",
            "persistent", "Persistent", "recursive", "PersistentRecursive").get(w[1]);
        for (Watcher.WatcherType type : Watcher.WatcherType.values()) {
            if (!type.name().equals(wanted)) continue;
            zk.removeAllWatches(w[0], type, false);
            return "ok";
        }
        throw new Cannot("this Java client has no watches of that kind to take back");
    }
    // }

    /** Its close takes a tenth of a second that nobody has to wait for. */
    private static void leave(ZooKeeper zk) {
        Thread closing = new Thread(() -> {
            try {
                zk.close();
            } catch (InterruptedException impossible) {
                throw new IllegalStateException(impossible);
            }
        });
        closing.setDaemon(true);
        closing.start();
    }

    private static String gone(ZooKeeper zk, String path) throws Exception {
        long end = System.currentTimeMillis() + WAIT_MS;
        while (zk.exists(path, false) != null) {
            if (System.currentTimeMillis() > end) return "still there";
            Thread.sleep(20);
        }
        return "ok";
    }

    private static String multi(ZooKeeper zk, String word) throws Exception {
        List<Op> ops = new ArrayList<>();
        for (String each : word.split("\\|")) {
            String[] w = each.split(",");
            switch (w[0]) {
                case "create": ops.add(Op.create(w[1], dataOf(w[2]), Ids.OPEN_ACL_UNSAFE, modeOf(w[3]))); break;
                case "set": ops.add(Op.setData(w[1], dataOf(w[2]), Integer.parseInt(w[3]))); break;
                case "delete": ops.add(Op.delete(w[1], Integer.parseInt(w[2]))); break;
                default: ops.add(Op.check(w[1], Integer.parseInt(w[2])));
            }
        }
        try {
            return zk.multi(ops).stream().map(Driver::show).collect(Collectors.joining(";"));
        } catch (KeeperException refusal) {
            if (refusal.getResults() == null) throw refusal;
            return refusal.getResults().stream().map(Driver::show).collect(Collectors.joining(";"));
        }
    }

    // since 3.6 {
    private static String readMany(ZooKeeper zk, String word) throws Exception {
        List<Op> ops = new ArrayList<>();
        for (String each : word.split("\\|")) {
            String[] w = each.split(",");
            ops.add(w[0].equals("get") ? Op.getData(w[1]) : Op.getChildren(w[1]));
        }
        return zk.multi(ops).stream().map(Driver::show).collect(Collectors.joining(";"));
    }
    // }

    private static String show(OpResult result) {
        if (result instanceof OpResult.CreateResult) return ((OpResult.CreateResult) result).getPath();
        if (result instanceof OpResult.SetDataResult) {
            return "v" + ((OpResult.SetDataResult) result).getStat().getVersion();
        }
        if (result instanceof OpResult.ErrorResult) {
            return String.valueOf(((OpResult.ErrorResult) result).getErr());
        }
        // since 3.6 {
        if (result instanceof OpResult.GetDataResult) return show(((OpResult.GetDataResult) result).getData());
        if (result instanceof OpResult.GetChildrenResult) {
            return names(((OpResult.GetChildrenResult) result).getChildren());
        }
        // }
        return "ok";
    }
}
