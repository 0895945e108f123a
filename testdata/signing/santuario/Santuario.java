import java.io.*;
import java.nio.file.*;
import java.security.*;
import java.security.cert.*;
import java.security.spec.*;
import javax.xml.parsers.*;
import org.apache.xml.security.signature.XMLSignature;
import org.apache.xml.security.transforms.Transforms;
import org.w3c.dom.*;

/**
 * Lets Apache Santuario judge and make XML signatures for the tests of Trạm. Each line of standard input is one task,
 * words separated by a tab; each answer is one line: "ok", or "bad" and why.
 *
 *   verify FILE
 *   sign   IN KEY.der CERT.der ALGORITHM C14N DIGEST OUT     (enveloped, last in edXMLHeader)
 *
 * Santuario asks for RSASSA-PSS under names that the JDK does not have, so a provider maps them.
 */
public class Santuario {
    static final String DS = "http://www.w3.org/2000/09/xmldsig#";

    public static void main(String[] args) throws Exception {
        Security.addProvider(new Names());
        org.apache.xml.security.Init.init();
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, "UTF-8"));
        for (String line; (line = in.readLine()) != null; ) {
            String[] w = line.split("\t");
            try {
                System.out.println(w[0].equals("sign") ? sign(w) : verify(w[1]));
            } catch (Exception e) {
                System.out.println("bad " + e.toString().replace('\n', ' '));
            }
        }
    }

    static Document parse(String file) throws Exception {
        DocumentBuilderFactory f = DocumentBuilderFactory.newInstance();
        f.setNamespaceAware(true);
        Document d = f.newDocumentBuilder().parse(new File(file));
        mark(d.getDocumentElement());
        return d;
    }

    static void mark(Element e) {
        if (e.hasAttributeNS(null, "Id")) e.setIdAttributeNS(null, "Id", true);
        for (Node n = e.getFirstChild(); n != null; n = n.getNextSibling()) if (n instanceof Element) mark((Element) n);
    }

    static String verify(String file) throws Exception {
        NodeList all = parse(file).getElementsByTagNameNS(DS, "Signature");
        if (all.getLength() == 0) return "bad no signature";
        for (int i = 0; i < all.getLength(); i++) {
            XMLSignature s = new XMLSignature((Element) all.item(i), "", true);
            if (!s.checkSignatureValue(s.getKeyInfo().getX509Certificate())) return "bad signature " + i;
        }
        return "ok";
    }

    static String sign(String[] w) throws Exception {
        Document d = parse(w[1]);
        PrivateKey key = KeyFactory.getInstance("RSA").generatePrivate(new PKCS8EncodedKeySpec(Files.readAllBytes(Paths.get(w[2]))));
        X509Certificate cert = (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(new FileInputStream(w[3]));
        XMLSignature s = new XMLSignature(d, "", w[4], w[5]);
        Element header = (Element) d.getElementsByTagNameNS("*", "edXMLHeader").item(0);
        header.appendChild(s.getElement());
        Transforms t = new Transforms(d);
        t.addTransform(Transforms.TRANSFORM_ENVELOPED_SIGNATURE);
        t.addTransform(w[5]);
        s.addDocument("", t, w[6]);
        s.addKeyInfo(cert);
        s.sign(key);
        try (OutputStream out = new FileOutputStream(w[7])) {
            org.apache.xml.security.utils.XMLUtils.outputDOM(d, out, true);
        }
        return "ok";
    }

    /** The names that Santuario uses for RSASSA-PSS. */
    static final class Names extends Provider {
        Names() {
            super("Names", "1", "RSASSA-PSS under the names of Santuario");
            put("Signature.SHA256withRSAandMGF1", P256.class.getName());
            put("Signature.SHA384withRSAandMGF1", P384.class.getName());
            put("Signature.SHA512withRSAandMGF1", P512.class.getName());
        }
    }

    public static final class P256 extends Pss { public P256() throws Exception { super("SHA-256", 32); } }
    public static final class P384 extends Pss { public P384() throws Exception { super("SHA-384", 48); } }
    public static final class P512 extends Pss { public P512() throws Exception { super("SHA-512", 64); } }

    public abstract static class Pss extends SignatureSpi {
        final Signature s;

        Pss(String hash, int salt) throws Exception {
            s = Signature.getInstance("RSASSA-PSS");
            s.setParameter(new PSSParameterSpec(hash, "MGF1", new MGF1ParameterSpec(hash), salt, 1));
        }

        protected void engineInitVerify(PublicKey k) throws InvalidKeyException { s.initVerify(k); }
        protected void engineInitSign(PrivateKey k) throws InvalidKeyException { s.initSign(k); }
        protected void engineUpdate(byte b) throws SignatureException { s.update(b); }
        protected void engineUpdate(byte[] b, int off, int len) throws SignatureException { s.update(b, off, len); }
        protected byte[] engineSign() throws SignatureException { return s.sign(); }
        protected boolean engineVerify(byte[] v) throws SignatureException { return s.verify(v); }
        protected void engineSetParameter(String n, Object v) { throw new UnsupportedOperationException(); }
        protected Object engineGetParameter(String n) { throw new UnsupportedOperationException(); }
    }
}
