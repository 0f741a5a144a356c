#include "libcrypto.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>

// From OpenSSL's headers; part of its stable interface.
#define INIT_NO_LOAD_CONFIG 0x80L  // no engine or provider that a file names
#define INIT_NO_ATEXIT 0x80000L    // a signature may be under way when the process ends
#define KEY_RSA 6
#define PADDING_PKCS1 1
#define PADDING_PSS 6

// Private numbers of 4681 RSA-2048 keys; openssl.go stops before.
#define SECURE_HEAP (4 << 20)
#define SECURE_LEAST 32

static struct {
	int (*init)(uint64_t, const void *);
	int (*secure_heap)(size_t, size_t);
	const char *(*version)(int);
	void *(*d2i)(int, void **, const unsigned char **, long);
	int (*i2d)(const void *, unsigned char **);
	int (*id)(const void *);
	void (*free)(void *);
	void *(*ctx)(void *, void *);
	void (*ctx_free)(void *);
	int (*sign_init)(void *);
	int (*padding)(void *, int);
	int (*salt)(void *, int);
	int (*md)(void *, const void *);
	int (*sign)(void *, unsigned char *, size_t *, const unsigned char *, size_t);
	const void *(*sha256)(void);
	const void *(*sha384)(void);
	const void *(*sha512)(void);
	void (*forget_errors)(void);
} lib;

static const struct {
	const char *name;
	void *at;
} wanted[] = {
	{"OPENSSL_init_crypto", &lib.init},
	{"CRYPTO_secure_malloc_init", &lib.secure_heap},
	{"OpenSSL_version", &lib.version},
	{"d2i_PrivateKey", &lib.d2i},
	{"i2d_PUBKEY", &lib.i2d},
	{"EVP_PKEY_get_base_id", &lib.id},
	{"EVP_PKEY_free", &lib.free},
	{"EVP_PKEY_CTX_new", &lib.ctx},
	{"EVP_PKEY_CTX_free", &lib.ctx_free},
	{"EVP_PKEY_sign_init", &lib.sign_init},
	{"EVP_PKEY_CTX_set_rsa_padding", &lib.padding},
	{"EVP_PKEY_CTX_set_rsa_pss_saltlen", &lib.salt},
	{"EVP_PKEY_CTX_set_signature_md", &lib.md},
	{"EVP_PKEY_sign", &lib.sign},
	{"EVP_sha256", &lib.sha256},
	{"EVP_sha384", &lib.sha384},
	{"EVP_sha512", &lib.sha512},
	{"ERR_clear_error", &lib.forget_errors},
};

int cc_load(char *why, size_t size) {
	void *so = dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);
	if (so == NULL) {
		snprintf(why, size, "%s", dlerror());
		return 1;
	}
	for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
		void *f = dlsym(so, wanted[i].name);
		if (f == NULL) {
			snprintf(why, size, "libcrypto.so.3 has no %s", wanted[i].name);
			return 1;
		}
		*(void **)wanted[i].at = f;
	}
	if (lib.init(INIT_NO_LOAD_CONFIG | INIT_NO_ATEXIT, NULL) != 1) {
		snprintf(why, size, "libcrypto.so.3 does not start");
		return 1;
	}
	// 2: not locked in memory, for the limit is too small; it is outside core dumps all the same. 0:
	// somebody in this process set it up before, which is as good.
	lib.secure_heap(SECURE_HEAP, SECURE_LEAST);
	return 0;
}

const char *cc_version(void) { return lib.version(0); }

void *cc_key(const unsigned char *der, long len) {
	const unsigned char *at = der;
	void *pkey = lib.d2i(KEY_RSA, NULL, &at, len);
	if (pkey != NULL && (at != der + len || lib.id(pkey) != KEY_RSA)) {
		lib.free(pkey);
		pkey = NULL;
	}
	lib.forget_errors();
	return pkey;
}

void cc_free(void *pkey) { lib.free(pkey); }

int cc_public(void *pkey, unsigned char *out, int size) {
	int n = lib.i2d(pkey, NULL);
	return n > 0 && n <= size ? lib.i2d(pkey, &out) : 0;
}

int cc_sign(void *pkey, int bits, int salt, const unsigned char *digest, size_t len, unsigned char *sign, size_t size) {
	const void *md = bits == 256 ? lib.sha256() : bits == 384 ? lib.sha384() : bits == 512 ? lib.sha512() : NULL;
	void *ctx = md == NULL ? NULL : lib.ctx(pkey, NULL);
	if (ctx == NULL)
		return 0;
	int ok = lib.sign_init(ctx) > 0 && lib.padding(ctx, salt < 0 ? PADDING_PKCS1 : PADDING_PSS) > 0 && lib.md(ctx, md) > 0;
	if (ok && salt >= 0)
		ok = lib.salt(ctx, salt) > 0;
	if (ok)
		ok = lib.sign(ctx, sign, &size, digest, len) > 0;
	lib.ctx_free(ctx);
	lib.forget_errors(); // they wait in the thread, and Go's threads come and go
	return ok ? (int)size : 0;
}
