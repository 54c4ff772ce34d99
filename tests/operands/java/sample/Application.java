package sample;

import java.util.concurrent.CountDownLatch;

/** An application of a user: runs until its process is ended. */
public final class Application {
    private Application() {}

    public static void main(String[] arguments) throws InterruptedException {
        System.out.println("application: Java " + System.getProperty("java.version"));
        new CountDownLatch(1).await();
    }
}
