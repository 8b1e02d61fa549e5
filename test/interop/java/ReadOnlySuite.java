import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.apache.zookeeper.CreateMode;
import org.apache.zookeeper.KeeperException;
import org.apache.zookeeper.Watcher.Event.KeeperState;
import org.apache.zookeeper.ZooDefs.Ids;
import org.apache.zookeeper.ZooKeeper;

/**
 * Apache's own client with canBeReadOnly, while the quorum goes and comes back. Usage: ReadOnlySuite
 * HOST:PORT,... A line on stdout that begins with '?' asks the outside for something; it answers "done".
 */
public final class ReadOnlySuite {
    private static final BufferedReader ANSWERS =
        new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));

    public static void main(String[] args) throws Exception {
        LinkedBlockingQueue<KeeperState> states = new LinkedBlockingQueue<>();
        ZooKeeper zk = new ZooKeeper(args[0], 20000, event -> states.add(event.getState()), true);
        await(states, KeeperState.SyncConnected);
        zk.create("/java", "x".getBytes(StandardCharsets.UTF_8), Ids.OPEN_ACL_UNSAFE, CreateMode.PERSISTENT);
        zk.create("/java/e", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        long session = zk.getSessionId();

        ask("lose-quorum");
        await(states, KeeperState.ConnectedReadOnly);
        expect(zk.getSessionId() == session, "the session is the same without a quorum");
        expect("x".equals(new String(zk.getData("/java", false, null), StandardCharsets.UTF_8)), "it reads");
        expect(zk.exists("/java/e", false).getEphemeralOwner() == session, "it still owns its node");
        try {
            zk.setData("/java", null, -1);
            throw new AssertionError("a write without a quorum");
        } catch (KeeperException.NotReadOnlyException expected) {
            System.out.println("refused: " + expected.getMessage());
        }
        ZooKeeper fresh = new ZooKeeper(args[0], 20000, event -> { }, true);
        for (int wait = 0; wait < 200 && !fresh.getState().isConnected(); wait += 1) Thread.sleep(50);
        expect(fresh.getState() == ZooKeeper.States.CONNECTEDREADONLY, "a new session reads, too");
        expect(fresh.getChildren("/java", false).contains("e"), "and sees what is there");

        ask("start-killed");
        await(states, KeeperState.SyncConnected);
        expect(zk.getSessionId() == session, "the session is the same with a quorum");
        zk.setData("/java", "y".getBytes(StandardCharsets.UTF_8), -1);
        expect(zk.exists("/java/e", false).getEphemeralOwner() == session, "and has what it had");
        for (int wait = 0; wait < 400 && fresh.getState() != ZooKeeper.States.CONNECTED; wait += 1) Thread.sleep(50);
        fresh.create("/java/fresh", null, Ids.OPEN_ACL_UNSAFE, CreateMode.EPHEMERAL);
        fresh.close();
        expect(zk.exists("/java/fresh", false) == null, "it goes with its session");
        zk.close();
        System.out.println("passed");
        System.exit(0);
    }

    private static void await(LinkedBlockingQueue<KeeperState> states, KeeperState wanted) throws Exception {
        for (;;) {
            KeeperState state = states.poll(60, TimeUnit.SECONDS);
            if (state == wanted) return;
            if (state == null || state == KeeperState.Expired) throw new AssertionError(wanted + " expected, not " + state);
        }
    }

    private static void expect(boolean condition, String what) {
        if (!condition) throw new AssertionError(what);
    }

    private static void ask(String question) throws Exception {
        System.out.println("?" + question);
        System.out.flush();
        if (!"done".equals(ANSWERS.readLine())) throw new AssertionError(question);
    }
}
