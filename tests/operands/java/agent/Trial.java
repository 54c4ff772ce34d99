package agent;

import agent.Settings.RefusedException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;

/** For tests: prints why the agent does not start with the variables in each of the given files, or an empty line. */
public final class Trial {
    private Trial() {}

    public static void main(String[] files) throws IOException {
        for (String file : files) {
            Map<String, String> variables = new HashMap<>();
            for (String line : Files.readAllLines(Path.of(file))) {
                String[] parts = line.split("=", 2);
                variables.put(parts[0], parts[1]);
            }
            try {
                new Agent(new Settings(variables));
                System.out.println();
            } catch (RefusedException error) {
                System.out.println(error.getMessage());
            }
        }
        System.exit(0);
    }
}
