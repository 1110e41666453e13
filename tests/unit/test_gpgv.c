/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The acceptance rule over gpgv's status lines, and OpenPGP armor. */
#include "templates/signature.h"

#include "check.h"

#include "engine/base/cleanup.h"

#define KEY "D2EB44626FDDC30B513D5BB71A5D6C4C7DB87C81"
#define SUB "AAAABBBBCCCCDDDDEEEEFFFF0000111122223333"
#define ID "1A5D6C4C7DB87C81"
#define G "[GNUPG:] "
#define NEW G "NEWSIG\n"
#define GOOD G "GOODSIG " ID " Somebody\n"
#define VALID(time, hash) G "VALIDSIG " SUB " 2022-08-01 " time " 0 4 0 1 " hash " 00 " KEY "\n"
#define T "1659377797"
#define FINE NEW GOOD VALID(T, "8")

/* Under which policy a status is judged. */
struct how {
	const char *pin;
	bool weak;
	int64_t now;
};

static int judge(const char *status, int exit_status, struct how how, struct vzr_signed_by *by,
		 struct vzr_error *err)
{
	VZR_AUTO_TEXT_LIST struct vzr_list pins = { 0 };
	struct vzr_signature_policy policy = { .fingerprints = &pins,
					       .weak_digests = how.weak,
					       .now = how.now };

	if (how.pin)
		assert_int_equal(vzr_list_add_text(&pins, how.pin), 0);
	return vzr_gpgv_judge("SHA256SUMS", status, exit_status, &policy, by, err);
}

static void test_accepted(void **state)
{
	static const struct {
		const char *status, *pin;
		bool weak;
	} rows[] = {
		{ FINE, KEY, false },
		{ FINE, SUB, false },
		{ NEW G "KEY_CONSIDERED " KEY " 0\n" GOOD VALID(T, "10"), KEY, false },
		{ NEW GOOD VALID(T, "2"), KEY, true },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		struct vzr_error err = VZR_ERROR_INIT;
		struct vzr_signed_by by;

		assert_ok(judge(rows[i].status, 0,
				(struct how){ rows[i].pin, rows[i].weak, 1700000000 }, &by, &err),
			  &err);
		assert_string_equal(by.fingerprint, KEY);
		assert_int_equal(by.time, 1659377797);
		assert_int_equal(by.weak, rows[i].weak);
	}
}

static void test_refused(void **state)
{
	static const struct {
		const char *status;
		int exit_status;
		const char *message;
	} rows[] = {
		{ G "NODATA 4\n", 2, "holds no signature" },
		{ NEW G "BADSIG " ID " Somebody\n", 1, "bad signature" },
		{ NEW G "ERRSIG " ID " 1 8 00 " T " 9 -\n" G "NO_PUBKEY " ID "\n", 2,
		  "unknown key " ID },
		{ NEW G "SIG_ID 7abc 2022-08-01 " T "\n" G "EXPKEYSIG " ID
			" Somebody\n" VALID(T, "8"),
		  0, "key " ID ", which has expired" },
		{ NEW G "REVKEYSIG " ID " Somebody\n" VALID(T, "8"), 0, "is revoked" },
		{ NEW G "EXPSIG " ID " Somebody\n" VALID(T, "8"), 1, "signature of SHA256SUMS" },
		{ NEW GOOD VALID("2208988800", "8"), 0, "system clock" },
		{ NEW G "ERRSIG " ID " 1 8 00 2208988800 4 -\n", 2, "system clock" },
		{ NEW GOOD VALID(T, "2"), 0, "weak_digests=yes" },
		{ NEW GOOD VALID(T, "1"), 0, "MD5" },
		{ NEW GOOD VALID(T, "11"), 0, "weak" },
		{ FINE NEW G "ERRSIG " ID " 1 8 00 " T " 9 -\n" G "NO_PUBKEY " ID "\n", 2,
		  "2 signatures" },
		{ FINE FINE, 0, "2 signatures" },
		{ FINE G "ERROR keyring 33554433\n", 2, "gpgv says keyring" },
		{ FINE G "FAILURE gpgv 1\n", 0, "gpgv says gpgv" },
		{ FINE, 1, "gpgv ended with 1" },
		{ NEW VALID(T, "8"), 0, "not good" },
		{ NEW GOOD, 0, "not good" },
		{ GOOD VALID(T, "8"), 0, "not good" },
		{ NEW GOOD G "VALIDSIG " KEY "\n", 0, "not good" },
		{ "", 0, "not good" },
		{ "GOODSIG " ID "\nVALIDSIG " KEY "\n", 0, "not good" },
		/* A user id that tries to be a status line stays on its own line. */
		{ NEW G "BADSIG " ID " x%0A[GNUPG:] VALIDSIG\n", 1, "bad signature" },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		struct vzr_error err = VZR_ERROR_INIT;
		struct vzr_signed_by by;

		assert_error(judge(rows[i].status, rows[i].exit_status,
				   (struct how){ KEY, false, 1700000000 }, &by, &err),
			     -VZR_E_SIGNATURE, &err, rows[i].message);
	}
}

