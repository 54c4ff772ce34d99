package agent;

import agent.Settings.RefusedException;
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The requests that an agent of release 0.7 sends to the application, through the agent gateway. */
final class Gateway {
    private static final Duration TIMEOUT = Duration.ofSeconds(10);
    private static final String BOUNDARY = "part-of-a-form";
    private static final String TOKEN = "Cryostat-Discovery-Authentication";

    private final Settings settings;
    private final URI uri;
    private final HttpClient client;

    /** Throws RefusedException for settings with which the agent does not start. */
    Gateway(Settings settings) {
        this.settings = settings;
        uri = settings.gateway();
        HttpClient.Builder builder = HttpClient.newBuilder().version(HttpClient.Version.HTTP_1_1).connectTimeout(TIMEOUT);
        String name = "webclient.tls.client-auth.";
        Optional<Settings.KeyFiles> keys = settings.keys(name + "cert.path", name + "key.path", name + "key.encoding");
        String version = settings.get("webclient.tls.version");
        builder.sslContext(Tls.context(version, keys, settings.authorities()));
        client = builder.build();
    }

    /** The number of the credentials with which the application calls the agent. */
    int storeCredentials(URI callback, String user, String password) throws IOException, InterruptedException {
        String expression = "target.connectUrl == \"" + callback + "\"";
        HttpResponse<String> known =
                send(form("/api/beta/discovery/credential_exists", Map.of("script", expression)), false);
        if (known.statusCode() / 100 == 2) {
            return Integer.parseInt(value(known.body(), "id"));
        }
        Map<String, String> fields = Map.of("username", user, "password", password, "matchExpression", expression);
        String location = send(form("/api/v4/credentials", fields), true).headers().firstValue("Location").orElse("");
        return Integer.parseInt(location.substring(location.lastIndexOf('/') + 1));
    }

    void deleteCredentials(int number) throws IOException, InterruptedException {
        send(request("/api/v4/credentials/" + number).DELETE(), true);
    }

    /** Registers the callback, at which the application then calls the agent before it answers. */
    Registration register(String realm, URI callback, int credentials) throws IOException, InterruptedException {
        send(request("/health"), true);
        String address = callback.toString().replace("://", "://storedcredentials:" + credentials + "@");
        String body = "{\"realm\": " + quoted(realm) + ", \"callback\": " + quoted(address) + "}";
        String answer = send(json("/api/v4/discovery", body), true).body();
        return new Registration(value(answer, "id"), value(answer, "token"));
    }

    /** Whether the application still knows the registration. */
    boolean knows(Registration registration) throws IOException, InterruptedException {
        HttpRequest.Builder request = request("/api/v4/discovery/" + registration.id).header(TOKEN, registration.token);
        return send(request, false).statusCode() / 100 == 2;
    }

    void publish(Registration registration, String body) throws IOException, InterruptedException {
        send(json("/api/v4.2/discovery/" + registration.id, body).header(TOKEN, registration.token), true);
    }

    void deregister(Registration registration) throws IOException, InterruptedException {
        send(request("/api/v4/discovery/" + registration.id).header(TOKEN, registration.token).DELETE(), true);
    }

    private HttpRequest.Builder request(String path) {
        HttpRequest.Builder builder = HttpRequest.newBuilder(uri.resolve(path)).timeout(TIMEOUT);
        settings.token().ifPresent(token -> builder.header("Authorization", "Bearer " + token));
        return builder;
    }

    private HttpRequest.Builder json(String path, String body) {
        return request(path).header("Content-Type", "application/json").POST(BodyPublishers.ofString(body));
    }

    private HttpRequest.Builder form(String path, Map<String, String> fields) {
        StringBuilder body = new StringBuilder();
        fields.forEach(
                (name, value) -> {
                    body.append("--").append(BOUNDARY).append("\r\nContent-Disposition: form-data; name=\"").append(name);
                    body.append("\"\r\nContent-Type: text/plain\r\n\r\n").append(value).append("\r\n");
                });
        body.append("--").append(BOUNDARY).append("--\r\n");
        return request(path)
                .header("Content-Type", "multipart/form-data; boundary=" + BOUNDARY)
                .POST(BodyPublishers.ofString(body.toString()));
    }

    private HttpResponse<String> send(HttpRequest.Builder builder, boolean mustSucceed)
            throws IOException, InterruptedException {
        HttpRequest request = builder.build();
        HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
        if (mustSucceed && answer.statusCode() / 100 != 2) {
            String call = request.method() + " " + request.uri().getPath();
            throw new IOException(call + " was answered with " + answer.statusCode() + ": " + answer.body());
        }
        return answer;
    }

    static String quoted(String text) {
        return "\"" + text.replace("\\", "\\\\").replace("\"", "\\\"") + "\"";
    }

    private static String value(String json, String key) {
        Matcher found = Pattern.compile("\"" + key + "\": *\"?([^\",}]+)").matcher(json);
        if (!found.find()) {
            throw new RefusedException("the answer has no " + key + ": " + json);
        }
        return found.group(1);
    }

    /** What the application answered to a registration. */
    static final class Registration {
        final String id;
        final String token;

        Registration(String id, String token) {
            this.id = id;
            this.token = token;
        }
    }
}
