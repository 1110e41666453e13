/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Clocks and the text form of a time. */
#include "engine/base/time.h"

#include "tests/unit/check.h"

static void test_clocks(void **state)
{
	uint64_t before = vzr_monotonic_us();

	(void)state;
	usleep(2000);
	assert_true(vzr_monotonic_us() >= before + 2000);
	assert_true(vzr_now() > INT64_C(1600000000));
}

static void test_text(void **state)
{
	char out[VZR_TIME_TEXT];

	(void)state;
	setenv("TZ", "Asia/Tokyo", 1); /* the text is in UTC wherever it is written */
	assert_string_equal(vzr_time_text(0, out), "1970-01-01T00:00:00Z");
	assert_string_equal(vzr_time_text(1769903999, out), "2026-01-31T23:59:59Z");
	assert_string_equal(vzr_time_text(INT64_C(4102444800), out), "2100-01-01T00:00:00Z");
	assert_string_equal(vzr_time_text(-1, out), "1969-12-31T23:59:59Z");
	assert_string_equal(vzr_time_text(INT64_MAX, out), "@9223372036854775807");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
