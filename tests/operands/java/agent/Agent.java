package agent;

import agent.Gateway.Registration;
import agent.Settings.RefusedException;
import java.io.IOException;
import java.lang.instrument.Instrumentation;
import java.net.URI;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/**
 * Replaces the agent of release 0.7 in a JVM: registers through the gateway, publishes itself, answers the application,
 * and deregisters when the JVM ends. With settings that it refuses, the application of the JVM runs without it.
 */
public final class Agent {
    private static final String LOG_LEVEL = "io.cryostat.agent.shaded.org.slf4j.simpleLogger.defaultLogLevel";
    private static final long CHECK_SECONDS = 60;

    private final Settings settings;
    private final Gateway gateway;
    private final Server server;
    private final ScheduledExecutorService worker =
            Executors.newSingleThreadScheduledExecutor(
                    task -> {
                        Thread thread = new Thread(task, "agent");
                        thread.setDaemon(true);
                        return thread;
                    });
    private volatile Registration registration;
    private volatile int credentials = -1;

    /** Throws RefusedException for settings with which the agent does not start. */
    Agent(Settings settings) throws IOException {
        this.settings = settings;
        settings.get("app.name");
        Callback.find(settings);
        gateway = new Gateway(settings);
        server = new Server(settings);
    }

    /** The JVM calls it before the application; `arguments` are system properties, separated by commas. */
    public static void premain(String arguments, Instrumentation instrumentation) {
        for (String argument : Optional.ofNullable(arguments).orElse("").split(",")) {
            String[] parts = argument.split("=", 2);
            if (parts.length == 2) {
                System.setProperty(parts[0], parts[1]);
            }
        }
        Thread thread = new Thread(Agent::run, "agent-main");
        thread.setDaemon(true);
        thread.start();
    }

    private static void run() {
        try {
            Settings settings = new Settings(System.getenv());
            Agent agent = new Agent(settings);
            agent.server.start(() -> agent.worker.execute(agent::register));
            Runtime.getRuntime().addShutdownHook(new Thread(agent::end, "agent-shutdown"));
            agent.worker.execute(agent::register);
            agent.worker.scheduleAtFixedRate(agent::check, CHECK_SECONDS, CHECK_SECONDS, TimeUnit.SECONDS);
        } catch (RefusedException | IOException | IllegalArgumentException error) {
            log("startup failure: " + error.getMessage());
        }
    }

    private void register() {
        try {
            URI callback = Callback.find(settings).orElseThrow(() -> new IOException("no name of the callback resolves"));
            if (credentials < 0) {
                credentials = gateway.storeCredentials(callback, server.user(), server.password());
            }
            registration = gateway.register(settings.get("app.name"), callback, credentials);
            gateway.publish(registration, publication(callback));
            log("registered as " + callback);
        } catch (IOException | RefusedException error) {
            log("not registered: " + error.getMessage());
            worker.schedule(this::register, settings.number("registration.retry-ms", 1), TimeUnit.MILLISECONDS);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private void check() {
        try {
            if (registration != null && !gateway.knows(registration)) {
                credentials = -1;
                register();
            }
        } catch (IOException error) {
            log("not checked: " + error.getMessage());
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    private String publication(URI callback) {
        String name = Gateway.quoted(settings.get("app.name"));
        String url = Gateway.quoted(callback.toString());
        StringBuilder context = new StringBuilder();
        for (String key : new String[] {"namespace", "nodetype", "name"}) {
            String value = Gateway.quoted(settings.get("publish.context." + key));
            context.append(context.length() == 0 ? "" : ", ").append(Gateway.quoted(key)).append(": ").append(value);
        }
        String node = "{\"name\": " + name + ", \"target\": {\"connectUrl\": " + url + ", \"alias\": " + name + "}}";
        String strategy = Gateway.quoted(settings.get("publish.fill-strategy"));
        return "{\"nodes\": [" + node + "], \"fillStrategy\": " + strategy + ", \"context\": {" + context + "}}";
    }

    private void end() {
        worker.shutdownNow();
        try {
            if (registration != null) {
                gateway.deregister(registration);
            }
            if (credentials >= 0) {
                gateway.deleteCredentials(credentials);
            }
        } catch (IOException error) {
            log("not deregistered: " + error.getMessage());
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
    }

    /** Writes a line of the log unless the log is off, the default. */
    static void log(String message) {
        if (!System.getProperty(LOG_LEVEL, "off").equals("off")) {
            System.err.println("agent: " + message);
        }
    }
}
