import java.nio.charset.StandardCharsets;
import java.util.Collections;
import org.apache.hadoop.ha.ActiveStandbyElector;
import org.apache.hadoop.security.SecurityUtil;
import org.apache.zookeeper.ZooDefs;

/**
 * One of Hadoop's electors, as its failover controllers run it. Arguments: connect string, session
 * timeout in ms, its name. Prints what it is told, a word a line, with the name of whom it fences;
 * a line on standard input makes it leave in order.
 */
public class StandbyElector {
  public static void main(String[] args) throws Exception {
    String name = args[2];
    byte[] data = name.getBytes(StandardCharsets.UTF_8);
    ActiveStandbyElector elector =
        new ActiveStandbyElector(
            args[0],
            Integer.parseInt(args[1]),
            "/hadoop-ha/cluster",
            ZooDefs.Ids.OPEN_ACL_UNSAFE,
            Collections.emptyList(),
            new Told(),
            10,
            (SecurityUtil.TruststoreKeystore) null);
    elector.ensureParentZNode();
    elector.joinElection(data);
    System.in.read();
    elector.quitElection(false);
    System.out.println("left");
    elector.terminateConnection();
  }

  private static class Told implements ActiveStandbyElector.ActiveStandbyElectorCallback {
    public void becomeActive() {
      System.out.println("active");
    }

    public void becomeStandby() {
      System.out.println("standby");
    }

    public void enterNeutralMode() {
      System.out.println("neutral");
    }

    public void notifyFatalError(String error) {
      System.out.println("fatal " + error);
    }

    public void fenceOldActive(byte[] old) {
      System.out.println("fences " + new String(old, StandardCharsets.UTF_8));
    }
  }
}
