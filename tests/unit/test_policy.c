/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The policy of unpacking, names of members, and the tally against the limits. */
#include "engine/unpack/policy.h"

#include "engine/base/cleanup.h"
#include "engine/unpack/tally.h"
#include "engine/unpack/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void test_paths(void **state)
{
	static const struct {
		const char *raw;
		int code;
		const char *clean;
		size_t depth;
	} cases[] = {
		{ "a", 0, "a", 1 },
		{ "./a/b/", 0, "a/b", 2 },
		{ "a//b/./c", 0, "a/b/c", 3 },
		{ ".", 0, "", 0 },
		{ "./", 0, "", 0 },
		{ "...", 0, "...", 1 },
		{ "a/..b", 0, "a/..b", 2 },
		{ "", -VZR_E_REFUSED, NULL, 0 },
		{ "/", -VZR_E_REFUSED, NULL, 0 },
		{ "/a", -VZR_E_REFUSED, NULL, 0 },
		{ "..", -VZR_E_REFUSED, NULL, 0 },
		{ "a/../b", -VZR_E_REFUSED, NULL, 0 },
		{ "a/..", -VZR_E_REFUSED, NULL, 0 },
		{ "./../a", -VZR_E_REFUSED, NULL, 0 },
		{ "a/b/c/d/e", -VZR_E_LIMIT, NULL, 0 },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(cases); i++) {
		char out[VZR_MEMBER_PATH_MAX + 1];
		struct vzr_error err = VZR_ERROR_INIT;
		size_t depth = 0;
		bool slash;
		int r = vzr_member_set_path(cases[i].raw, 4, out, &depth, &slash, &err);

		if (r != cases[i].code)
			fail_msg("%s: %d %s", cases[i].raw, r, err.msg);
		if (r < 0)
			continue;
		assert_string_equal(out, cases[i].clean);
		assert_int_equal(depth, cases[i].depth);
		assert_int_equal(slash, cases[i].raw[strlen(cases[i].raw) - 1] == '/');
	}
}

static void test_devices(void **state)
{
	static const struct {
		enum vzr_member_type type;
		uint64_t major, minor;
		enum vzr_policy_reason reason;
	} cases[] = {
		{ VZR_MEMBER_CHAR, 1, 3, VZR_LEFT_NOTHING },
		{ VZR_MEMBER_CHAR, 5, 2, VZR_LEFT_NOTHING },
		{ VZR_MEMBER_CHAR, 1, 1, VZR_LEFT_CHAR_DEVICE },
		{ VZR_MEMBER_CHAR, 1, 2, VZR_LEFT_CHAR_DEVICE },
		{ VZR_MEMBER_CHAR, 4, 0, VZR_LEFT_CHAR_DEVICE },
		{ VZR_MEMBER_CHAR, (1ull << 32) + 1, 3, VZR_LEFT_CHAR_DEVICE },
		{ VZR_MEMBER_CHAR, 1, (1ull << 32) + 3, VZR_LEFT_CHAR_DEVICE },
		{ VZR_MEMBER_BLOCK, 1, 3, VZR_LEFT_BLOCK_DEVICE },
		{ VZR_MEMBER_SOCKET, 0, 0, VZR_LEFT_SOCKET },
		{ VZR_MEMBER_FIFO, 0, 0, VZR_LEFT_NOTHING },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(cases); i++)
		assert_int_equal(
			vzr_policy_member(cases[i].type, cases[i].major, cases[i].minor),
			cases[i].reason);
}

