// Java's own HttpClient as a client, its WebSocket too. See ../README.md for the arguments and what it prints. Java 17.
import java.io.ByteArrayInputStream;
import java.io.FileInputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

public final class Client {
  private interface Check {
    void run() throws Exception;
  }

  private final String base;
  private final HttpClient.Version version;
  private final HttpClient client;
  private final List<Integer> sizes = new ArrayList<>();
  private boolean failed;

  private Client(String[] arguments) throws Exception {
    base = arguments[0];
    version = arguments[2].equals("h2") ? HttpClient.Version.HTTP_2 : HttpClient.Version.HTTP_1_1;
    client = HttpClient.newBuilder().version(version).sslContext(trusting(arguments[1]))
        .connectTimeout(Duration.ofSeconds(10)).build();
    for (int i = 4; i < arguments.length; i++) {
      sizes.add(Integer.parseInt(arguments[i]));
    }
  }

  private static SSLContext trusting(String caFile) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null);
    try (FileInputStream file = new FileInputStream(caFile)) {
      store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
    }
    TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    trust.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, trust.getTrustManagers(), null);
    return context;
  }

  private void report(String name, Check check) {
    try {
      check.run();
      System.out.println("ok " + name);
    } catch (Exception error) {
      failed = true;
      System.out.println("FAIL " + name + ": " + error);
    }
  }

  private static void must(boolean held, Object what) throws Exception {
    if (!held) {
      throw new Exception(String.valueOf(what));
    }
  }

  private static String digest(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }

  private static byte[] pattern(int size) {
    byte[] bytes = new byte[size];
    new Random(size).nextBytes(bytes);
    return bytes;
  }

  private HttpRequest.Builder request(String path) {
    return HttpRequest.newBuilder(URI.create(base + path)).timeout(Duration.ofSeconds(120));
  }

  private void checkBytes(HttpResponse<byte[]> answer, int size) throws Exception {
    must(answer.version() == version, answer.version());
    must(answer.statusCode() == 200 && answer.body().length == size,
        answer.statusCode() + ", " + answer.body().length + " bytes");
    must(digest(answer.body()).equals(answer.headers().firstValue("x-sha256").orElse("")), "another digest");
  }

  private void down(int size) throws Exception {
    checkBytes(client.send(request("/bytes/" + size).build(), BodyHandlers.ofByteArray()), size);
  }

  private void up(int size, boolean known, boolean expect) throws Exception {
    byte[] content = pattern(size);
    BodyPublisher body = known ? BodyPublishers.ofByteArray(content)
        : BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(content));
    HttpResponse<String> answer =
        client.send(request("/sum").PUT(body).expectContinue(expect).build(), BodyHandlers.ofString());
    String want = size + " " + digest(content);
    must(answer.statusCode() == 200 && answer.body().equals(want), answer.statusCode() + " " + answer.body());
  }

  private void small() throws Exception {
    for (int turn = 0; turn < 10; turn++) {
      List<CompletableFuture<HttpResponse<byte[]>>> all = new ArrayList<>();
      for (int i = 0; i < 100; i++) {
        all.add(client.sendAsync(request("/bytes/100").build(), BodyHandlers.ofByteArray()));
      }
      for (CompletableFuture<HttpResponse<byte[]>> one : all) {
        checkBytes(one.get(60, TimeUnit.SECONDS), 100);
      }
    }
  }

  private void refuse() throws Exception {
    HttpRequest upload = request("/refuse").POST(BodyPublishers.ofByteArray(pattern(1 << 20))).build();
    must(client.send(upload, BodyHandlers.discarding()).statusCode() == 413, "not 413");
  }

  private void events() throws Exception {
    String id = "java-" + System.nanoTime();
    int[] seen = {0};
    client.send(request("/events/" + id).build(), BodyHandlers.ofLines()).body().filter(line -> line.startsWith("data:"))
        .forEach(line -> {
          seen[0]++;
          client.sendAsync(request("/next/" + id).build(), BodyHandlers.discarding()).join();
        });
    must(seen[0] == 5, seen[0] + " events");
  }

  private void idle() throws Exception {
    down(1);
    Thread.sleep(1600); // longer than the edge keeps an idle connection here
    down(1);
  }

  // What a WebSocket heard, one message or end at a time.
  private static final class Listener implements WebSocket.Listener {
    final CompletableFuture<Integer> end = new CompletableFuture<>();
    final CompletableFuture<String> text = new CompletableFuture<>();
    private final StringBuilder soFar = new StringBuilder();

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence data, boolean last) {
      soFar.append(data);
      if (last) {
        text.complete(soFar.toString());
      }
      socket.request(1);
      return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
      end.complete(code);
      return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
      end.complete(1006);
      text.completeExceptionally(error);
    }
  }

  private WebSocket open(Listener listener) throws Exception {
    URI url = URI.create(base.replaceFirst("http", "ws") + "/socket");
    return client.newWebSocketBuilder().buildAsync(url, listener).get(10, TimeUnit.SECONDS);
  }

  private void echo(int size) throws Exception {
    Listener listener = new Listener();
    String text = "x".repeat(size);
    open(listener).sendText(text, true).get(20, TimeUnit.SECONDS);
    must(listener.text.get(20, TimeUnit.SECONDS).equals(text), "another message came back");
  }

  private void clientEnds(int code) throws Exception {
    Listener listener = new Listener();
    open(listener).sendClose(code, "bye").get(10, TimeUnit.SECONDS);
    int heard = listener.end.get(10, TimeUnit.SECONDS);
    must(heard == code, "the origin's Close says " + heard);
  }

  private void originEnds(String text, int code) throws Exception {
    Listener listener = new Listener();
    open(listener).sendText(text, true).get(10, TimeUnit.SECONDS);
    int heard = listener.end.get(10, TimeUnit.SECONDS);
    must(heard == code, "ended with " + heard);
  }

  private void run(String check) throws Exception {
    switch (check) {
      case "down" -> sizes.forEach(size -> report("down " + size, () -> down(size)));
      case "up" -> sizes.forEach(size -> {
        report("up " + size, () -> up(size, true, false));
        report("up " + size + " of unknown length", () -> up(size, false, false));
      });
      case "small" -> report("1000 small", this::small);
      case "interim" -> report("100-continue", () -> up(100000, true, true));
      case "refuse" -> report("an upload refused early", this::refuse);
      case "events" -> report("events", this::events);
      case "idle" -> report("idle connections", this::idle);
      case "echo" -> sizes.forEach(size -> report("echo " + size, () -> echo(size)));
      case "closes" -> List.of(1000, 1001, 3000, 4999)
          .forEach(code -> report("the client ends with " + code, () -> clientEnds(code)));
      case "closed" -> {
        List.of(1000, 1001, 1011, 3000, 4999)
            .forEach(code -> report("the origin ends with " + code, () -> originEnds("close " + code, code)));
        report("the origin goes without a word", () -> originEnds("drop", 1006));
      }
      default -> throw new IllegalArgumentException(check);
    }
  }

  public static void main(String[] arguments) throws Exception {
    if (arguments.length < 4) {
      System.out.println("usage: Client URL CA-FILE h1|h2 CHECK,... SIZE...");
      System.exit(2);
    }
    Client client = new Client(arguments);
    for (String check : arguments[3].split(",")) {
      client.run(check);
    }
    System.exit(client.failed ? 1 : 0); // the HttpClient has threads of its own
  }
}
