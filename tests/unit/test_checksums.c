/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Checksum files: the dialects that are in use, and what is refused. */
#include "templates/internal.h"

#include "check.h"

#include "engine/base/cleanup.h"

#define A "0f71933e19cebdec7067862cb4a0d87c2cce8e4c0c39a166fb2d8e0e321a6784"
#define B "f13bca592c2e2410df6bb1edab6a633dae6822a336f5bf93d3c242c30b6e09ac"
#define EMPTY "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define LONG A B /* 128 digits: a SHA-512 */

static struct vzr_list suffixes;

static int parse_bytes(const char *single, const char *text, size_t len,
		       struct vzr_entries *entries, struct vzr_sums_info *info,
		       struct vzr_error *err)
{
	struct vzr_sums_request request = { .file = "SHA256SUMS",
					    .single = single,
					    .suffixes = &suffixes };
	/* An exact copy lets AddressSanitizer see a read past the end. */
	VZR_AUTO_FREE char *copy = malloc(len ? len : 1);

	memcpy(copy, text, len);
	return vzr_sums_parse(&request, copy, len, entries, info, err);
}

static int parse(const char *text, struct vzr_entries *entries, struct vzr_error *err)
{
	struct vzr_sums_info info;

	return parse_bytes(NULL, text, strlen(text), entries, &info, err);
}

static void test_dialects(void **state)
{
	static const char *const texts[] = {
		A "  t.tar.gz\n",
		A " *t.tar.gz\n",
		A " t.tar.gz\n", /* linuxcontainers */
		A "  ./t.tar.gz\n",
		"\xef\xbb\xbf" A "  t.tar.gz\r\n",
		"SHA256 (t.tar.gz) = " A "\n",
		"# t.tar.gz: 66049080 bytes\nSHA256 (t.tar.gz) = " A "\n",
		A "  t.tar.gz\n" B "  t.manifest\n\n" B "  images/u.tar.gz\n",
		A "  t.tar.gz\n" LONG "  t.tar.gz\n",
		"SHA512 (t.tar.gz) = " LONG "\nSHA256 (t.tar.gz) = " A "\n",
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(texts); i++) {
		VZR_AUTO_ENTRIES struct vzr_entries entries = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;
		char hex[VZR_DIGEST_HEX];

		assert_ok(parse(texts[i], &entries, &err), &err);
		assert_int_equal(entries.count, 1);
		assert_string_equal(entries.items[0].name, "t");
		assert_string_equal(entries.items[0].file, "t.tar.gz");
		assert_string_equal(vzr_digest_hex(&entries.items[0].digest, hex), A);
	}
}

static void test_sha512(void **state)
{
	VZR_AUTO_ENTRIES struct vzr_entries entries = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_ok(parse(LONG "  t.tar.xz\n", &entries, &err), &err);
	assert_int_equal(entries.count, 1);
	assert_int_equal(entries.items[0].digest.algo, VZR_SHA512);
}

static void test_refused(void **state)
{
	static const struct {
		const char *text;
		int code;
		const char *message;
	} rows[] = {
		{ "d41d8cd98f00b204e9800998ecf8427e  t.tar.gz\n", -VZR_E_NOT_TRUSTED, "MD5" },
		{ "da39a3ee5e6b4b0d3255bfef95601890afd80709  t.tar.gz\n", -VZR_E_NOT_TRUSTED,
		  "SHA-1" },
		{ "MD5 (t.tar.gz) = d41d8cd98f00b204e9800998ecf8427e\n", -VZR_E_NOT_TRUSTED,
		  "never suffice" },
		{ "-----BEGIN PGP SIGNED MESSAGE-----\n", -VZR_E_NOT_TRUSTED, "clear-signed" },
		{ "0f71933e  t.tar.gz\n", -VZR_E_INPUT, "neither a SHA-256" },
		{ "f71933e19cebdec7067862cb4a0d87c2cce8e4c0c39a166fb2d8e0e321a6784  t.tar.gz\n",
		  -VZR_E_INPUT, "line 1: this is neither" },
		{ "0F71933E19CEBDEC7067862CB4A0D87C2CCE8E4C0C39A166FB2D8E0E321A6784  t.tar.gz\n",
		  -VZR_E_INPUT, "upper-case" },
		{ A "  t.tar.gz\n" B "  t.tar.gz\n", -VZR_E_INPUT, "t.tar.gz twice" },
		{ A "  t.tar.gz\n" A "  T.tar.gz\n", -VZR_E_INPUT, "twice" },
		{ A "  ../t.tar.gz\n", -VZR_E_INPUT, "leads out" },
		{ A "  /t.tar.gz\n", -VZR_E_INPUT, "leads out" },
		{ A "  a/../../t.tar.gz\n", -VZR_E_INPUT, "leads out" },
		{ A "  .\n", -VZR_E_INPUT, "leads out" },
		{ A "  -rf.tar.gz\n", -VZR_E_INPUT, "begins with '-'" },
		{ A "  a\tb.tar.gz\n", -VZR_E_INPUT, "control character" },
		{ A "  t.tar.gz \n", -VZR_E_INPUT, "blanks around" },
		{ A "   t.tar.gz\n", -VZR_E_INPUT, "blanks around" },
		{ A "\n", -VZR_E_INPUT, "file name is missing" },
		{ A "  \n", -VZR_E_INPUT, "file name is missing" },
		{ A "  t.tar.gz", -VZR_E_INPUT, "cut off" },
		{ "hello world\n", -VZR_E_INPUT, "no checksum line" },
		{ A "\tt.tar.gz\n", -VZR_E_INPUT, "no checksum line" },
		{ "SHA256 (t.tar.gz) = abc\n", -VZR_E_INPUT, "no checksum line" },
		{ "SHA256 () = " A "\n", -VZR_E_INPUT, "file name is missing" },
		{ EMPTY "  BEST-BEFORE-2026-02-31\n", -VZR_E_INPUT, "no date" },
		{ EMPTY "  BEST-BEFORE-tomorrow\n", -VZR_E_INPUT, "no date" },
		{ EMPTY "  BEST-BEFORE-2026-01-01\n" EMPTY "  BEST-BEFORE-2027-01-01\n",
		  -VZR_E_INPUT, "second BEST-BEFORE" },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		VZR_AUTO_ENTRIES struct vzr_entries entries = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;

		assert_error(parse(rows[i].text, &entries, &err), rows[i].code, &err,
			     rows[i].message);
	}
}

