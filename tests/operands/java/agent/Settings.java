package agent;

import java.io.IOException;
import java.net.InetAddress;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The agent's settings: a system property, otherwise the environment variable of that name, otherwise the default. */
final class Settings {
    private static final String PREFIX = "cryostat.agent.";
    private static final String AUTHORITY = "webclient.tls.truststore.cert";
    private static final Pattern AUTHORITY_VARIABLE =
            Pattern.compile("CRYOSTAT_AGENT_WEBCLIENT_TLS_TRUSTSTORE_CERT_(\\d+)__.*");
    private static final Map<String, String> DEFAULTS =
            Map.ofEntries(
                    Map.entry("authorization.type", "auto"),
                    Map.entry("authorization.value", "/var/run/secrets/kubernetes.io/serviceaccount/token"),
                    Map.entry("baseuri-range", "dns_local"),
                    Map.entry("webclient.tls.required", "true"),
                    Map.entry("webclient.tls.version", "TLSv1.2"),
                    Map.entry("webclient.tls.client-auth.key.encoding", "PKCS1"),
                    Map.entry("webserver.tls.key.encoding", "PKCS1"),
                    Map.entry("webserver.host", "0.0.0.0"),
                    Map.entry("webserver.credentials.user", "user"),
                    Map.entry("webserver.credentials.pass.length", "24"),
                    Map.entry("registration.retry-ms", "5000"),
                    Map.entry("exit.deregistration.timeout-ms", "10000"));

    private final Map<String, String> environment;

    Settings(Map<String, String> environment) {
        this.environment = environment;
    }

    /** The value, or nothing if it is empty. `name` is without the prefix that all settings have. */
    Optional<String> find(String name) {
        String property = PREFIX + name;
        String variable = property.replaceAll("[^A-Za-z0-9]", "_").toUpperCase(Locale.ROOT);
        String value = System.getProperty(property, environment.getOrDefault(variable, DEFAULTS.get(name)));
        return Optional.ofNullable(value).filter(text -> !text.isBlank());
    }

    /** The value. Throws RefusedException if there is none. */
    String get(String name) {
        return find(name).orElseThrow(() -> new RefusedException(PREFIX + name + " is not set"));
    }

    /** The value as a number. Throws RefusedException for other texts and for numbers below the least one. */
    int number(String name, int least) {
        String text = get(name);
        try {
            int found = Integer.parseInt(text);
            if (found >= least) {
                return found;
            }
        } catch (NumberFormatException error) {
            // refused below
        }
        throw new RefusedException(PREFIX + name + " is " + text + ", and must be a number from " + least);
    }

    /** The address of the gateway. Throws RefusedException for one that the agent does not call. */
    URI gateway() {
        URI uri = URI.create(get("baseuri"));
        if (get("webclient.tls.required").equals("true") && !"https".equals(uri.getScheme())) {
            throw new RefusedException("TLS is required, and " + uri + " is not https");
        }
        if (!get("baseuri-range").equals("public") && !isLocal(uri.getHost())) {
            throw new RefusedException(uri + " is outside of the allowed range");
        }
        return uri;
    }

    private static boolean isLocal(String host) {
        if (host.endsWith(".local") || host.endsWith(".localhost")) {
            return true;
        }
        try {
            InetAddress address = InetAddress.getByName(host);
            return address.isLoopbackAddress() || address.isLinkLocalAddress() || address.isSiteLocalAddress();
        } catch (IOException error) {
            return false;
        }
    }

    /** Certificate and key, both or neither. Throws RefusedException if one is missing. */
    Optional<KeyFiles> keys(String certificate, String key, String encoding) {
        Optional<String> certificatePath = find(certificate);
        Optional<String> keyPath = find(key);
        if (certificatePath.isPresent() != keyPath.isPresent()) {
            throw new RefusedException(PREFIX + certificate + " and " + PREFIX + key + " must be set together");
        }
        return certificatePath.map(path -> new KeyFiles(Path.of(path), Path.of(keyPath.get()), get(encoding)));
    }

    /** The files with trusted certificates. Throws RefusedException if one lacks its path, type or alias. */
    Map<String, Path> authorities() {
        TreeSet<String> numbers = new TreeSet<>();
        for (String name : environment.keySet()) {
            Matcher found = AUTHORITY_VARIABLE.matcher(name);
            if (found.matches()) {
                numbers.add(found.group(1));
            }
        }
        Map<String, Path> files = new TreeMap<>();
        for (String number : numbers) {
            String place = AUTHORITY + "[" + number + "].";
            get(place + "type");
            files.put(get(place + "alias"), Path.of(get(place + "path")));
        }
        return files;
    }

    /** The token of the pod's ServiceAccount, which the agent sends where there is one, unless it must send none. */
    Optional<String> token() {
        if (get("authorization.type").equals("none")) {
            return Optional.empty();
        }
        try {
            return Optional.of(Files.readString(Path.of(get("authorization.value"))).strip());
        } catch (IOException error) {
            return Optional.empty();
        }
    }

    /** PEM files of a certificate and its key. */
    static final class KeyFiles {
        final Path certificate;
        final Path key;
        final String encoding;

        KeyFiles(Path certificate, Path key, String encoding) {
            this.certificate = certificate;
            this.key = key;
            this.encoding = encoding;
        }
    }

    /** The agent does not start with these settings. */
    static final class RefusedException extends RuntimeException {
        private static final long serialVersionUID = 1;

        RefusedException(String message) {
            super(message);
        }

        RefusedException(String message, Throwable cause) {
            super(message + ": " + cause.getMessage(), cause);
        }
    }
}
