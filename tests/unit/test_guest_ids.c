/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A guest's own names and owners, with files that lie, hang or do not end. */
#include "tests/unit/guest.h"

static void parse_ids(void **state)
{
	static const char passwd[] = "#bob:x:1:1:::\n"
				     "bob:x:abc:1:::\n"	     /* no number: not a line */
				     "bob:x:4294967295:1:::\n" /* -1: not an id */
				     "bob:x:5:1\n"	     /* too short */
				     "bob:x:1000:1000:Bob:/home/bob:/bin/sh\n"
				     "bob:x:0:0:::\n"
				     "bobby:x:7:7:::\n"
				     "last:x:4294967294:7:::/x";
	static const char group[] = "wheel:x:10:root,bob\nshort:x:11\nempty:x:12:\n";
	static const struct {
		const char *name;
		bool is_group;
		int code;
		uint32_t id;
	} rows[] = {
		{ "bob", false, 0, 1000 },
		{ "bobby", false, 0, 7 },
		{ "last", false, 0, 4294967294u },
		{ "bo", false, -VZR_E_NOT_FOUND, 0 },
		{ "wheel", true, 0, 10 },
		{ "empty", true, 0, 12 },
		{ "short", true, -VZR_E_NOT_FOUND, 0 },
		{ "root", true, -VZR_E_NOT_FOUND, 0 },
	};

	(void)state;
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		const char *text = rows[i].is_group ? group : passwd;
		uint32_t id = 0;

		assert_int_equal(vzr_guest_parse_id(text, strlen(text), rows[i].name,
						    rows[i].is_group, &id),
				 rows[i].code);
		assert_int_equal(id, rows[i].id);
	}
}

static void find_ids(void **state)
{
	struct guest *g = *state;
	struct vzr_error err = VZR_ERROR_INIT;
	uint32_t id = 1;

	put_text(g->root, "etc/passwd", "root:x:0:0:::\nbob:x:1000:1000:::\n");
	assert_ok(vzr_guest_find_id(g->root, "bob", false, &id, &err), &err);
	assert_int_equal(id, 1000);
	assert_ok(vzr_guest_find_id(g->root, "4294967294", false, &id, &err), &err);
	assert_int_equal(id, 4294967294u);
	assert_error(vzr_guest_find_id(g->root, "4294967295", false, &id, &err), -VZR_E_INPUT,
		     &err, "user id 4294967295 is above 4294967294");
	assert_error(vzr_guest_find_id(g->root, "alice", false, &id, &err), -VZR_E_NOT_FOUND, &err,
		     "cannot limit user 'alice': the template's /etc/passwd has no user 'alice'");
	assert_error(vzr_guest_find_id(g->root, "wheel", true, &id, &err), -VZR_E_NOT_FOUND, &err,
		     "the template has no /etc/group");
	assert_error(vzr_guest_find_id(g->root, "", false, &id, &err), -VZR_E_INPUT, &err,
		     "is no name of a user");
	assert_error(vzr_guest_find_id(g->root, "a:b", false, &id, &err), -VZR_E_INPUT, &err,
		     "is no name of a user");
}

