// Stands in for the Cryostat agent: prints how it was started, before the application.
import java.lang.instrument.Instrumentation;

public final class Agent {
    public static void premain(String arguments, Instrumentation instrumentation) {
        System.out.println("agent: " + arguments);
    }
}
