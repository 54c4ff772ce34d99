package agent;

import agent.Settings.KeyFiles;
import agent.Settings.RefusedException;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyFactory;
import java.security.KeyStore;
import java.security.PrivateKey;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.spec.PKCS8EncodedKeySpec;
import java.util.Base64;
import java.util.Map;
import java.util.Optional;
import javax.net.ssl.KeyManager;
import javax.net.ssl.KeyManagerFactory;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/** TLS with the certificates and RSA keys of PEM files. */
final class Tls {
    private static final char[] NO_PASSWORD = new char[0];
    // SEQUENCE of the object identifier rsaEncryption and NULL
    private static final byte[] RSA = {0x30, 13, 6, 9, 0x2a, (byte) 0x86, 0x48, (byte) 0x86, (byte) 0xf7, 13, 1, 1, 1, 5, 0};
    private static final byte[] VERSION = {2, 1, 0};
    private static final int SEQUENCE = 0x30;
    private static final int OCTETS = 4;

    private Tls() {}

    /** Throws RefusedException for files that are missing, no certificates, or keys in another encoding. */
    static SSLContext context(String version, Optional<KeyFiles> keys, Map<String, Path> authorities) {
        try {
            SSLContext context = SSLContext.getInstance(version);
            KeyStore trust = emptyStore();
            for (Map.Entry<String, Path> authority : authorities.entrySet()) {
                trust.setCertificateEntry(authority.getKey(), certificates(authority.getValue())[0]);
            }
            TrustManagerFactory trustManagers =
                    TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
            trustManagers.init(trust);
            KeyManager[] keyManagers = keys.isPresent() ? keyManagers(keys.get()) : null;
            context.init(keyManagers, trustManagers.getTrustManagers(), null);
            return context;
        } catch (GeneralSecurityException | IOException | IllegalArgumentException error) {
            throw new RefusedException("a certificate or key cannot be used", error);
        }
    }

    private static KeyManager[] keyManagers(KeyFiles files) throws GeneralSecurityException, IOException {
        KeyStore store = emptyStore();
        store.setKeyEntry("key", key(files), NO_PASSWORD, certificates(files.certificate));
        KeyManagerFactory factory = KeyManagerFactory.getInstance("SunX509");
        factory.init(store, NO_PASSWORD);
        return factory.getKeyManagers();
    }

    private static KeyStore emptyStore() throws GeneralSecurityException, IOException {
        KeyStore store = KeyStore.getInstance("PKCS12");
        store.load(null, null);
        return store;
    }

    private static Certificate[] certificates(Path path) throws GeneralSecurityException, IOException {
        try (InputStream input = Files.newInputStream(path)) {
            return CertificateFactory.getInstance("X.509").generateCertificates(input).toArray(new Certificate[0]);
        }
    }

    private static PrivateKey key(KeyFiles files) throws GeneralSecurityException, IOException {
        String text = Files.readString(files.key, StandardCharsets.UTF_8);
        byte[] content = Base64.getDecoder().decode(text.replaceAll("-----.+KEY-----|\\s", ""));
        if (files.encoding.equals("PKCS1")) {
            content = der(SEQUENCE, VERSION, RSA, der(OCTETS, content));
        }
        return KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(content));
    }

    /** An element of DER: its tag, its length in as few bytes as possible, its parts. */
    private static byte[] der(int tag, byte[]... parts) throws IOException {
        ByteArrayOutputStream body = new ByteArrayOutputStream();
        for (byte[] part : parts) {
            body.write(part);
        }
        ByteArrayOutputStream element = new ByteArrayOutputStream();
        element.write(tag);
        if (body.size() < 0x80) {
            element.write(body.size());
        } else {
            element.write(0x82);
            element.write(body.size() >> 8);
            element.write(body.size());
        }
        element.write(body.toByteArray());
        return element.toByteArray();
    }
}
