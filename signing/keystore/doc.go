// Package keystore opens the keys that Trạm signs with, wherever they live, and sees to it that each is used for what it was
// certified for and nothing else. It exists so that no other room has to know whether a key is a file, lies in a token
// or belongs to a signing service: they get a crypto.Signer and the chain that goes with it.
//
// A key is named by one reference (Ref), the same in configuration and in flags:
//
//	keys/so-noi-vu.pem                                      PEM file: PKCS#8 key, its certificates in it or in NAME.crt beside it
//	pkcs12:keys/so-noi-vu.p12?pin-source=file:keys/p12.pin   PKCS#12 file, modern (PBES2) or legacy (3DES, RC2)
//	pkcs11:token=SNV;object=dau?module-path=/usr/lib/…/libsofthsm2.so&pin-source=env:SNV_PIN   RFC 7512, token or HSM
//	remote:mysign/CREDENTIAL                                a credential of a configured signing service (Remote)
//
// Secrets (PIN, password, token of a service) come from a file that only its owner can read ("file:PATH") or from the
// environment ("env:NAME"). A reference that holds a secret itself is refused, and Ref.String never shows its query.
//
// A Keyring holds several keys at once, picks by purpose, holder and time, and is reloaded without interrupting anybody: a
// key that was replaced stays open until nothing signs with it any more.
package keystore
