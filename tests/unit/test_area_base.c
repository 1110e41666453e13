/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Prepared forms: reserves, state files, locks and the manifest of a tree. */
#include "engine/area/base_internal.h"
#include "engine/area/manifest.h"

#include "tests/unit/check.h"

#include <sys/file.h>

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static char path[64];
static int dir;

static int setup(void **state)
{
	(void)state;
	dir = scratch_open(path);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_close(dir, path);
	return 0;
}

static void test_reserve(void **state)
{
	static const struct {
		const char *text;
		uint64_t want; /* UINT64_MAX: refused */
	} rows[] = {
		{ "0", 0 },	     { "10%", 100 },	   { "100%", 1000 },   { "0%", 0 },
		{ "4096", 4096 },    { "101%", UINT64_MAX }, { "", UINT64_MAX },
		{ "%", UINT64_MAX }, { "-1", UINT64_MAX }, { "1 %", UINT64_MAX },
		{ "10%%", UINT64_MAX }, { "99999999999999999999", UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct vzr_error err = VZR_ERROR_INIT;
		uint64_t kib = 7;
		int r = vzr_base_reserve(rows[i].text, 1000, &kib, &err);

		if (rows[i].want == UINT64_MAX) {
			assert_error(r, -VZR_E_CONFIG, &err, "BASE_RESERVE");
			continue;
		}
		assert_ok(r, &err);
		assert_int_equal(kib, rows[i].want);
	}
}

static void test_reserve_of_a_huge_disk(void **state)
{
	uint64_t kib;

	(void)state;
	assert_int_equal(vzr_base_reserve("50%", UINT64_MAX, &kib, NULL), 0);
	assert_int_equal(kib, UINT64_MAX / 2);
}

static void test_state_is_read_back(void **state)
{
	const struct vzr_base_facts facts = { .inodes = 5, .bytes = 6, .kib = 7, .entries = 8,
					      .plain = true, .boot = "b", .manifest = "1 2 3 4" };
	struct vzr_base_facts got = { 0 };
	struct vzr_error err = VZR_ERROR_INIT;
	int form;

	(void)state;
	assert_int_equal(vzr_base_facts_read(dir, HEX, &got, &err), 0);
	assert_int_equal(mkdirat(dir, HEX, 0700), 0);
	form = openat(dir, HEX, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_ok(vzr_base_facts_write(form, HEX, &facts, &err), &err);
	assert_int_equal(vzr_base_facts_read(dir, HEX, &got, &err), 1);
	assert_int_equal(got.inodes, 5);
	assert_int_equal(got.bytes, 6);
	assert_int_equal(got.kib, 7);
	assert_int_equal(got.entries, 8);
	assert_true(got.plain);
	assert_string_equal(got.boot, "b");
	assert_string_equal(got.manifest, "1 2 3 4");
	close(form);
}

static void test_damaged_state(void **state)
{
	static const char *const texts[] = {
		"", "DIGEST=\"" HEX "\"\n", "nonsense",
		"DIGEST=\"ff\"\nINODES=\"1\"\nBYTES=\"1\"\nKIB=\"1\"\nENTRIES=\"1\"\n"
		"XATTRS=\"no\"\nMANIFEST=\"x\"\nBOOT=\"y\"\n",
		"DIGEST=\"" HEX "\"\nINODES=\"-1\"\nBYTES=\"1\"\nKIB=\"1\"\nENTRIES=\"1\"\n"
		"XATTRS=\"no\"\nMANIFEST=\"x\"\nBOOT=\"y\"\n",
	};

	(void)state;
	assert_int_equal(mkdirat(dir, HEX, 0700), 0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct vzr_error err = VZR_ERROR_INIT;
		struct vzr_base_facts got;

		put_text(dir, HEX "/state", texts[i]);
		assert_error(vzr_base_facts_read(dir, HEX, &got, &err), -VZR_E_CONFIG, &err, "");
	}
}

static void test_locks(void **state)
{
	struct vzr_error err = VZR_ERROR_INIT;
	int a = vzr_base_lock(dir, HEX, LOCK_SH, NULL, &err);
	int b = vzr_base_lock(dir, HEX, LOCK_SH | LOCK_NB, NULL, &err), c;

	(void)state;
	assert_ok(a, &err);
	assert_ok(b, &err);
	assert_error(vzr_base_lock(dir, HEX, LOCK_EX | LOCK_NB, NULL, &err), -VZR_E_BUSY, &err,
		     "in use");
	close(a);
	close(b);
	c = vzr_base_lock(dir, HEX, LOCK_EX | LOCK_NB, NULL, &err);
	assert_ok(c, &err);
	/* A name that was taken away is no lock: the next one gets a file of its own. */
	assert_int_equal(unlinkat(dir, HEX ".lock", 0), 0);
	a = vzr_base_lock(dir, HEX, LOCK_EX | LOCK_NB, NULL, &err);
	assert_ok(a, &err);
	close(a);
	close(c);
}

static void test_waiting_ends_with_a_cancellation(void **state)
{
	struct vzr_context ctx = { .cancelled = 1 };
	struct vzr_error err = VZR_ERROR_INIT;
	int a = vzr_base_lock(dir, HEX, LOCK_EX, NULL, &err);

	(void)state;
	assert_ok(a, &err);
	assert_int_equal(vzr_base_lock(dir, HEX, LOCK_SH, &ctx, &err), -VZR_E_CANCELLED);
	close(a);
}

static void manifest(char text[VZR_MANIFEST_TEXT])
{
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_manifest m;

	assert_ok(vzr_manifest_read(dir, NULL, &m, &err), &err);
	vzr_manifest_text(&m, text);
}

/* Each change of what a crash can take is seen, and taking it back is too. */
static void test_manifest(void **state)
{
	static const char *const changes[] = {
		"rm a/x",	     "chmod 600 a/x",	      "truncate -s 1 a/x",
		"touch -d @5 a/x",   "mv a/x a/y",	      "rm a/link",
		"ln -f a/x a/three", "ln -sfn other a/link",  "mkdir a/more",
		"rm -r a",	     "touch -d @7 a",	      "chmod 711 .",
	};
	char before[VZR_MANIFEST_TEXT], after[VZR_MANIFEST_TEXT], command[256];
	const char *const make = "rm -rf a; chmod 700 .; mkdir a a/sub; echo hello > a/x; "
				 "ln a/x a/two; ln -s target a/link; touch -d @9 a/* a .;"
				 "touch -h -d @9 a/link; touch -d @9 a";

	(void)state;
	snprintf(command, sizeof(command), "cd %s && { %s; }", path, make);
	assert_int_equal(system(command), 0);
	manifest(before);
	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		char change[256];

		snprintf(change, sizeof(change), "cd %s && { %s; }", path, changes[i]);
		assert_int_equal(system(change), 0);
		manifest(after);
		if (strcmp(before, after) == 0)
			fail_msg("not seen: %s", changes[i]);
		assert_int_equal(system(command), 0);
		manifest(after);
		assert_string_equal(before, after);
	}
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_reserve),
		TEST(test_reserve_of_a_huge_disk),
		TEST(test_state_is_read_back),
		TEST(test_damaged_state),
		TEST(test_locks),
		TEST(test_waiting_ends_with_a_cancellation),
		TEST(test_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
