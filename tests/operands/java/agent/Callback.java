package agent;

import agent.Settings.RefusedException;
import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The address at which the application reaches the agent: the first of the given host names that resolves. */
final class Callback {
    // A host name, and what to replace in it.
    private static final Pattern HOST =
            Pattern.compile("([A-Za-z0-9.-]+)(?:\\[replace\\(\"(.)\"\\\\?, \"(.)\"\\)\\])?");
    // A comma that is escaped belongs to the host name before it.
    private static final String SEPARATOR = "(?<!\\\\), ?";

    private Callback() {}

    /** Nothing if no name resolves, which can change. Throws RefusedException for a host name that cannot be read. */
    static Optional<URI> find(Settings settings) {
        Optional<String> names = settings.find("callback.host-name");
        if (names.isEmpty()) {
            return Optional.of(URI.create(settings.get("callback")));
        }
        String scheme = settings.get("callback.scheme");
        int port = settings.number("callback.port", 1);
        for (String name : names.get().split(SEPARATOR)) {
            String host = hostName(name) + settings.find("callback.domain-name").map(each -> "." + each).orElse("");
            try {
                InetAddress.getByName(host);
            } catch (UnknownHostException error) {
                continue;
            }
            return Optional.of(URI.create(scheme + "://" + host + ":" + port));
        }
        return Optional.empty();
    }

    private static String hostName(String text) {
        Matcher found = HOST.matcher(text);
        if (!found.matches()) {
            throw new RefusedException(text + " is no host name");
        }
        return found.group(2) == null ? found.group(1) : found.group(1).replace(found.group(2), found.group(3));
    }
}
