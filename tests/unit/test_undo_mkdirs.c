/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Directories that go again when the transaction fails, and only those. */
#include "tests/unit/world.h"

static int make(struct world *w, const char *path)
{
	struct vzr_error err = VZR_ERROR_INIT;
	int fd = vzr_undo_mkdirs(w->undo, w->settings, path, 0755, &err);

	assert_ok(fd, &err);
	close(fd);
	return 0;
}

static void taken_back(void **state)
{
	struct world *w = *state;

	make_dirs(w, "a");
	make(w, "/a/b/c");
	make(w, "//d//e/");
	make(w, "/a");
	make(w, "/");
	put_text(w->fd, "a/b/used", "");
	world_undo(w);
	assert_true(exists(w->fd, "a/b/used"));
	assert_false(exists(w->fd, "a/b/c"));
	assert_false(exists(w->fd, "d"));
}

static void mode_is_exact(void **state)
{
	struct world *w = *state;
	mode_t old = umask(0777);
	struct stat st;

	make(w, "/x/y");
	umask(old);
	assert_int_equal(fstatat(w->fd, "x/y", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_int_equal(fstatat(w->fd, "x", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void links_stay_inside(void **state)
{
	struct world *w = *state;

	/* The administrator's own link, as the root sees it. */
	make_dirs(w, "data");
	assert_int_equal(symlinkat("/data", w->fd, "vz"), 0);
	make(w, "/vz/lock");
	assert_true(exists(w->fd, "data/lock"));
	world_undo(w);
	assert_false(exists(w->fd, "data/lock"));
}

static void refused(void **state)
{
	struct world *w = *state;
	struct vzr_error err = VZR_ERROR_INIT;

	put_text(w->fd, "file", "");
	assert_error(vzr_undo_mkdirs(w->undo, w->settings, "/file/x", 0755, &err), -ENOTDIR, &err,
		     "/file/x");
	assert_int_equal(symlinkat("nowhere", w->fd, "link"), 0);
	assert_error(vzr_undo_mkdirs(w->undo, w->settings, "/link/x", 0755, &err), -ENOENT, &err,
		     "/link/x");
	assert_false(exists(w->fd, "nowhere"));
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)
	const struct CMUnitTest tests[] = {
		IN_WORLD(taken_back),
		IN_WORLD(mode_is_exact),
		IN_WORLD(links_stay_inside),
		IN_WORLD(refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
