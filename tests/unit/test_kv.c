/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* KEY="value" files: read as vzctl reads them, strictly for our own, written for shells. */
#include "engine/base/kv.h"

#include "tests/unit/check.h"

static int parse(const char *text, unsigned int flags, struct vzr_kv *kv, struct vzr_error *err)
{
	return vzr_kv_parse(text, strlen(text), flags, kv, err);
}

/* openvz.md 1.7: what vzctl 4.x makes of a line. */
static void test_as_vzctl(void **state)
{
	static const struct {
		const char *text;
		const char *key;
		const char *value; /* NULL: the key is not there */
	} rows[] = {
		{ "A=\"1:2\"", "A", "1:2" },
		{ "  \tA=\"1\"\n", "A", "1" },
		{ "A=1\n", "A", "1" },
		{ "A='x y'\n", "A", "x y" },
		{ "#A=\"1\"\n", "A", NULL },
		{ "   # A=\"1\"\n", "A", NULL },
		{ "A =\"1\"\n", "A", NULL }, /* the name is everything up to '=' */
		{ "A =\"1\"\n", "A ", "1" },
		{ "A=\"1\" # comment\n", "A", "1" },
		{ "A=\"say \"hi\" now\"\n", "A", "say \"hi\" now" }, /* ends at the last '"' */
		{ "A=\"x\" # \"y\"\n", "A", "x\" # \"y" },
		{ "A=\"no end\n", "A", NULL }, /* skipped, not guessed */
		{ "A='no end\n", "A", NULL },
		{ "A=\"\"\n", "A", "" },
		{ "A=\n", "A", "" },
		{ "A=\"a\\\\b\\$c\"\n", "A", "a\\b$c" },
		{ "A=\"$(rm -rf /)\"\n", "A", "$(rm -rf /)" },
		{ "A=\"1\"\nA=\"2\"\n", "A", "1" }, /* the first one counts */
		{ "A=\"1\"\r\nB=\"2\"\r\n", "A", "1" },
		{ "A=\"1\"\r\nB=\"2\"\r\n", "B", "2" },
		{ "no assignment\nA=\"1\"\n", "A", "1" },
		{ "=\"1\"\nA=\"1\"\n", "A", "1" },
		{ "A=a=b\n", "A", "a=b" },
		{ "", "A", NULL },
		{ "\n\n", "A", NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		VZR_AUTO_KV struct vzr_kv kv = { 0 };
		struct vzr_error err = { 0 };
		const char *value;

		assert_ok(parse(rows[i].text, 0, &kv, &err), &err);
		value = vzr_kv_get(&kv, rows[i].key);
		if (!rows[i].value && value)
			fail_msg("row %zu: '%s'", i, value);
		if (rows[i].value) {
			assert_non_null(value);
			assert_string_equal(value, rows[i].value);
		}
	}
}

static void test_strict(void **state)
{
	static const struct {
		const char *text;
		unsigned int line;
		const char *message;
	} rows[] = {
		{ "A=\"1\"\nwords\n", 2, "line 2: 'words' is not KEY=\"value\"" },
		{ "A =\"1\"\n", 1, "'A ' is not KEY" },
		{ "1A=\"1\"\n", 1, "'1A' is not KEY" },
		{ "A.B=\"1\"\n", 1, "'A.B' is not KEY" },
		{ "=\"1\"\n", 1, "'' is not KEY" },
		{ "\n\nA=\"1\n", 3, "line 3: the quote after A= is not closed" },
		{ "A='1\n", 1, "the quote after A= is not closed" },
		{ "A=\"1\" 2\n", 1, "text behind the value of A" },
		{ "A=\"1\"#2\n", 1, "text behind the value of A" },
		{ "A=\"1\"2\"\n", 1, "text behind the value of A" },
		{ "A=1 2\n", 1, "text behind the value of A" },
		{ "A='1' 2\n", 1, "text behind the value of A" },
		{ "A=\"1\"\nB=2\nA=\"3\"\n", 3, "line 3: A stands there twice" },
	};
	VZR_AUTO_KV struct vzr_kv good = { 0 };
	struct vzr_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		VZR_AUTO_KV struct vzr_kv kv = { 0 };

		assert_error(parse(rows[i].text, VZR_KV_STRICT, &kv, &err), -VZR_E_CONFIG, &err,
			     rows[i].message);
		assert_int_equal(err.line, rows[i].line);
		assert_int_equal(kv.count, 0);
	}
	assert_ok(parse("# c\n\n  A_b-2=\"x y\"  # why\nB='2'\nC=3 # three\n", VZR_KV_STRICT, &good,
			&err),
		  &err);
	assert_string_equal(vzr_kv_get(&good, "A_b-2"), "x y");
	assert_string_equal(vzr_kv_get(&good, "B"), "2");
	assert_string_equal(vzr_kv_get(&good, "C"), "3");
}

