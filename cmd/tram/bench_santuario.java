import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Paths;
import javax.xml.parsers.DocumentBuilder;
import javax.xml.parsers.DocumentBuilderFactory;
import org.apache.xml.security.signature.XMLSignature;
import org.w3c.dom.Document;
import org.w3c.dom.Element;

/** Times Apache Santuario for `tram bench`: each argument is a file; each line of the answer is nanoseconds of one verification. */
public class Bench {
    public static void main(String[] files) throws Exception {
        org.apache.xml.security.Init.init();
        DocumentBuilderFactory f = DocumentBuilderFactory.newInstance();
        f.setNamespaceAware(true);
        DocumentBuilder builder = f.newDocumentBuilder();
        for (String file : files) {
            byte[] doc = Files.readAllBytes(Paths.get(file));
            run(builder, doc, 1_000_000_000L);
            long best = Long.MAX_VALUE;
            for (int i = 0; i < 8; i++) best = Math.min(best, run(builder, doc, 100_000_000L));
            System.out.println(best);
        }
    }

    static long run(DocumentBuilder builder, byte[] doc, long atLeast) throws Exception {
        long start = System.nanoTime();
        for (long n = 1; ; n++) {
            Document d = builder.parse(new ByteArrayInputStream(doc));
            Element e = (Element) d.getElementsByTagNameNS("http://www.w3.org/2000/09/xmldsig#", "Signature").item(0);
            XMLSignature s = new XMLSignature(e, "", true);
            if (!s.checkSignatureValue(s.getKeyInfo().getX509Certificate())) throw new Exception("refused");
            long took = System.nanoTime() - start;
            if (took > atLeast) return took / n;
        }
    }
}
