/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Limits of vzctl's configuration files: the conversions were measured with vzlist of 4.11.1. */
#include "tests/unit/check.h"

#include "engine/vz_value.h"

static void conversions(void **state)
{
	static const struct {
		const char *text;
		uint32_t divisor;
		uint64_t soft, hard;
	} rows[] = {
		{ "2G:2.2G", 1024, 2097152, 2306867 },
		{ "1G:1.1G", 1024, 1048576, 1153433 },
		{ "25600P", 1024, 102400, 102400 },
		{ "1.5M", 1024, 1536, 1536 },
		{ "10", 1024, 10, 10 },
		{ "200K", 1, 204800, 204800 },
		{ "1.5k", 1, 1536, 1536 },
		{ "131072:144179", 1, 131072, 144179 },
		{ "2048b", 1024, 2, 2 },
		{ "1t", 1024, 1ull << 30, 1ull << 30 },
		{ "7.9", 1, 7, 7 },
		{ "7.", 1, 7, 7 },
		{ "0:0", 1, 0, 0 },
		{ "9223372036854775807", 1, INT64_MAX, INT64_MAX },
		{ "0.33333333333333333333333333333K", 1, 341, 341 },
		{ "8388607.999999999999T", 1024, 9007199254740991, 9007199254740991 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vzr_vz_limit limit = { 0 };

		if (vzr_vz_limit_parse(rows[i].text, rows[i].divisor, &limit) != 0 ||
		    limit.soft != rows[i].soft || limit.hard != rows[i].hard)
			fail_msg("%s: %llu:%llu", rows[i].text, (unsigned long long)limit.soft,
				 (unsigned long long)limit.hard);
	}
}

static void refused(void **state)
{
	static const char *const texts[] = {
		"",	 "unlimited", "10:",	  ":10",     "-1:-1",	" 10",	     "10 ",
		"1e3",	 "0x10",      "1:2:3",	  "1G2",     "2X",	".5G",	     "1..5G",
		"1,5G",	 "10\n",      "9223372036854775808", "18446744073709551616",
		"9223372036854775807G", "10KK", "+5",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct vzr_vz_limit limit;

		if (vzr_vz_limit_parse(texts[i], 1, &limit) != -VZR_E_INPUT)
			fail_msg("'%s' was taken", texts[i]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(conversions),
		cmocka_unit_test(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
