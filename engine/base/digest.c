/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Digests by libcrypto's EVP interface. */
#include "engine/base/digest.h"

#include "engine/base/cleanup.h"

#include <openssl/evp.h>
#include <string.h>

#define READ_BLOCK (256u << 10)

struct vzr_hash {
	EVP_MD_CTX *ctx;
	enum vzr_digest_algo algo;
};

int vzr_hash_new(enum vzr_digest_algo algo, struct vzr_hash **ret_hash)
{
	struct vzr_hash *hash = calloc(1, sizeof(*hash));

	if (!hash)
		return -ENOMEM;
	hash->algo = algo;
	hash->ctx = EVP_MD_CTX_new();
	if (!hash->ctx || !EVP_DigestInit_ex(hash->ctx,
					     algo == VZR_SHA256 ? EVP_sha256() : EVP_sha512(),
					     NULL)) {
		vzr_hash_free(hash);
		return -ENOMEM;
	}
	*ret_hash = hash;
	return 0;
}

void vzr_hash_free(struct vzr_hash *hash)
{
	if (!hash)
		return;
	EVP_MD_CTX_free(hash->ctx);
	free(hash);
}

void vzr_hash_freep(struct vzr_hash **hash)
{
	vzr_hash_free(*hash);
}

void vzr_hash_add(struct vzr_hash *hash, const void *data, size_t len)
{
	EVP_DigestUpdate(hash->ctx, data, len);
}

void vzr_hash_end(struct vzr_hash *hash, struct vzr_digest *ret_digest)
{
	unsigned int len = 0;

	memset(ret_digest, 0, sizeof(*ret_digest));
	ret_digest->algo = hash->algo;
	EVP_DigestFinal_ex(hash->ctx, ret_digest->bytes, &len);
}

int vzr_digest_of(enum vzr_digest_algo algo, const void *data, size_t len,
		  struct vzr_digest *ret_digest)
{
	VZR_AUTO_HASH struct vzr_hash *hash = NULL;
	int r = vzr_hash_new(algo, &hash);

	if (r < 0)
		return r;
	vzr_hash_add(hash, data, len);
	vzr_hash_end(hash, ret_digest);
	return 0;
}

int vzr_digest_of_fd(enum vzr_digest_algo algo, int fd, struct vzr_digest *ret_digest,
		     uint64_t *ret_size, struct vzr_error *err)
{
	VZR_AUTO_HASH struct vzr_hash *hash = NULL;
	VZR_AUTO_FREE char *block = malloc(READ_BLOCK);
	uint64_t total = 0;
	int r = vzr_hash_new(algo, &hash);

	if (r < 0 || !block)
		return vzr_fail_code(err, -ENOMEM, "cannot compute a digest");
	for (;;) {
		ssize_t n = read(fd, block, READ_BLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return vzr_fail_errno(err, "cannot read");
		if (n == 0)
			break;
		vzr_hash_add(hash, block, (size_t)n);
		total += (uint64_t)n;
	}
	vzr_hash_end(hash, ret_digest);
	if (ret_size)
		*ret_size = total;
	return 0;
}

size_t vzr_digest_size(enum vzr_digest_algo algo)
{
	return algo == VZR_SHA256 ? 32 : 64;
}

char *vzr_digest_hex(const struct vzr_digest *digest, char out[VZR_DIGEST_HEX])
{
	static const char digits[] = "0123456789abcdef";
	size_t n = vzr_digest_size(digest->algo);

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digits[digest->bytes[i] >> 4];
		out[2 * i + 1] = digits[digest->bytes[i] & 15];
	}
	out[2 * n] = '\0';
	return out;
}

char *vzr_digest_text(const struct vzr_digest *digest, char out[VZR_DIGEST_TEXT])
{
	memcpy(out, digest->algo == VZR_SHA256 ? "sha256:" : "sha512:", 7);
	vzr_digest_hex(digest, out + 7);
	return out;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int vzr_digest_parse(const char *text, struct vzr_digest *ret_digest, struct vzr_error *err)
{
	struct vzr_digest digest = { 0 };
	const char *hex = text;
	size_t len;

	if (strncmp(text, "sha256:", 7) == 0 || strncmp(text, "sha512:", 7) == 0)
		hex += 7;
	len = strlen(hex);
	digest.algo = len == 128 ? VZR_SHA512 : VZR_SHA256;
	if ((len != 64 && len != 128) ||
	    (hex != text && (text[3] == '2') != (digest.algo == VZR_SHA256)))
		return vzr_fail(err, -VZR_E_INPUT,
				"'%.140s' is not a SHA-256 or SHA-512 digest in hex", text);
	for (size_t i = 0; i < len / 2; i++) {
		int high = hex_value(hex[2 * i]), low = hex_value(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return vzr_fail(err, -VZR_E_INPUT, "'%.140s' has a digit that is not hex",
					text);
		digest.bytes[i] = (unsigned char)(high << 4 | low);
	}
	*ret_digest = digest;
	return 0;
}

bool vzr_digest_equal(const struct vzr_digest *a, const struct vzr_digest *b)
{
	return a->algo == b->algo && memcmp(a->bytes, b->bytes, vzr_digest_size(a->algo)) == 0;
}