static void test_attributes(void **state)
{
	static const struct {
		const char *name;
		enum vzr_member_type type;
		enum vzr_policy_reason reason;
	} cases[] = {
		{ "user.x", VZR_MEMBER_FILE, VZR_LEFT_NOTHING },
		{ "user.x", VZR_MEMBER_DIR, VZR_LEFT_NOTHING },
		{ "user.x", VZR_MEMBER_SYMLINK, VZR_LEFT_NOT_A_FILE },
		{ "user.overlay.opaque", VZR_MEMBER_DIR, VZR_LEFT_OVERLAY },
		{ "security.capability", VZR_MEMBER_FILE, VZR_LEFT_NOTHING },
		{ "security.capability", VZR_MEMBER_DIR, VZR_LEFT_NOT_A_FILE },
		{ "security.capabilityx", VZR_MEMBER_FILE, VZR_LEFT_SECURITY },
		{ "security.selinux", VZR_MEMBER_FILE, VZR_LEFT_LSM },
		{ "security.SMACK64EXEC", VZR_MEMBER_FILE, VZR_LEFT_LSM },
		{ "security.ima", VZR_MEMBER_FILE, VZR_LEFT_SECURITY },
		{ "trusted.overlay.opaque", VZR_MEMBER_DIR, VZR_LEFT_OVERLAY },
		{ "trusted.x", VZR_MEMBER_FILE, VZR_LEFT_TRUSTED },
		{ "system.nfs4_acl", VZR_MEMBER_FILE, VZR_LEFT_SYSTEM },
		{ "USER.x", VZR_MEMBER_FILE, VZR_LEFT_OTHER_XATTR },
		{ "x", VZR_MEMBER_FILE, VZR_LEFT_OTHER_XATTR },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(cases); i++)
		assert_int_equal(vzr_policy_xattr(cases[i].name, cases[i].type), cases[i].reason);
}

static void test_tally(void **state)
{
	const struct vzr_unpack_limits limits = { .kib = 12, .inodes = 3, .bytes = 100 };
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_tally tally;

	(void)state;
	vzr_tally_init(&tally, &limits);
	assert_int_equal(tally.inodes, 1);
	assert_int_equal(vzr_tally_inode(&tally, 4, &err), 0);
	assert_int_equal(vzr_tally_inode(&tally, 8, &err), -VZR_E_OVER_QUOTA);
	assert_non_null(strstr(err.msg, "12 KiB"));
	assert_int_equal(tally.inodes, 2);
	assert_int_equal(vzr_tally_inode(&tally, 0, &err), 0);
	assert_int_equal(vzr_tally_inode(&tally, 0, &err), -VZR_E_OVER_QUOTA);
	assert_non_null(strstr(err.msg, "3 inodes"));
	assert_int_equal(vzr_tally_bytes(&tally, 100, &err), 0);
	assert_int_equal(vzr_tally_bytes(&tally, 1, &err), -VZR_E_LIMIT);
	assert_int_equal(vzr_tally_bytes(&tally, UINT64_MAX, &err), -VZR_E_LIMIT);
	assert_int_equal(vzr_tally_room(&tally, UINT64_MAX, &err), -VZR_E_OVER_QUOTA);
	vzr_tally_drop(&tally, 4, 50);
	assert_int_equal(vzr_tally_inode(&tally, 8, &err), 0);
	assert_int_equal(vzr_tally_bytes(&tally, 50, &err), 0);
	assert_int_equal(vzr_tally_blocks_kib(0), 0);
	assert_int_equal(vzr_tally_blocks_kib(1), 4);
	assert_int_equal(vzr_tally_blocks_kib(4096), 4);
	assert_int_equal(vzr_tally_blocks_kib(4097), 8);
}

static void test_long_names_keep_their_ends(void **state)
{
	char name[500], out[VZR_BRIEF];

	(void)state;
	memset(name, 'x', sizeof(name));
	memcpy(name, "begin", 5);
	memcpy(name + sizeof(name) - 4, "end", 4);
	vzr_brief(name, out);
	assert_int_equal(strncmp(out, "begin", 5), 0);
	assert_non_null(strstr(out, "..."));
	assert_string_equal(out + strlen(out) - 3, "end");
	assert_string_equal(vzr_brief("short", out), "short");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),	   cmocka_unit_test(test_devices),
		cmocka_unit_test(test_attributes), cmocka_unit_test(test_tally),
		cmocka_unit_test(test_long_names_keep_their_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
