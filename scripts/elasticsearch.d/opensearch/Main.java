import java.nio.file.Path;
import java.util.concurrent.CountDownLatch;
import org.codelibs.opensearch.runner.OpenSearchRunner;

/**
 * One real OpenSearch node on loopback: java Main HOME DATA PORT.
 *
 * HOME is not used: the modules are on the class path. All that is written goes below DATA.
 */
public final class Main {
    private static final String NAME = "cspipe-test";

    public static void main(String[] arguments) throws Exception {
        CountDownLatch closed = new CountDownLatch(1);
        OpenSearchRunner runner = new OpenSearchRunner();
        runner.onBuild((number, settings) -> {
            settings.put("node.name", NAME);
            settings.put("discovery.type", "single-node");
            settings.put("http.host", "127.0.0.1");
            settings.put("http.port", arguments[2]);
            settings.put("transport.host", "127.0.0.1");
            settings.put("transport.port", "0");
            // A developer's disk is often nearly full, and then every index becomes read-only.
            settings.put("cluster.routing.allocation.disk.threshold_enabled", false);
        });
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            try {
                runner.close();
            } catch (Exception error) {
                error.printStackTrace();
            } finally {
                closed.countDown();
            }
        }));
        runner.build(OpenSearchRunner.newConfigs()
            .clusterName(NAME)
            .numOfNode(1)
            .basePath(Path.of(arguments[1]).toAbsolutePath().toString())
            .useLogger());
        closed.await();
    }
}