static void find_ids_hostile(void **state)
{
	struct guest *g = *state;
	struct vzr_error err = VZR_ERROR_INIT;
	uint32_t id = 1;
	int fd;

	/* Inside the guest a link may lead to the file; "/" is the guest's. */
	make_dir(g, "usr");
	put_text(g->root, "usr/passwd", "bob:x:5:5:::\n");
	put_text(g->outside, "passwd", "bob:x:666:666:::\n");
	assert_int_equal(symlinkat("/usr/passwd", g->root, "etc/passwd"), 0);
	assert_ok(vzr_guest_find_id(g->root, "bob", false, &id, &err), &err);
	assert_int_equal(id, 5);
	assert_int_equal(unlinkat(g->root, "etc/passwd", 0), 0);
	assert_int_equal(symlinkat("../../passwd", g->root, "etc/passwd"), 0);
	assert_error(vzr_guest_find_id(g->root, "bob", false, &id, &err), -VZR_E_NOT_FOUND, &err,
		     "the template has no /etc/passwd");
	assert_int_equal(unlinkat(g->root, "etc/passwd", 0), 0);
	assert_int_equal(mkfifoat(g->root, "etc/passwd", 0644), 0);
	assert_error(vzr_guest_find_id(g->root, "bob", false, &id, &err), -VZR_E_INPUT, &err,
		     "is no regular file");
	assert_int_equal(unlinkat(g->root, "etc/passwd", 0), 0);
	fd = openat(g->root, "etc/passwd", O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0);
	close(fd);
	assert_error(vzr_guest_find_id(g->root, "bob", false, &id, &err), -VZR_E_LIMIT, &err,
		     "larger than 1048576 bytes");
	assert_int_equal(unlinkat(g->root, "etc/passwd", 0), 0);
	assert_int_equal(symlinkat("passwd", g->root, "etc/passwd"), 0);
	assert_error(vzr_guest_find_id(g->root, "bob", false, &id, &err), -ELOOP, &err,
		     "cannot open");
}

/* ---- owners ---- */

static void owners(void **state)
{
	struct guest *g = *state;
	struct vzr_error err = VZR_ERROR_INIT;
	uint64_t count = 0;

	if (geteuid() != 0)
		skip();
	assert_ok(vzr_guest_count_owners(g->root, &count, &err), &err);
	assert_int_equal(count, 2);
	make_dir(g, "etc/a");
	put_text(g->root, "etc/a/one", "");
	put_text(g->root, "etc/a/two", "");
	assert_int_equal(symlinkat("/nowhere", g->root, "etc/a/link"), 0);
	assert_int_equal(fchownat(g->root, "etc/a/one", 1000, 100, 0), 0);
	assert_int_equal(fchownat(g->root, "etc/a/two", 1000, 1000, 0), 0);
	assert_int_equal(fchownat(g->root, "etc/a/link", 4294967294u, 0, AT_SYMLINK_NOFOLLOW), 0);
	/* uids 0, 1000, 2^32-2; gids 0, 100, 1000 */
	assert_ok(vzr_guest_count_owners(g->root, &count, &err), &err);
	assert_int_equal(count, 6);
}

static void many_owners(void **state)
{
	struct guest *g = *state;
	struct vzr_error err = VZR_ERROR_INIT;
	uint64_t count = 0;

	if (geteuid() != 0)
		skip();
	for (unsigned int i = 0; i < 1000; i++) {
		char name[32];

		snprintf(name, sizeof(name), "etc/%u", i);
		put_text(g->root, name, "");
		assert_int_equal(fchownat(g->root, name, 5000 + i, 5000 + i, 0), 0);
	}
	assert_ok(vzr_guest_count_owners(g->root, &count, &err), &err);
	assert_int_equal(count, 2002);
}

static void deep_tree(void **state)
{
	struct guest *g = *state;
	struct vzr_error err = VZR_ERROR_INIT;
	uint64_t count = 0;
	int dir = fcntl(g->root, F_DUPFD_CLOEXEC, 3);

	for (int i = 0; i < 400; i++) {
		int next;

		if (i == 200) {
			assert_ok(vzr_guest_count_owners(g->root, &count, &err), &err);
			assert_int_equal(count, 2);
		}
		assert_int_equal(mkdirat(dir, "d", 0755), 0);
		next = openat(dir, "d", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		close(dir);
		dir = next;
	}
	close(dir);
	assert_error(vzr_guest_count_owners(g->root, &count, &err), -VZR_E_LIMIT, &err,
		     "too deep");
}

int main(void)
{
#define IN_GUEST(test) cmocka_unit_test_setup_teardown(test, guest_open, guest_close)
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parse_ids),
		IN_GUEST(find_ids),
		IN_GUEST(find_ids_hostile),
		IN_GUEST(owners),
		IN_GUEST(many_owners),
		IN_GUEST(deep_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
