import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;

/** Listens as the servers of Quarkus do, by a channel without a family of addresses, and prints its port. */
public final class Listener {
    /** Arguments: the address to listen on. */
    public static void main(String[] arguments) throws Exception {
        try (ServerSocketChannel channel = ServerSocketChannel.open()) {
            channel.bind(new InetSocketAddress(arguments[0], 0));
            System.out.println(channel.socket().getLocalPort());
            channel.accept().close();
        }
    }
}
