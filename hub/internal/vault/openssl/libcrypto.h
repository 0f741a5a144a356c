// The little of libcrypto.so.3 that signing takes, found at run time. See openssl.go.
#include <stddef.h>

// Finds the library; 0 when it can be used, else why says what is missing.
int cc_load(char *why, size_t size);
const char *cc_version(void);
// Makes a key of PKCS#8 bytes; NULL when they are no RSA key.
void *cc_key(const unsigned char *der, long len);
void cc_free(void *pkey);
// Writes the public half (PKIX, DER); its length, or 0.
int cc_public(void *pkey, unsigned char *out, int size);
// Signs a digest of so many bits; salt is the length of PSS's, or -1 for PKCS#1 v1.5. The length, or 0.
int cc_sign(void *pkey, int bits, int salt, const unsigned char *digest, size_t len, unsigned char *sign, size_t size);
