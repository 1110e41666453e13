/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Numbers, libvirt's suffix table, sizes for people. */
#include "engine/base/size.h"

#include "tests/unit/check.h"

#define KIB UINT64_C(1024)
#define KB UINT64_C(1000)

static void test_parse_uint(void **state)
{
	static const struct {
		const char *text;
		uint64_t max;
		int result;
		uint64_t value;
	} rows[] = {
		{ "0", UINT64_MAX, 0, 0 },
		{ "007", UINT64_MAX, 0, 7 },
		{ "18446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "000000000000000000000000000018446744073709551615", UINT64_MAX, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, 0 },
		{ "99999999999999999999999999", UINT64_MAX, -ERANGE, 0 },
		{ "100", 100, 0, 100 },
		{ "101", 100, -ERANGE, 0 },
		{ "4294967397", UINT32_MAX, -ERANGE, 0 }, /* must never become 101 */
		{ "", UINT64_MAX, -VZR_E_INPUT, 0 },
		{ " 1", UINT64_MAX, -VZR_E_INPUT, 0 },
		{ "1 ", UINT64_MAX, -VZR_E_INPUT, 0 },
		{ "+1", UINT64_MAX, -VZR_E_INPUT, 0 },
		{ "-1", UINT64_MAX, -VZR_E_INPUT, 0 },
		{ "0x10", UINT64_MAX, -VZR_E_INPUT, 0 },
		{ "1e3", UINT64_MAX, -VZR_E_INPUT, 0 },
		{ "1.5", UINT64_MAX, -VZR_E_INPUT, 0 },
		{ "1,000", UINT64_MAX, -VZR_E_INPUT, 0 },
		{ "99999999999999999999999999x", UINT64_MAX, -VZR_E_INPUT, 0 },
		{ "\xd9\xa1", UINT64_MAX, -VZR_E_INPUT, 0 }, /* an Arabic one */
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t value = 4242;

		assert_int_equal(vzr_parse_uint(rows[i].text, rows[i].max, &value),
				 rows[i].result);
		assert_int_equal(value, rows[i].result ? 4242 : rows[i].value);
	}
}

/* virScaleInteger() of libvirt: every suffix that it takes, and the value that it gives. */
static void test_units(void **state)
{
	static const struct {
		const char *unit;
		uint64_t factor;
	} rows[] = {
		{ "b", 1 },
		{ "B", 1 },
		{ "byte", 1 },
		{ "bytes", 1 },
		{ "BYTES", 1 },
		{ "k", KIB },
		{ "K", KIB },
		{ "KiB", KIB },
		{ "kib", KIB },
		{ "KIB", KIB },
		{ "KB", KB },
		{ "kb", KB },
		{ "kB", KB },
		{ "M", KIB * KIB },
		{ "MiB", KIB *KIB },
		{ "MB", KB *KB },
		{ "G", KIB *KIB *KIB },
		{ "GiB", KIB *KIB *KIB },
		{ "gb", KB *KB *KB },
		{ "T", KIB *KIB *KIB *KIB },
		{ "TB", KB *KB *KB *KB },
		{ "P", KIB *KIB *KIB *KIB *KIB },
		{ "PB", KB *KB *KB *KB *KB },
		{ "E", KIB *KIB *KIB *KIB *KIB *KIB },
		{ "EiB", KIB *KIB *KIB *KIB *KIB *KIB },
		{ "EB", KB *KB *KB *KB *KB *KB },
		{ "", 77 },
	};
	static const char *const refused[] = {
		"x", "ki", "kibi", "Kbit", "KiBs", "Z", "ZiB", "Y", "bit", " k", "k ", "kk", "MM",
		"iB", "1", "%", "kBB", "+\x0b", "\xcb", "byt",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint64_t factor = 0;

		assert_int_equal(vzr_unit_factor(rows[i].unit, 77, &factor), 0);
		assert_int_equal(factor, rows[i].factor);
	}
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		uint64_t factor = 5;

		assert_int_equal(vzr_unit_factor(refused[i], 77, &factor), -VZR_E_INPUT);
		assert_int_equal(factor, 5);
	}
}

static void test_kib_up(void **state)
{
	(void)state;
	assert_int_equal(vzr_kib_up(0), 0);
	assert_int_equal(vzr_kib_up(1), 1);
	assert_int_equal(vzr_kib_up(1024), 1);
	assert_int_equal(vzr_kib_up(1025), 2);
	assert_int_equal(vzr_kib_up(UINT64_MAX), UINT64_C(18014398509481984));
}

static void test_text(void **state)
{
	static const struct {
		uint64_t kib;
		const char *text;
	} rows[] = {
		{ 0, "0 KiB" },
		{ 1023, "1023 KiB" },
		{ 1024, "1.0 MiB" },
		{ 1536, "1.5 MiB" },
		{ 1048575, "1.0 GiB" },
		{ 1048576, "1.0 GiB" },
		{ 102400, "100.0 MiB" },
		{ UINT64_C(1) << 40, "1.0 PiB" },
		{ UINT64_MAX, "16384.0 EiB" },
	};
	char out[VZR_SIZE_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		assert_string_equal(vzr_kib_text(rows[i].kib, out), rows[i].text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse_uint),
		cmocka_unit_test(test_units),
		cmocka_unit_test(test_kib_up),
		cmocka_unit_test(test_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
