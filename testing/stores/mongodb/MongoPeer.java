import de.bwaldvogel.mongo.MongoServer;
import de.bwaldvogel.mongo.MongoVersion;
import de.bwaldvogel.mongo.backend.memory.MemoryBackend;
import java.util.List;

/** Speaks MongoDB's protocol from memory, for tests. Prints its port; ends with its standard input. */
public class MongoPeer {
  public static void main(String[] args) throws Exception {
    // Its own versions stop at a wire version that the driver refuses.
    MongoVersion version = new MongoVersion() {
      @Override public List<Integer> getVersionArray() { return List.of(5, 0, 0); }
      @Override public int getWireVersion() { return 13; }
    };
    MongoServer server = new MongoServer(new MemoryBackend().version(version));
    server.bind("127.0.0.1", 0);
    System.out.println(server.getLocalAddress().getPort());
    while (System.in.read() >= 0) { }
    server.shutdownNow();
    System.exit(0);
  }
}
