import eu.europa.esig.dss.alert.SilentOnStatusAlert;
import eu.europa.esig.dss.asic.xades.ASiCWithXAdESSignatureParameters;
import eu.europa.esig.dss.asic.xades.signature.ASiCWithXAdESService;
import eu.europa.esig.dss.diagnostic.SignatureWrapper;
import eu.europa.esig.dss.diagnostic.TimestampWrapper;
import eu.europa.esig.dss.enumerations.ASiCContainerType;
import eu.europa.esig.dss.enumerations.DigestAlgorithm;
import eu.europa.esig.dss.enumerations.EncryptionAlgorithm;
import eu.europa.esig.dss.enumerations.MimeTypeEnum;
import eu.europa.esig.dss.enumerations.SignatureAlgorithm;
import eu.europa.esig.dss.enumerations.SignatureLevel;
import eu.europa.esig.dss.enumerations.SignaturePackaging;
import eu.europa.esig.dss.jaxb.object.Message;
import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.model.DSSException;
import eu.europa.esig.dss.model.FileDocument;
import eu.europa.esig.dss.model.Policy;
import eu.europa.esig.dss.model.SignatureValue;
import eu.europa.esig.dss.model.SignerLocation;
import eu.europa.esig.dss.model.TimestampBinary;
import eu.europa.esig.dss.model.ToBeSigned;
import eu.europa.esig.dss.model.x509.CertificateToken;
import eu.europa.esig.dss.pades.PAdESSignatureParameters;
import eu.europa.esig.dss.pades.signature.PAdESService;
import eu.europa.esig.dss.signature.AbstractSignatureParameters;
import eu.europa.esig.dss.signature.AbstractSignatureService;
import eu.europa.esig.dss.simplereport.SimpleReport;
import eu.europa.esig.dss.spi.policy.SignaturePolicyProvider;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CommonCertificateSource;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.revocation.crl.ExternalResourcesCRLSource;
import eu.europa.esig.dss.spi.x509.revocation.ocsp.ExternalResourcesOCSPSource;
import eu.europa.esig.dss.spi.x509.tsp.KeyEntityTSPSource;
import eu.europa.esig.dss.spi.x509.tsp.TSPSource;
import eu.europa.esig.dss.validation.SignedDocumentValidator;
import eu.europa.esig.dss.validation.reports.Reports;
import eu.europa.esig.dss.xades.XAdESSignatureParameters;
import eu.europa.esig.dss.xades.signature.XAdESService;

import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.File;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.math.BigInteger;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.PrivateKey;
import java.security.Signature;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.security.spec.PKCS8EncodedKeySpec;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.tsp.TimeStampRequest;
import org.bouncycastle.tsp.TimeStampRequestGenerator;
import org.bouncycastle.tsp.TimeStampResponse;

/**
 * Serves requests of internal/judges, one a line: a command and key=value fields, separated by tabs, % TAB LF CR = written %XX. A key may stand
 * more than once. The answer is one line too: "ok" or "error", then fields.
 *
 * <p>validate: file, trust (certificates; those that issued themselves are trusted, others only help), crl, ocsp, detached, at (RFC 3339), policyid
 * and policyfile (a signature policy that is known), report (folder for the XML reports). Any of XAdES, ASiC and PAdES.
 *
 * <p>sign: format (XADES, ASICE, PADES), file, out, level (B, T, LT, LTA), packaging, embedxml, pretty, xpath, signkeyinfo, key (PKCS#8 DER), cert (chain), algorithm, digest, c14n, role,
 * policy, at, tsa (URL) or tsakey and tsacert, and what validate takes to find validation data.
 *
 * <p>extend: file, out, level, format and the same for validation data.
 */