static void test_bytes(void **state)
{
	VZR_AUTO_ENTRIES struct vzr_entries entries = { 0 };
	static const char nul[] = A "  t\0.tar.gz\n", wide[] = "\xff\xfe\x30\x00\n";
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_sums_info info;
	char line[3000];

	(void)state;
	assert_error(parse_bytes(NULL, nul, sizeof(nul) - 1, &entries, &info, &err), -VZR_E_INPUT,
		     &err, "NUL");
	assert_error(parse_bytes(NULL, wide, sizeof(wide) - 1, &entries, &info, &err), -VZR_E_INPUT,
		     &err, "line 1");
	memset(line, 'a', sizeof(line));
	line[sizeof(line) - 1] = '\n';
	assert_error(parse_bytes(NULL, line, sizeof(line), &entries, &info, &err), -VZR_E_INPUT,
		     &err, "too long");
	assert_int_equal(err.line, 1);
	assert_ok(parse_bytes(NULL, "", 0, &entries, &info, &err), &err);
	assert_int_equal(entries.count, 0);
}

static void test_best_before(void **state)
{
	VZR_AUTO_ENTRIES struct vzr_entries entries = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_sums_info info;
	const char *text = EMPTY "  BEST-BEFORE-2026-12-31\n" A "  t.tar.gz\n";

	(void)state;
	assert_ok(parse_bytes(NULL, text, strlen(text), &entries, &info, &err), &err);
	assert_int_equal(info.best_before, 1798761600); /* 2027-01-01T00:00:00Z */
	assert_int_equal(entries.count, 1);
}

static void test_single(void **state)
{
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_sums_info info;
	static const char *const texts[] = { A "\n", A "  t.tar.gz\n",
					     B "  u.tar.gz\n" A "  t.tar.gz\n" };

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(texts); i++) {
		VZR_AUTO_ENTRIES struct vzr_entries entries = { 0 };

		assert_ok(parse_bytes("t.tar.gz", texts[i], strlen(texts[i]), &entries, &info,
				      &err),
			  &err);
		assert_int_equal(entries.count, 1);
		assert_string_equal(entries.items[0].name, "t");
	}
}

static void test_names_of_files(void **state)
{
	static const struct {
		const char *file, *name;
	} rows[] = { { "a-1.tar.gz", "a-1" },  { "a.tar", "a" },
		     { "a.tgz", "a" },	       { "a.iso", NULL },
		     { ".tar.gz", NULL },      { "tar.gz", NULL },
		     { "a.tar.gz.sig", NULL }, { "a.tar.gz.tar", "a.tar.gz" },
		     { "a b.tar.gz", "a b" } };
	VZR_AUTO_FREE char *url = vzr_url_join("http://h/d", "a b%2f#?x.tar.gz");

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		unsigned int rank;
		VZR_AUTO_FREE char *name = vzr_template_name_of(rows[i].file, &suffixes, &rank);

		assert_string_equal(name ? name : "-", rows[i].name ? rows[i].name : "-");
	}
	assert_string_equal(url, "http://h/d/a%20b%252f%23%3Fx.tar.gz");
}

/* Of two archives of one template the kind that is named first is taken. */
static void test_preference(void **state)
{
	VZR_AUTO_ENTRIES struct vzr_entries entries = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_ok(parse(A "  b.tar.xz\n" B "  b.tar.gz\n" A "  a.tar\n" A "  x.oci.tar.xz\n",
			&entries, &err),
		  &err);
	vzr_entries_sort(&entries);
	assert_int_equal(entries.count, 2);
	assert_string_equal(entries.items[0].name, "a");
	assert_string_equal(entries.items[1].file, "b.tar.gz");
	assert_ptr_equal(vzr_entries_find(&entries, "b"), &entries.items[1]);
	assert_null(vzr_entries_find(&entries, "c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_dialects),    cmocka_unit_test(test_sha512),
		cmocka_unit_test(test_refused),	    cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_best_before), cmocka_unit_test(test_single),
		cmocka_unit_test(test_preference),  cmocka_unit_test(test_names_of_files),
	};
	int r;

	if (vzr_split_blanks("tar.gz tgz tar.xz tar", &suffixes) < 0)
		return 1;
	r = cmocka_run_group_tests(tests, NULL, NULL);
	vzr_list_done(&suffixes, free);
	return r;
}
