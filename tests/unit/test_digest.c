/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Digests against the published vectors (FIPS 180-4 examples), and their text forms. */
#include "engine/base/digest.h"

#include "tests/unit/check.h"

#define ABC256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define EMPTY256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define ABC512                                                                                     \
	"ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"                         \
	"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static void test_vectors(void **state)
{
	static const struct {
		enum vzr_digest_algo algo;
		const char *data;
		const char *text;
	} rows[] = {
		{ VZR_SHA256, "", "sha256:" EMPTY256 },
		{ VZR_SHA256, "abc", "sha256:" ABC256 },
		{ VZR_SHA512, "abc", "sha512:" ABC512 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vzr_digest digest, parsed;
		struct vzr_error err;
		char text[VZR_DIGEST_TEXT], hex[VZR_DIGEST_HEX];

		assert_int_equal(vzr_digest_of(rows[i].algo, rows[i].data, strlen(rows[i].data),
					       &digest),
				 0);
		assert_string_equal(vzr_digest_text(&digest, text), rows[i].text);
		assert_string_equal(vzr_digest_hex(&digest, hex), rows[i].text + 7);
		assert_ok(vzr_digest_parse(text, &parsed, &err), &err);
		assert_true(vzr_digest_equal(&digest, &parsed));
		assert_ok(vzr_digest_parse(hex, &parsed, &err), &err);
		assert_true(vzr_digest_equal(&digest, &parsed));
		parsed.bytes[vzr_digest_size(parsed.algo) - 1] ^= 1;
		assert_false(vzr_digest_equal(&digest, &parsed));
	}
}

static void test_streaming_equals_whole(void **state)
{
	static const char data[] = "the same bytes in pieces of every size";
	struct vzr_digest whole, parts;

	(void)state;
	assert_int_equal(vzr_digest_of(VZR_SHA512, data, sizeof(data), &whole), 0);
	for (size_t step = 1; step < sizeof(data); step++) {
		VZR_AUTO_HASH struct vzr_hash *hash = NULL;

		assert_int_equal(vzr_hash_new(VZR_SHA512, &hash), 0);
		for (size_t at = 0; at < sizeof(data); at += step)
			vzr_hash_add(hash, data + at,
				     at + step > sizeof(data) ? sizeof(data) - at : step);
		vzr_hash_end(hash, &parts);
		assert_true(vzr_digest_equal(&whole, &parts));
	}
}

static void test_of_fd(void **state)
{
	struct vzr_error err = { 0 };
	struct vzr_digest digest;
	char path[64], text[VZR_DIGEST_TEXT];
	int dir = scratch_open(path), fd;
	uint64_t size = 0;

	(void)state;
	put_text(dir, "f", "xxabc");
	fd = openat(dir, "f", O_RDONLY | O_CLOEXEC);
	assert_int_equal(lseek(fd, 2, SEEK_SET), 2);
	assert_ok(vzr_digest_of_fd(VZR_SHA256, fd, &digest, &size, &err), &err);
	assert_string_equal(vzr_digest_text(&digest, text), "sha256:" ABC256);
	assert_int_equal(size, 3);
	/* At the end: the digest of nothing, and the size may be of no interest. */
	assert_ok(vzr_digest_of_fd(VZR_SHA256, fd, &digest, NULL, &err), &err);
	assert_string_equal(vzr_digest_text(&digest, text), "sha256:" EMPTY256);
	close(fd);
	assert_error(vzr_digest_of_fd(VZR_SHA256, dir, &digest, &size, &err), -EISDIR, &err,
		     "cannot read: Is a directory");
	scratch_close(dir, path);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} rows[] = {
		{ "", "is not a SHA-256 or SHA-512 digest" },
		{ "d41d8cd98f00b204e9800998ecf8427e", "is not a SHA-256 or SHA-512 digest" },
		{ "da39a3ee5e6b4b0d3255bfef95601890afd80709", "is not a SHA-256" },
		{ "md5:d41d8cd98f00b204e9800998ecf8427e", "is not a SHA-256" },
		{ "sha512:" ABC256, "is not a SHA-256" },
		{ "sha256:" ABC512, "is not a SHA-256" },
		{ "SHA256:" ABC256, "is not a SHA-256" },
		{ ABC256 " ", "is not a SHA-256" },
		{ "sha256:", "is not a SHA-256" },
		{ "ga7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
		  "has a digit that is not hex" },
		{ "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015a\n",
		  "has a digit that is not hex" },
	};
	struct vzr_digest digest;
	struct vzr_error err;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_error(vzr_digest_parse(rows[i].text, &digest, &err), -VZR_E_INPUT, &err,
			     rows[i].message);
	assert_ok(vzr_digest_parse("sha256:BA7816BF8F01CFEA414140DE5DAE2223"
				   "B00361A396177A9CB410FF61F20015AD",
				   &digest, &err),
		  &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_streaming_equals_whole),
		cmocka_unit_test(test_of_fd),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
