/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Removal of trees that somebody made hard to remove, and of nothing else. */
#include "engine/base/fd.h"

#include "tests/unit/check.h"

#include <grp.h>
#include <linux/fs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>

static char path[64];
static int dir;

static int setup(void **state)
{
	(void)state;
	dir = scratch_open(path);
	assert_int_equal(mkdirat(dir, "tree", 0755), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	scratch_close(dir, path);
	return 0;
}

static void assert_removed(const char *name)
{
	struct vzr_error err = { 0 };

	assert_ok(vzr_rm_tree(dir, name, &err), &err);
	assert_false(exists(dir, name));
}

static void test_kinds(void **state)
{
	(void)state;
	put_text(dir, "beside", "stays");
	put_text(dir, "tree/file", "x");
	assert_int_equal(linkat(dir, "beside", dir, "tree/hard", 0), 0);
	assert_int_equal(symlinkat("../beside", dir, "tree/link"), 0);
	assert_int_equal(symlinkat("..", dir, "tree/dirlink"), 0);
	assert_int_equal(mkfifoat(dir, "tree/fifo", 0600), 0);
	assert_int_equal(mkdirat(dir, "tree/empty", 0700), 0);
	put_text(dir, "tree/odd\n name\xff", "x");
	for (int i = 0; i < 300; i++) {
		char name[32];

		snprintf(name, sizeof(name), "tree/many%d", i);
		put_text(dir, name, "");
	}
	assert_removed("tree");
	assert_true(exists(dir, "beside"));
	/* Gone already is no error; a file and a link are removed as themselves. */
	assert_removed("tree");
	assert_int_equal(symlinkat("beside", dir, "alink"), 0);
	assert_removed("alink");
	assert_true(exists(dir, "beside"));
	assert_removed("beside");
}

/* Deeper than PATH_MAX and than any limit of descriptors. */
static void test_deep(void **state)
{
	int fd = openat(dir, "tree", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	(void)state;
	for (int i = 0; i < 2000; i++) {
		int next;

		assert_int_equal(mkdirat(fd, "a-name-of-some-length", 0700), 0);
		put_text(fd, "f", "x");
		next = openat(fd, "a-name-of-some-length", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		assert_true(next >= 0);
		close(fd);
		fd = next;
	}
	close(fd);
	assert_removed("tree");
}

static void test_path_as_name(void **state)
{
	struct vzr_error err = { 0 };
	char whole[128];

	(void)state;
	assert_int_equal(mkdirat(dir, "tree/a", 0755), 0);
	put_text(dir, "tree/a/f", "x");
	assert_removed("tree/a");
	snprintf(whole, sizeof(whole), "%s/tree", path);
	assert_ok(vzr_rm_tree(AT_FDCWD, whole, &err), &err);
	assert_false(exists(dir, "tree"));
	assert_ok(vzr_rm_tree(dir, "absent/tree", &err), &err);
	put_text(dir, "file", "x");
	assert_error(vzr_rm_tree(dir, "file/tree", &err), -ENOTDIR, &err,
		     "cannot remove file/tree");
}

static void make_locked_tree(void)
{
	assert_int_equal(mkdirat(dir, "tree/a", 0755), 0);
	assert_int_equal(mkdirat(dir, "tree/a/b", 0755), 0);
	put_text(dir, "tree/a/b/f", "x");
	assert_int_equal(fchmodat(dir, "tree/a/b/f", 0, 0), 0);
	assert_int_equal(fchmodat(dir, "tree/a/b", 0, 0), 0);
	assert_int_equal(fchmodat(dir, "tree/a", 0500, 0), 0);
	assert_int_equal(fchmodat(dir, "tree", 0, 0), 0);
}

static void test_modes(void **state)
{
	(void)state;
	make_locked_tree();
	assert_removed("tree");
}

/* The same as a user whom modes do stop. */
static void test_modes_unprivileged(void **state)
{
	int status;
	pid_t pid;

	(void)state;
	make_locked_tree();
	if (geteuid() == 0) {
		char command[160];

		snprintf(command, sizeof(command), "chown -R 65534:65534 '%s'", path);
		assert_int_equal(system(command), 0);
	}
	pid = fork();
	if (pid == 0) {
		if (geteuid() == 0 && (setgroups(0, NULL) || setgid(65534) || setuid(65534)))
			_exit(2);
		_exit(vzr_rm_tree(dir, "tree", NULL) < 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_false(exists(dir, "tree"));
}

/* 0, or -1 if the file system knows no such flags or we may not set them. */
static int set_flag(const char *name, int flag)
{
	int fd = openat(dir, name, O_RDONLY | O_CLOEXEC), flags = 0, r;

	assert_true(fd >= 0);
	r = ioctl(fd, FS_IOC_GETFLAGS, &flags);
	flags |= flag;
	if (r == 0)
		r = ioctl(fd, FS_IOC_SETFLAGS, &flags);
	close(fd);
	return r;
}

static void test_flags(void **state)
{
	struct stat before, after;

	(void)state;
	assert_int_equal(fchmod(dir, 0755), 0);
	assert_int_equal(mkdirat(dir, "tree/a", 0755), 0);
	put_text(dir, "tree/a/immutable", "x");
	put_text(dir, "tree/a/append", "x");
	if (set_flag("tree/a/immutable", FS_IMMUTABLE_FL) < 0) {
		print_message("no immutable files here: not tested\n");
		return;
	}
	assert_int_equal(set_flag("tree/a/append", FS_APPEND_FL), 0);
	assert_int_equal(set_flag("tree/a", FS_IMMUTABLE_FL), 0);
	assert_int_equal(set_flag("tree", FS_IMMUTABLE_FL), 0);
	assert_int_equal(fstat(dir, &before), 0);
	assert_removed("tree");
	/* The directory that held the tree is not ours: its mode stays. */
	assert_int_equal(fstat(dir, &after), 0);
	assert_int_equal(after.st_mode, before.st_mode);
	put_text(dir, "single", "x");
	assert_int_equal(set_flag("single", FS_IMMUTABLE_FL), 0);
	assert_removed("single");
}

/* In a mount namespace of our own: 0 good, 77 cannot be tried, else what went wrong. */
static int remove_with_mount(bool at_top)
{
	struct vzr_error err = { 0 };
	char from[128], to[128];
	int r;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return CHECK_SKIP;
	/* A descriptor from before belongs to the old namespace and would not see the mount. */
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	snprintf(from, sizeof(from), "%s/other", path);
	snprintf(to, sizeof(to), at_top ? "%s/tree" : "%s/tree/mnt", path);
	if (dir < 0 || mount(from, to, NULL, MS_BIND, NULL) < 0)
		return CHECK_SKIP;
	r = vzr_rm_tree(dir, "tree", &err);
	if (r != -EBUSY)
		return 1;
	if (!strstr(err.msg, "cannot remove tree: Device or resource busy"))
		return 2;
	return exists(dir, "other/precious") ? 0 : 3;
}

/* A bind mount of the same file system has the same device number, and is not ours either. */
static void check_mount(bool at_top)
{
	int status;
	pid_t pid;

	assert_int_equal(mkdirat(dir, "tree/mnt", 0755), 0);
	assert_int_equal(mkdirat(dir, "other", 0755), 0);
	put_text(dir, "other/precious", "x");
	pid = fork();
	if (pid == 0)
		_exit(remove_with_mount(at_top));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHECK_SKIP) {
		print_message("mounts cannot be made here: not tested\n");
		return;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void test_mount_inside(void **state)
{
	(void)state;
	check_mount(false);
}

static void test_mount_at_top(void **state)
{
	(void)state;
	check_mount(true);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_kinds),
		TEST(test_deep),
		TEST(test_path_as_name),
		TEST(test_modes),
		TEST(test_modes_unprivileged),
		TEST(test_flags),
		TEST(test_mount_inside),
		TEST(test_mount_at_top),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