static void test_nul(void **state)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	struct vzr_error err = { 0 };

	(void)state;
	assert_error(vzr_kv_parse("A=\"1\0\"", 7, 0, &kv, &err), -VZR_E_CONFIG, &err, "NUL byte");
	assert_int_equal(vzr_kv_parse("A=\0", 3, VZR_KV_STRICT, &kv, NULL), -VZR_E_CONFIG);
}

static void check_emit(const struct vzr_kv *kv, const char *want)
{
	VZR_AUTO_BUF struct vzr_buf buf = { 0 };

	assert_int_equal(vzr_kv_emit(kv, &buf), 0);
	assert_string_equal(vzr_buf_cstr(&buf), want);
}

static void test_set_keeps_the_rest(void **state)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	struct vzr_error err = { 0 };

	(void)state;
	assert_ok(parse("# licence\n A=\"1\" # one\nnonsense\nA=2\nB='3'\nA=\"4\"", 0, &kv, &err),
		  &err);
	check_emit(&kv, "# licence\n A=\"1\" # one\nnonsense\nA=2\nB='3'\nA=\"4\"\n");
	assert_ok(vzr_kv_set(&kv, "A", "9:9", &err), &err);
	assert_ok(vzr_kv_printf(&kv, "C", &err, "%d:%d", 1, 2), &err);
	check_emit(&kv, "# licence\nA=\"9:9\"\nnonsense\nB='3'\nC=\"1:2\"\n");
	vzr_kv_unset(&kv, "B");
	vzr_kv_unset(&kv, "absent");
	check_emit(&kv, "# licence\nA=\"9:9\"\nnonsense\nC=\"1:2\"\n");
}

static void test_duplicates(void **state)
{
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	struct vzr_error err = { 0 };

	(void)state;
	assert_ok(parse("A=1\n#A=5\nB=2\nA=3\nB=4\nA=6\n", 0, &kv, &err), &err);
	vzr_kv_drop_duplicates(&kv);
	check_emit(&kv, "A=1\n#A=5\nB=2\n");
}

/* What cannot stand in a file that shells source is refused, and nothing changes. */
static void test_values(void **state)
{
	static const char *const bad[] = { "a\"b",	"a`id`",  "a\\b",   "a\nb",    "a\tb",
					   "$(id)",	"$HOME",  "$VEIDX", "$VEID_1", "${VEIDX}",
					   "${VEID",	"a$",	  "\x7f",   "x\"\nVE_PRIVATE=\"/" };
	static const char *const good[] = { "",
					    "a b",
					    "/vz/root/$VEID",
					    "/vz/root/${VEID}",
					    "$VEID/x",
					    "a'b",
					    "a&<b>;|",
					    "\xc3\xa4",
					    "#" };
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	struct vzr_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_error(vzr_kv_set(&kv, "KEY", bad[i], &err), -VZR_E_INPUT, &err,
			     "KEY cannot be '");
	assert_int_equal(kv.count, 0);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		VZR_AUTO_BUF struct vzr_buf buf = { 0 };
		VZR_AUTO_KV struct vzr_kv again = { 0 };

		assert_ok(vzr_kv_set(&kv, "KEY", good[i], &err), &err);
		assert_int_equal(vzr_kv_emit(&kv, &buf), 0);
		assert_ok(vzr_kv_parse(buf.data, buf.len, VZR_KV_STRICT, &again, &err), &err);
		assert_string_equal(vzr_kv_get(&again, "KEY"), good[i]);
	}
}

static void comments(void **state)
{
	static const char text[] = "#UUID: a\nA=\"1\"\n # UUID: b\n#UUID: c\n";
	VZR_AUTO_KV struct vzr_kv kv = { 0 };
	VZR_AUTO_BUF struct vzr_buf buf = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;

	(void)state;
	assert_ok(vzr_kv_parse(text, strlen(text), 0, &kv, &err), &err);
	vzr_kv_drop_comments(&kv, "#UUID:");
	assert_ok(vzr_kv_comment(&kv, "#UUID: d", &err), &err);
	assert_int_equal(vzr_kv_emit(&kv, &buf), 0);
	assert_string_equal(buf.data, "A=\"1\"\n # UUID: b\n#UUID: d\n");
	assert_error(vzr_kv_comment(&kv, "B=1", &err), -VZR_E_INPUT, &err, "not a comment");
	assert_error(vzr_kv_comment(&kv, "#\nB=1", &err), -VZR_E_INPUT, &err, "not a comment");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(comments),
		cmocka_unit_test(test_as_vzctl),
		cmocka_unit_test(test_strict),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_set_keeps_the_rest),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_values),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
