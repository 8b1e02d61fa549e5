package org.apache.zookeeper.client;

import java.net.InetSocketAddress;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;

/**
 * In place of the 3.4 client's own, which finds no server on Java 14 and newer (ZOOKEEPER-3779):
 * the addresses in turn, with a pause after each round.
 */
public final class StaticHostProvider implements HostProvider {
    private final List<InetSocketAddress> addresses = new ArrayList<>();
    private int tried;

    public StaticHostProvider(Collection<InetSocketAddress> given) {
        for (InetSocketAddress each : given) {
            addresses.add(new InetSocketAddress(each.getHostString(), each.getPort()));
        }
    }

    @Override
    public int size() {
        return addresses.size();
    }

    @Override
    public InetSocketAddress next(long pauseMs) {
        if (tried > 0 && tried % addresses.size() == 0) {
            try {
                Thread.sleep(pauseMs);
            } catch (InterruptedException ended) {
                Thread.currentThread().interrupt();
            }
        }
        return addresses.get(tried++ % addresses.size());
    }

    @Override
    public void onConnected() {
        tried = 0;
    }
}
