/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Error texts: escaping, cutting, wrapping, names. */
#include "tests/unit/check.h"

#include <limits.h>

static void test_escape(void **state)
{
	static const struct {
		const char *in;
		const char *out;
	} rows[] = {
		{ "", "" },
		{ "plain text 1~", "plain text 1~" },
		{ "a\nb", "a\\x0ab" },
		{ "\033[31m", "\\x1b[31m" },
		{ "\x7f", "\\x7f" },
		{ "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80" },
		{ "\xc3", "\\xc3" },
		{ "\xc3x", "\\xc3x" },
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc0\xaf", "\\xc0\\xaf" },		      /* overlong '/' */
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf" },	      /* overlong '/' */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },	      /* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* above U+10FFFF */
		{ "\xc2\x85", "\\xc2\\x85" },		      /* C1 control NEL */
		{ "\xe2\x80\xae", "\\xe2\\x80\\xae" },	      /* right-to-left override */
		{ "\xe2\x80\xa8", "\\xe2\\x80\\xa8" },	      /* line separator */
	};
	char out[128];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(vzr_escape(out, sizeof(out), rows[i].in), rows[i].out);
}

static void test_escape_cuts_whole_sequences(void **state)
{
	char out[8];

	(void)state;
	memset(out, 'z', sizeof(out));
	assert_ptr_equal(vzr_escape(out, 0, "abc"), out);
	assert_int_equal(out[0], 'z');
	assert_string_equal(vzr_escape(out, 1, "abc"), "");
	assert_string_equal(vzr_escape(out, 3, "abc"), "ab");
	assert_string_equal(vzr_escape(out, 4, "a\xe2\x82\xac"), "a");
	assert_string_equal(vzr_escape(out, 5, "a\xe2\x82\xac"), "a\xe2\x82\xac");
	assert_string_equal(vzr_escape(out, 6, "a\n\n"), "a\\x0a");
	assert_string_equal(vzr_escape(out, 5, "a\n"), "a");
}

static void test_fail(void **state)
{
	struct vzr_error err = { .line = 7, .column = 9 };

	(void)state;
	assert_int_equal(vzr_fail(&err, -VZR_E_INPUT, "no '%s' in %d", "a\tb", 3), -VZR_E_INPUT);
	assert_int_equal(err.code, -VZR_E_INPUT);
	assert_string_equal(err.msg, "no 'a\\x09b' in 3");
	assert_int_equal(err.line, 0);
	assert_int_equal(err.column, 0);
	assert_int_equal(vzr_fail(NULL, -VZR_E_BUSY, "%s", "x"), -VZR_E_BUSY);
}

static void test_fail_errno(void **state)
{
	struct vzr_error err = { 0 };
	char name[700];

	(void)state;
	errno = ENOSPC;
	assert_error(vzr_fail_errno(&err, "cannot write %s", "x"), -ENOSPC, &err,
		     "cannot write x: No space left on device");
	assert_error(vzr_fail_code(&err, -EDQUOT, "cannot write"), -EDQUOT, &err,
		     "cannot write: Disk quota exceeded");
	assert_error(vzr_fail_code(&err, -VZR_E_LIMIT, "cannot read"), -VZR_E_LIMIT, &err,
		     "cannot read: limit-exceeded");
	/* A long name never pushes the reason out. */
	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	assert_error(vzr_fail_code(&err, -ENOENT, "cannot open %s", name), -ENOENT, &err,
		     "nnn: No such file or directory");
	/* errno 0 is a mistake of the caller, but never a success. */
	errno = 0;
	assert_true(vzr_fail_errno(&err, "odd") < 0);
}

static void test_wrap(void **state)
{
	struct vzr_error err = { 0 };
	char longest[600];

	(void)state;
	(void)vzr_fail(&err, -ENOENT, "no %s", "file");
	err.line = 4;
	assert_error(vzr_wrap(&err, -ENOENT, "cannot read '%s'", "x"), -ENOENT, &err,
		     "cannot read 'x': no file");
	assert_int_equal(err.line, 4);
	/* The code that travels is returned; the one in the struct is the first one. */
	assert_int_equal(vzr_wrap(&err, -VZR_E_FAILED, "outer"), -VZR_E_FAILED);
	assert_int_equal(err.code, -ENOENT);
	assert_int_equal(vzr_wrap(NULL, -VZR_E_FAILED, "outer"), -VZR_E_FAILED);
	memset(longest, 'w', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	(void)vzr_wrap(&err, -ENOENT, "%s", longest);
	assert_true(strlen(err.msg) < sizeof(err.msg));
}

static void test_names(void **state)
{
	static const int codes[] = {
#define CODE(symbol, value, name) symbol,
		VZR_ERRORS(CODE)
#undef CODE
	};

	(void)state;
	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		const char *name = vzr_error_name(-codes[i]);

		assert_string_equal(name, vzr_error_name(codes[i]));
		for (const char *p = name; *p; p++)
			assert_true((*p >= 'a' && *p <= 'z') || *p == '-');
		for (size_t j = 0; j < i; j++)
			assert_string_not_equal(name, vzr_error_name(codes[j]));
	}
	assert_string_equal(vzr_error_name(-ENOSPC), "no-space");
	assert_string_equal(vzr_error_name(-EDQUOT), "over-quota");
	assert_string_equal(vzr_error_name(-EIO), "system");
	assert_string_equal(vzr_error_name(0), "failed");
	assert_string_equal(vzr_error_name(INT_MIN), "failed");
	assert_string_equal(vzr_error_name(99999), "failed");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_cuts_whole_sequences),
		cmocka_unit_test(test_fail),
		cmocka_unit_test(test_fail_errno),
		cmocka_unit_test(test_wrap),
		cmocka_unit_test(test_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
