package agent;

import com.sun.net.httpserver.BasicAuthenticator;
import com.sun.net.httpserver.HttpContext;
import com.sun.net.httpserver.HttpServer;
import com.sun.net.httpserver.HttpsConfigurator;
import com.sun.net.httpserver.HttpsServer;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.security.SecureRandom;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.SSLContext;

/** The agent's server: the application calls it with the credentials that the agent stored there. */
final class Server {
    private static final int FIRST_CHARACTER = 33;
    private static final int CHARACTERS = 94; // those of ASCII that are printed

    private final HttpServer server;
    private final String user;
    private final String password;

    /** Throws RefusedException for settings with which the agent does not start. */
    Server(Settings settings) throws IOException {
        user = settings.get("webserver.credentials.user");
        password = randomText(settings.number("webserver.credentials.pass.length", 0));
        InetSocketAddress address =
                new InetSocketAddress(settings.get("webserver.host"), settings.number("webserver.port", 1));
        Optional<Settings.KeyFiles> keys =
                settings.keys("webserver.tls.cert.file", "webserver.tls.key.path", "webserver.tls.key.encoding");
        if (keys.isPresent()) {
            String version = settings.find("webserver.tls.version").orElse(settings.get("webclient.tls.version"));
            SSLContext context = Tls.context(version, keys, Map.of());
            HttpsServer https = HttpsServer.create(address, 0);
            https.setHttpsConfigurator(new HttpsConfigurator(context));
            server = https;
        } else {
            server = HttpServer.create(address, 0);
        }
    }

    String user() {
        return user;
    }

    String password() {
        return password;
    }

    /** Serves until the JVM ends. GET asks whether the agent lives; POST runs `refresh`. */
    void start(Runnable refresh) {
        HttpContext context =
                server.createContext(
                        "/",
                        exchange -> {
                            String method = exchange.getRequestMethod();
                            boolean known = method.equals("GET") || method.equals("POST");
                            exchange.sendResponseHeaders(known ? 204 : 405, -1);
                            exchange.close();
                            Agent.log("called: " + method);
                            if (method.equals("POST")) {
                                refresh.run();
                            }
                        });
        context.setAuthenticator(
                new BasicAuthenticator("cryostat-agent") {
                    @Override
                    public boolean checkCredentials(String name, String secret) {
                        return name.equals(user) && secret.equals(password);
                    }
                });
        server.start();
    }

    private static String randomText(int length) {
        SecureRandom random = new SecureRandom();
        StringBuilder text = new StringBuilder();
        for (int index = 0; index < length; index++) {
            text.append((char) (FIRST_CHARACTER + random.nextInt(CHARACTERS)));
        }
        return text.toString();
    }
}