public final class Judge {
    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            Answer a = new Answer();
            String status = "ok";
            try {
                Request r = new Request(line);
                switch (r.command) {
                    case "validate": validate(r, a); break;
                    case "sign": sign(r); break;
                    case "extend": extend(r); break;
                    default: throw new IllegalArgumentException("unknown command " + r.command);
                }
            } catch (Throwable e) {
                a = new Answer();
                status = "error";
                for (Throwable t = e; t != null; t = t.getCause()) {
                    a.put("message", t.toString());
                }
            }
            out.println(status + a);
        }
    }

    static final class Request {
        final String command;
        final Map<String, List<String>> fields = new LinkedHashMap<>();

        Request(String line) {
            String[] parts = line.split("\t");
            command = parts[0];
            for (int i = 1; i < parts.length; i++) {
                int eq = parts[i].indexOf('=');
                fields.computeIfAbsent(parts[i].substring(0, eq), k -> new ArrayList<>()).add(unescape(parts[i].substring(eq + 1)));
            }
        }

        List<String> all(String key) { return fields.getOrDefault(key, List.of()); }

        String get(String key, String otherwise) { return all(key).isEmpty() ? otherwise : all(key).get(0); }

        String need(String key) {
            if (all(key).isEmpty()) {
                throw new IllegalArgumentException(command + " needs " + key);
            }
            return all(key).get(0);
        }
    }

    static final class Answer {
        private final StringBuilder b = new StringBuilder();

        void put(String key, Object value) {
            if (value != null) {
                b.append('\t').append(key).append('=').append(escape(value instanceof Date ? ((Date) value).toInstant().toString() : value.toString()));
            }
        }

        @Override public String toString() { return b.toString(); }
    }

    static String escape(String s) {
        return s.replace("%", "%25").replace("\t", "%09").replace("\n", "%0A").replace("\r", "%0D");
    }

    static String unescape(String s) {
        return s.replace("%09", "\t").replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%");
    }

    // --- validation

    static void validate(Request r, Answer a) throws Exception {
        SignedDocumentValidator v = SignedDocumentValidator.fromDocument(new FileDocument(r.need("file")));
        v.setCertificateVerifier(verifier(r));
        v.setValidationTime(at(r));
        v.setIncludeSemantics(false);
        List<DSSDocument> detached = new ArrayList<>();
        for (String f : r.all("detached")) {
            detached.add(new FileDocument(f));
        }
        if (!detached.isEmpty()) {
            v.setDetachedContents(detached);
        }
        if (r.get("policyid", null) != null) {
            SignaturePolicyProvider provider = new SignaturePolicyProvider();
            provider.setSignaturePoliciesById(Map.of(r.get("policyid", null), new FileDocument(r.need("policyfile"))));
            v.setSignaturePolicyProvider(provider);
        }
        Reports reports = v.validateDocument();
        SimpleReport s = reports.getSimpleReport();
        if (r.get("report", null) != null) {
            Path dir = Path.of(r.get("report", null));
            Files.writeString(dir.resolve("simple.xml"), reports.getXmlSimpleReport());
            Files.writeString(dir.resolve("detailed.xml"), reports.getXmlDetailedReport());
            Files.writeString(dir.resolve("diagnostic.xml"), reports.getXmlDiagnosticData());
        }
        a.put("signatures", s.getSignatureIdList().size());
        int i = 0;
        for (String id : s.getSignatureIdList()) {
            String p = "signature." + i++ + ".";
            a.put(p + "indication", s.getIndication(id));
            a.put(p + "subindication", s.getSubIndication(id));
            a.put(p + "level", s.getSignatureFormat(id));
            a.put(p + "signer", s.getSignedBy(id));
            a.put(p + "signingtime", s.getSigningTime(id));
            a.put(p + "besttime", s.getBestSignatureTime(id));
            for (Message m : s.getAdESValidationErrors(id)) {
                a.put(p + "error", m.getKey() + ": " + m.getValue());
            }
            for (Message m : s.getAdESValidationWarnings(id)) {
                a.put(p + "warning", m.getKey() + ": " + m.getValue());
            }
            SignatureWrapper w = reports.getDiagnosticData().getSignatureById(id);
            if (!w.isStructuralValidationValid()) {
                for (String m : w.getStructuralValidationMessages()) {
                    a.put(p + "structure", m);
                }
            }
            for (TimestampWrapper t : w.getTimestampList()) {
                a.put(p + "timestamp", t.getType() + " found=" + t.isMessageImprintDataFound() + " intact=" + t.isMessageImprintDataIntact()
                        + " valid=" + t.isSignatureValid() + " " + s.getIndication(t.getId()));
            }
        }
    }

    static Date at(Request r) {
        return r.get("at", null) == null ? new Date() : Date.from(Instant.parse(r.get("at", null)));
    }

    static CommonCertificateVerifier verifier(Request r) throws Exception {
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        CommonCertificateSource others = new CommonCertificateSource();
        for (String f : r.all("trust")) {
            for (X509Certificate c : certificates(f)) {
                CertificateToken t = new CertificateToken(c);
                if (t.isSelfSigned()) {
                    trusted.addCertificate(t);
                } else {
                    others.addCertificate(t);
                }
            }
        }
        CommonCertificateVerifier v = new CommonCertificateVerifier();
        v.setTrustedCertSources(trusted);
        v.setAdjunctCertSources(others);
        v.setAIASource(null);
        v.setCrlSource(r.all("crl").isEmpty() ? null : new ExternalResourcesCRLSource(documents(r.all("crl"))));
        v.setOcspSource(r.all("ocsp").isEmpty() ? null : new ExternalResourcesOCSPSource(documents(r.all("ocsp"))));
        if (r.get("lenient", null) != null) { // to make what the rules of augmentation would not allow
            v.setAlertOnMissingRevocationData(new SilentOnStatusAlert());
            v.setAlertOnNoRevocationAfterBestSignatureTime(new SilentOnStatusAlert());
            v.setAlertOnUncoveredPOE(new SilentOnStatusAlert());
            v.setAlertOnExpiredCertificate(new SilentOnStatusAlert());
            v.setAlertOnRevokedCertificate(new SilentOnStatusAlert());
        }
        return v;
    }

    static DSSDocument[] documents(List<String> files) {
        DSSDocument[] all = new DSSDocument[files.size()];
        for (int i = 0; i < all.length; i++) {
            all[i] = new FileDocument(files.get(i));
        }
        return all;
    }

    static List<X509Certificate> certificates(String file) throws Exception {
        List<X509Certificate> all = new ArrayList<>();
        byte[] content = Files.readAllBytes(Path.of(file));
        for (Object c : CertificateFactory.getInstance("X.509").generateCertificates(new ByteArrayInputStream(content))) {
            all.add((X509Certificate) c);
        }
        return all;
    }

    // --- signing

    static PrivateKey privateKey(String file) throws Exception {
        PKCS8EncodedKeySpec spec = new PKCS8EncodedKeySpec(Files.readAllBytes(Path.of(file)));
        try {
            return KeyFactory.getInstance("RSA").generatePrivate(spec);
        } catch (Exception e) {
            return KeyFactory.getInstance("EC").generatePrivate(spec);
        }
    }

    static List<CertificateToken> tokens(List<String> files) throws Exception {
        List<CertificateToken> all = new ArrayList<>();
        for (String f : files) {
            for (X509Certificate c : certificates(f)) {
                all.add(new CertificateToken(c));
            }
        }
        return all;
    }

    static SignatureLevel level(String format, String level) {
        return SignatureLevel.valueOf((format.equals("PADES") ? "PAdES" : "XAdES") + "_BASELINE_" + level);
    }

    static void common(Request r, AbstractSignatureParameters<?> p, String format) throws Exception {
        List<CertificateToken> chain = tokens(r.all("cert"));
        p.setSigningCertificate(chain.get(0));
        p.setCertificateChain(chain);
        p.setDigestAlgorithm(DigestAlgorithm.valueOf(r.get("digest", "SHA256")));
        p.setEncryptionAlgorithm(EncryptionAlgorithm.valueOf(r.get("algorithm", "RSA")));
        p.bLevel().setSigningDate(at(r));
        if (!r.all("role").isEmpty()) {
            p.bLevel().setClaimedSignerRoles(r.all("role"));
        }
        if (r.get("city", null) != null) {
            SignerLocation l = new SignerLocation();
            l.setLocality(r.get("city", null));
            l.setCountry("VN");
            p.bLevel().setSignerLocation(l);
        }
        if (r.get("policy", null) != null) {
            Policy policy = new Policy();
            policy.setId(r.get("policy", null));
            policy.setDigestAlgorithm(DigestAlgorithm.SHA256);
            policy.setDigestValue(new byte[32]);
            p.bLevel().setSignaturePolicy(policy);
        }
    }

    static void xades(Request r, XAdESSignatureParameters p) throws Exception {
        p.setSignatureLevel(level("XADES", r.need("level")));
        if (r.get("packaging", null) != null) {
            p.setSignaturePackaging(SignaturePackaging.valueOf(r.get("packaging", null)));
        }
        String c14n = r.get("c14n", null);
        if (c14n != null) {
            p.setSignedInfoCanonicalizationMethod(c14n);
            p.setSignedPropertiesCanonicalizationMethod(c14n);
            p.getSignatureTimestampParameters().setCanonicalizationMethod(c14n);
            p.getArchiveTimestampParameters().setCanonicalizationMethod(c14n);
        }
        if (r.get("en", null) != null) {
            p.setEn319132(Boolean.parseBoolean(r.get("en", null)));
        }
        if (r.get("pretty", null) != null) {
            p.setPrettyPrint(true);
        }
        if (r.get("signkeyinfo", null) != null) {
            p.setSignKeyInfo(true);
        }
        if (r.get("xpath", null) != null) {
            p.setXPathLocationString(r.get("xpath", null));
        }
        if (r.get("embedxml", null) != null) {
            p.setEmbedXML(true);
        }
        List<DSSDocument> detached = new ArrayList<>();
        for (String f : r.all("detached")) {
            detached.add(new FileDocument(f));
        }
        if (detached.isEmpty() && p.getSignaturePackaging() == SignaturePackaging.DETACHED) {
            detached.add(new FileDocument(r.need("file")));
        }
        p.setDetachedContents(detached);
    }

    static void sign(Request r) throws Exception {
        String format = r.get("format", "XADES");
        FileDocument doc = new FileDocument(r.need("file"));
        DSSDocument signed;
        switch (format) {
            case "XADES": {
                XAdESSignatureParameters p = new XAdESSignatureParameters();
                common(r, p, format);
                xades(r, p);
                XAdESService service = new XAdESService(verifier(r));
                service.setTspSource(tsa(r));
                signed = with(service, doc, p, r);
                break;
            }
            case "ASICE": {
                ASiCWithXAdESSignatureParameters p = new ASiCWithXAdESSignatureParameters();
                p.aSiC().setContainerType(ASiCContainerType.ASiC_E);
                common(r, p, format);
                p.setSignatureLevel(level(format, r.need("level")));
                ASiCWithXAdESService service = new ASiCWithXAdESService(verifier(r));
                service.setTspSource(tsa(r));
                signed = with(service, doc, p, r);
                break;
            }
            case "PADES": {
                PAdESSignatureParameters p = new PAdESSignatureParameters();
                common(r, p, format);
                p.setSignatureLevel(level(format, r.need("level")));
                doc.setMimeType(MimeTypeEnum.PDF);
                PAdESService service = new PAdESService(verifier(r));
                service.setTspSource(tsa(r));
                signed = with(service, doc, p, r);
                break;
            }
            default:
                throw new IllegalArgumentException("unknown format " + format);
        }
        signed.save(r.need("out"));
    }

    @SuppressWarnings({"rawtypes", "unchecked"})
    static DSSDocument with(AbstractSignatureService service, DSSDocument doc, AbstractSignatureParameters p, Request r) throws Exception {
        ToBeSigned data = service.getDataToSign(doc, p);
        SignatureAlgorithm alg = p.getSignatureAlgorithm();
        Signature s;
        if (alg.getEncryptionAlgorithm() == EncryptionAlgorithm.RSASSA_PSS) {
            int size = alg.getDigestAlgorithm().getSaltLength();
            String name = alg.getDigestAlgorithm().getJavaName();
            s = Signature.getInstance("RSASSA-PSS");
            s.setParameter(new java.security.spec.PSSParameterSpec(name, "MGF1", new java.security.spec.MGF1ParameterSpec(name), size, 1));
        } else {
            s = Signature.getInstance(alg.getJCEId());
        }
        s.initSign(privateKey(r.need("key")));
        s.update(data.getBytes());
        return service.signDocument(doc, p, new SignatureValue(alg, s.sign()));
    }

    static void extend(Request r) throws Exception {
        String format = r.get("format", "XADES");
        FileDocument doc = new FileDocument(r.need("file"));
        DSSDocument out;
        if (format.equals("PADES")) {
            PAdESSignatureParameters p = new PAdESSignatureParameters();
            p.setSignatureLevel(level(format, r.need("level")));
            PAdESService service = new PAdESService(verifier(r));
            service.setTspSource(tsa(r));
            out = service.extendDocument(doc, p);
        } else {
            XAdESSignatureParameters p = new XAdESSignatureParameters();
            xades(r, p);
            XAdESService service = new XAdESService(verifier(r));
            service.setTspSource(tsa(r));
            out = service.extendDocument(doc, p);
        }
        out.save(r.need("out"));
    }

    // --- time-stamps

    static TSPSource tsa(Request r) throws Exception {
        if (r.get("tsa", null) != null) {
            return new Http(r.get("tsa", null));
        }
        if (r.get("tsakey", null) == null) {
            return null;
        }
        List<X509Certificate> chain = new ArrayList<>();
        for (String f : r.all("tsacert")) {
            chain.addAll(certificates(f));
        }
        KeyEntityTSPSource s = new KeyEntityTSPSource(privateKey(r.need("tsakey")), chain.get(0), chain);
        s.setTsaPolicy("1.2.3.4");
        s.setProductionTime(at(r));
        return s;
    }

    static final class Http implements TSPSource {
        private static final HttpClient client = HttpClient.newHttpClient();
        private final String url;

        Http(String url) { this.url = url; }

        @Override public TimestampBinary getTimeStampResponse(DigestAlgorithm alg, byte[] digest) throws DSSException {
            try {
                TimeStampRequestGenerator g = new TimeStampRequestGenerator();
                g.setCertReq(true);
                TimeStampRequest q = g.generate(new ASN1ObjectIdentifier(alg.getOid()), digest, BigInteger.valueOf(System.nanoTime()));
                HttpRequest hr = HttpRequest.newBuilder(URI.create(url)).header("Content-Type", "application/timestamp-query")
                        .POST(HttpRequest.BodyPublishers.ofByteArray(q.getEncoded())).build();
                HttpResponse<byte[]> a = client.send(hr, HttpResponse.BodyHandlers.ofByteArray());
                TimeStampResponse response = new TimeStampResponse(a.body());
                response.validate(q);
                if (response.getTimeStampToken() == null) {
                    throw new DSSException("the time-stamp authority refused: " + response.getStatusString());
                }
                return new TimestampBinary(response.getTimeStampToken().getEncoded());
            } catch (DSSException e) {
                throw e;
            } catch (Exception e) {
                throw new DSSException("no time-stamp from " + url, e);
            }
        }
    }
}