static void test_pins(void **state)
{
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_signed_by by;

	(void)state;
	assert_error(judge(FINE, 0, (struct how){ NULL, false, 1700000000 }, &by, &err),
		     -VZR_E_SIGNATURE, &err, "not pinned");
	assert_error(judge(FINE, 0,
			   (struct how){ "AAAABBBBCCCCDDDDEEEEFFFF0000111122224444", false,
					 1700000000 },
			   &by, &err),
		     -VZR_E_SIGNATURE, &err, KEY);
	/* MD5 has no way to be allowed. */
	assert_error(judge(NEW GOOD VALID(T, "1"), 0, (struct how){ KEY, true, 1700000000 }, &by,
			   &err),
		     -VZR_E_SIGNATURE, &err, "MD5");
}

static void test_clock(void **state)
{
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_signed_by by;

	(void)state;
	/* A clock that says 1970 makes every signature one from the future: say so. */
	assert_error(judge(FINE, 0, (struct how){ KEY, false, 86400 }, &by, &err), -VZR_E_SIGNATURE,
		     &err, "check the system clock");
	/* A day of difference is no reason. */
	assert_ok(judge(FINE, 0, (struct how){ KEY, false, 1659377797 - 86400 }, &by, &err), &err);
	assert_error(judge(FINE, 0, (struct how){ KEY, false, 1659377797 - 86401 }, &by, &err),
		     -VZR_E_SIGNATURE, &err, "from the future");
}

/* ---- armor ---- */

static int dearmor(const char *text, size_t len, struct vzr_buf *out, struct vzr_error *err)
{
	VZR_AUTO_FREE char *copy = malloc(len ? len : 1);

	memcpy(copy, text, len);
	return vzr_dearmor(copy, len, out, err);
}

/* The CRC-24 values were computed by gpg --enarmor. */
static void test_armor(void **state)
{
	static const char *const texts[] = {
		"-----BEGIN PGP ARMORED FILE-----\n\nmWhlbGxv\n=FKcF\n-----END PGP ARMORED "
		"FILE-----\n",
		"-----BEGIN PGP X-----\r\nVersion: a\r\nComment: b\r\n\r\nmWhl\r\nbGxv\r\n"
		"-----END PGP X-----\r\n",
		"text before\n-----BEGIN PGP X-----\n\nmWhlbGxv\n-----END PGP X-----\ntext after\n",
		"\x99hello",
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(texts); i++) {
		VZR_AUTO_BUF struct vzr_buf out = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;

		assert_ok(dearmor(texts[i], strlen(texts[i]), &out, &err), &err);
		assert_int_equal(out.len, 6);
		assert_memory_equal(out.data, "\x99hello", 6);
	}
}

static void test_armor_padding(void **state)
{
	VZR_AUTO_BUF struct vzr_buf out = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;
	const char *text = "-----BEGIN PGP A-----\n\nmQ==\n-----END PGP A-----\n"
			   "-----BEGIN PGP B-----\n\nmWg=\n-----END PGP B-----\n";

	(void)state;
	assert_ok(dearmor(text, strlen(text), &out, &err), &err);
	assert_int_equal(out.len, 3);
	assert_memory_equal(out.data, "\x99\x99h", 3);
}

static void test_armor_refused(void **state)
{
	static const char *const texts[] = {
		"no armor\n",
		"-----BEGIN PGP X-----\n",
		"-----BEGIN PGP X-----\nmWhlbGxv\n-----END PGP X-----\n",
		"-----BEGIN PGP X-----\n\nmWhlbGxv\n",
		"-----BEGIN PGP X-----\n\nmWhlbGx\n-----END PGP X-----\n",
		"-----BEGIN PGP X-----\n\nmW=lbGxv\n-----END PGP X-----\n",
		"-----BEGIN PGP X-----\n\nmWhl!Gxv\n-----END PGP X-----\n",
		"-----BEGIN PGP X-----\n\nmWhlbGxv\n=AAAA\n-----END PGP X-----\n",
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(texts); i++) {
		VZR_AUTO_BUF struct vzr_buf out = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;

		assert_error(dearmor(texts[i], strlen(texts[i]), &out, &err), -VZR_E_INPUT, &err,
			     "broken OpenPGP armor");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_accepted),      cmocka_unit_test(test_refused),
		cmocka_unit_test(test_pins),	      cmocka_unit_test(test_clock),
		cmocka_unit_test(test_armor),	      cmocka_unit_test(test_armor_padding),
		cmocka_unit_test(test_armor_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
