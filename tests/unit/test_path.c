/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names and paths as text, and the order of versions. */
#include "engine/base/path.h"

#include "tests/unit/check.h"

static void test_names(void **state)
{
	static const char *const good[] = { "a", "fedora-core6-i386-minimal", "x.y_z+1", "a:b",
					    "\xc3\xa4rger", ".hidden", "...", "a..b" };
	static const struct {
		const char *name;
		const char *message;
	} bad[] = {
		{ "", "template name is empty" },
		{ ".", "template name '.' is not allowed" },
		{ "..", "template name '..' is not allowed" },
		{ "-rf", "template name '-rf' is not allowed" },
		{ "../x", "has a character that is not allowed" },
		{ "/x", "has a character that is not allowed" },
		{ "a/../../x", "has a character that is not allowed" },
		{ "a b", "has a character that is not allowed" },
		{ "a\nb", "'a\\x0ab' has a character" },
		{ "a\"b", "has a character that is not allowed" },
		{ "a'b", "has a character that is not allowed" },
		{ "$(id)", "has a character that is not allowed" },
		{ "`id`", "has a character that is not allowed" },
		{ "a\\b", "has a character that is not allowed" },
		{ "\xff", "'\\xff' has a character" },
		{ "a\xe2\x80\xae", "has a character that is not allowed" },
	};
	struct vzr_error err = { 0 };
	char name[VZR_NAME_MAX + 2];

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_ok(vzr_name_check("template name", good[i], &err), &err);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_error(vzr_name_check("template name", bad[i].name, &err), -VZR_E_INPUT,
			     &err, bad[i].message);
	memset(name, 'n', sizeof(name));
	name[VZR_NAME_MAX] = '\0';
	assert_ok(vzr_name_check("source", name, &err), &err);
	name[VZR_NAME_MAX] = 'n';
	name[VZR_NAME_MAX + 1] = '\0';
	assert_error(vzr_name_check("source", name, &err), -VZR_E_INPUT, &err,
		     "source is longer than 200 bytes");
}

static void test_paths(void **state)
{
	static const struct {
		const char *path;
		const char *message; /* NULL: accepted */
	} rows[] = {
		{ "/", NULL },
		{ "/vz/private/$VEID", NULL },
		{ "//vz//x/", NULL },
		{ "/a/..b/c..", NULL },
		{ "/a b", NULL },
		{ "", "is not an absolute path" },
		{ "vz", "is not an absolute path" },
		{ "/..", "has a '..' in it" },
		{ "/a/../b", "has a '..' in it" },
		{ "/a/..", "has a '..' in it" },
		{ "/a//../", "has a '..' in it" },
		{ "/a\nb", "has control characters: '/a\\x0ab'" },
	};
	struct vzr_error err = { 0 };
	char longest[4200];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int r = vzr_path_check("VE_PRIVATE", rows[i].path, &err);

		if (rows[i].message)
			assert_error(r, -VZR_E_INPUT, &err, rows[i].message);
		else
			assert_ok(r, &err);
	}
	memset(longest, '/', sizeof(longest));
	longest[4096] = '\0';
	assert_error(vzr_path_check("VE_PRIVATE", longest, &err), -VZR_E_INPUT, &err, "too long");
}

static void check_text(char *got, const char *want)
{
	assert_non_null(got);
	assert_string_equal(got, want);
	free(got);
}

static void test_join_expand(void **state)
{
	(void)state;
	check_text(vzr_path_join("/a", "b"), "/a/b");
	check_text(vzr_path_join("/a//", "//b"), "/a/b");
	check_text(vzr_path_join("/", "b"), "/b");
	check_text(vzr_path_join("", "b"), "/b");
	check_text(vzr_path_expand("/vz/private/$VEID", 101), "/vz/private/101");
	check_text(vzr_path_expand("/vz/${VEID}/x//", 101), "/vz/101/x");
	/* vzctl replaces the first one only, and so would look for the rest under its name. */
	check_text(vzr_path_expand("/vz/$VEID/${VEID}", 7), "/vz/7/${VEID}");
	check_text(vzr_path_expand("/vz/${VEID}/$VEID", 7), "/vz/7/$VEID");
	check_text(vzr_path_expand("/vz/$VEI", 7), "/vz/$VEI");
	check_text(vzr_path_expand("/", 7), "/");
	check_text(vzr_path_expand("//", 7), "/");
	check_text(vzr_path_expand("", 7), "");
	check_text(vzr_path_expand("/p/$VEID", UINT32_MAX), "/p/4294967295");
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

/* The rows are in order: each pair of them must say so, both ways. */
static void test_natural(void **state)
{
	static const char *const rows[] = {
		"",	  "0",	     "00",	"01",	    "1",      "2",
		"2.9",	  "2.10",    "10",	"20070314", "20260101", "99999999999999999999998",
		"99999999999999999999999", "a",	"a0",	    "a1",      "a01b",
		"a2",	  "a10",     "debian-9", "debian-12", "ubuntu-24.04.9", "ubuntu-24.04.10",
		"\xc3\xa4",
	};
	size_t n = sizeof(rows) / sizeof(rows[0]);

	(void)state;
	for (size_t i = 0; i < n; i++)
		for (size_t j = 0; j < n; j++) {
			int got = sign(vzr_natural_compare(rows[i], rows[j]));

			if (got != sign((int)i - (int)j))
				fail_msg("'%s' and '%s': %d", rows[i], rows[j], got);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_join_expand),
		cmocka_unit_test(test_natural),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
