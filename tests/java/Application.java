// Stands in for the application of a user: prints the system property "own" and the environment of the agent.
public final class Application {
    public static void main(String[] arguments) {
        System.out.println("application: own=" + System.getProperty("own"));
        System.getenv().entrySet().stream()
            .filter(e -> e.getKey().startsWith("CRYOSTAT_AGENT_"))
            .sorted(java.util.Map.Entry.comparingByKey())
            .forEach(e -> System.out.println(e.getKey() + "=" + e.getValue()));
    }
}
