/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Records of PAX extended headers. */
#include "engine/unpack/scan.h"

#include "engine/base/cleanup.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_times_are_rounded_down(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
		uint32_t ns;
	} cases[] = {
		{ "15 mtime=-1.25\n", -2, 750000000 },
		{ "11 mtime=0\n", 0, 0 },
		{ "12 mtime=-3\n", -3, 0 },
		{ "14 mtime=12.5\n", 12, 500000000 },
		{ "22 mtime=1.1234567891\n", 1, 123456789 },
		{ "23 mtime=-1.0000000001\n", -2, 999999999 },
		{ "16 mtime=-0.001\n", -1, 999000000 },
		{ "12 mtime=7.\n", 7, 0 },
		{ "30 mtime=-9223372036854775807\n", -INT64_MAX, 0 },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(cases); i++) {
		struct vzr_pax pax = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;
		int r = vzr_pax_parse(cases[i].text, strlen(cases[i].text), false, &pax, &err);

		if (r < 0)
			fail_msg("%s: %s", cases[i].text, err.msg);
		assert_true(pax.has_mtime);
		assert_int_equal(pax.mtime_s, cases[i].seconds);
		assert_int_equal(pax.mtime_ns, cases[i].ns);
		vzr_pax_done(&pax);
	}
}

static void test_damaged_records(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} cases[] = {
		{ "7 a=bc\n", NULL },
		{ "6 a=bc\n", "damaged" },
		{ "8 a=bc\n", "damaged" },
		{ "a=bc\n", "damaged" },
		{ "999999999999 a=b\n", "damaged" },
		{ "0 a=b\n", "damaged" },
		{ "7 abcd\n", "without a key" },
		{ "7 =abc\n", "without a key" },
		{ "7 a=bc\n7 a=bd\n", "twice the key 'a'" },
		{ "10 mtime=\n", "no number" },
		{ "12 mtime=+1\n", "no number" },
		{ "12 mtime=1e\n", "no number" },
		{ "31 mtime=99999999999999999999999", "damaged" },
		{ "30 mtime=99999999999999999999\n", "too large" },
		{ "11 size=-1\n", "no number" },
		{ "28 size=9223372036854775808\n", "no number" },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(cases); i++) {
		struct vzr_pax pax = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;
		int r = vzr_pax_parse(cases[i].text, strlen(cases[i].text), false, &pax, &err);

		assert_int_equal(r, cases[i].message ? -VZR_E_ARCHIVE : 0);
		if (cases[i].message && !strstr(err.msg, cases[i].message))
			fail_msg("%s: %s", cases[i].text, err.msg);
		vzr_pax_done(&pax);
	}
}

static void test_names_of_any_bytes(void **state)
{
	static const char body[] = "12 path=a\xe9" "b\n15 linkpath=\xc3\xa9\n";
	struct vzr_pax pax = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_int_equal(vzr_pax_parse(body, sizeof(body) - 1, false, &pax, &err), 0);
	assert_string_equal(vzr_buf_cstr(&pax.path), "a\xe9" "b");
	assert_string_equal(vzr_buf_cstr(&pax.link), "\xc3\xa9");
	assert_true(pax.not_utf8);
	vzr_pax_done(&pax);
}

static void test_name_of_a_sparse_file_wins(void **state)
{
	static const char *const bodies[] = {
		"25 GNU.sparse.name=right\n14 path=wrong\n",
		"14 path=wrong\n25 GNU.sparse.name=right\n",
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(bodies); i++) {
		struct vzr_pax pax = { 0 };
		struct vzr_error err = VZR_ERROR_INIT;

		assert_int_equal(vzr_pax_parse(bodies[i], strlen(bodies[i]), false, &pax, &err), 0);
		assert_string_equal(vzr_buf_cstr(&pax.path), "right");
		assert_true(pax.sparse);
		vzr_pax_done(&pax);
	}
}

static void test_global_headers_change_nothing(void **state)
{
	struct vzr_pax pax = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_int_equal(vzr_pax_parse("15 comment=abc\n", 15, true, &pax, &err), 0);
	assert_false(pax.present);
	assert_int_equal(vzr_pax_parse("9 path=x\n", 9, true, &pax, &err), -VZR_E_REFUSED);
	assert_non_null(strstr(err.msg, "'path'"));
	assert_false(pax.has_path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_times_are_rounded_down),
		cmocka_unit_test(test_damaged_records),
		cmocka_unit_test(test_names_of_any_bytes),
		cmocka_unit_test(test_name_of_a_sparse_file_wins),
		cmocka_unit_test(test_global_headers_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
