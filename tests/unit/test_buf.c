/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The growing buffer: contents, maximum, hand-over. */
#include "engine/base/buf.h"

#include "tests/unit/check.h"

static void test_empty(void **state)
{
	struct vzr_buf buf = { 0 };

	(void)state;
	assert_string_equal(vzr_buf_cstr(&buf), "");
	assert_null(vzr_buf_take(&buf));
	vzr_buf_done(&buf);
	vzr_buf_done(&buf);
}

static void test_grow(void **state)
{
	VZR_AUTO_BUF struct vzr_buf buf = { 0 };

	(void)state;
	for (unsigned int i = 0; i < 5000; i++)
		assert_int_equal(vzr_buf_printf(&buf, "%04u", i), 0);
	assert_int_equal(buf.len, 20000);
	assert_memory_equal(buf.data + 4 * 4321, "4321", 4);
	assert_int_equal(buf.data[buf.len], 0);
	assert_int_equal(vzr_buf_add(&buf, "a\0b", 3), 0);
	assert_int_equal(buf.len, 20003);
	assert_int_equal(vzr_buf_add(&buf, NULL, 0), 0);
	assert_int_equal(buf.data[buf.len], 0);
}

static void test_maximum(void **state)
{
	VZR_AUTO_BUF struct vzr_buf buf = { .max = 10 };
	VZR_AUTO_BUF struct vzr_buf standard = { 0 };
	static char big[(1 << 20) + 1];

	(void)state;
	assert_int_equal(vzr_buf_text(&buf, "0123456789"), 0);
	assert_int_equal(vzr_buf_text(&buf, ""), 0);
	assert_int_equal(vzr_buf_text(&buf, "x"), -VZR_E_LIMIT);
	assert_int_equal(vzr_buf_printf(&buf, "%d", 1), -VZR_E_LIMIT);
	assert_int_equal(vzr_buf_reserve(&buf, SIZE_MAX), -VZR_E_LIMIT);
	assert_string_equal(vzr_buf_cstr(&buf), "0123456789");
	assert_int_equal(vzr_buf_add(&standard, big, 1 << 20), 0);
	assert_int_equal(vzr_buf_add(&standard, big, 1), -VZR_E_LIMIT);
}

static void test_take(void **state)
{
	struct vzr_buf buf = { 0 };
	char *text;

	(void)state;
	assert_int_equal(vzr_buf_text(&buf, "mine"), 0);
	text = vzr_buf_take(&buf);
	assert_string_equal(text, "mine");
	assert_int_equal(buf.len, 0);
	assert_int_equal(vzr_buf_text(&buf, "next"), 0);
	assert_string_equal(vzr_buf_cstr(&buf), "next");
	free(text);
	vzr_buf_done(&buf);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_maximum),
		cmocka_unit_test(test_take),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
