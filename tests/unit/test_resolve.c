/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Path resolution that cannot be led outside: the same table with openat2(2) and without it. */
#include "engine/base/fd.h"

#include "tests/unit/check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char top[64];
static int outside_fd, root;
static bool no_openat2;

/* top/secret is outside; top/root is the root that nothing may leave. */
static int make_tree(void **state)
{
	static const char *const dirs[] = { "root", "root/d", "root/d/e", "root/etc" };
	static const struct {
		const char *target;
		const char *name;
	} links[] = {
		{ "file", "to_file" },
		{ "/file", "abs_to_file" },
		{ "d", "to_dir" },
		{ "/d", "abs_to_dir" },
		{ "../secret", "up" },
		{ "../../../../../../../../secret", "far_up" },
		{ "/etc/passwd", "abs_passwd" },
		{ "..", "dotdot" },
		{ "/", "slash" },
		{ "loop", "loop" },
		{ "loop_b", "loop_a" },
		{ "loop_a", "loop_b" },
		{ "nowhere", "dangling" },
		{ "/new/../made", "dangling_new" },
		{ "/proc/self/root/etc/passwd", "magic" },
		{ "d/../file", "through_dotdot" },
		{ "to_dir/e/../in", "chain" },
	};
	char name[32], target[32];

	(void)state;
	outside_fd = scratch_open(top);
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		assert_int_equal(mkdirat(outside_fd, dirs[i], 0755), 0);
	root = openat(outside_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(root >= 0);
	put_text(outside_fd, "secret", "secret");
	put_text(root, "file", "file");
	put_text(root, "d/in", "in");
	put_text(root, "etc/passwd", "guest");
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		assert_int_equal(symlinkat(links[i].target, root, links[i].name), 0);
	/* 40 links in a row are the most that the kernel follows. */
	for (int i = 0; i <= 41; i++) {
		snprintf(name, sizeof(name), "hop%d", i);
		snprintf(target, sizeof(target), "hop%d", i - 1);
		assert_int_equal(symlinkat(i ? target : "file", root, name), 0);
	}
	assert_int_equal(mkfifoat(root, "fifo", 0600), 0);
	return 0;
}

static int remove_tree(void **state)
{
	(void)state;
	close(root);
	scratch_close(outside_fd, top);
	return 0;
}

/* First bytes of what @fd is, or "dir"; closes it. */
static const char *what_is(int fd)
{
	static char text[16];
	struct stat st;
	ssize_t n;

	assert_int_equal(fstat(fd, &st), 0);
	if (S_ISDIR(st.st_mode)) {
		close(fd);
		return "dir";
	}
	n = read(fd, text, sizeof(text) - 1);
	assert_true(n >= 0);
	text[n] = '\0';
	close(fd);
	return text;
}

struct row {
	const char *path;
	int flags;
	int error;	  /* negative, or 0 */
	const char *what; /* when there is no error */
};

static void check_row(const struct row *row, int fd)
{
	if (row->error) {
		if (fd != row->error)
			fail_msg("'%s'%s: %d, not %d", row->path, no_openat2 ? " by walk" : "", fd,
				 row->error);
		return;
	}
	if (fd < 0)
		fail_msg("'%s'%s: %s", row->path, no_openat2 ? " by walk" : "", strerror(-fd));
	assert_string_equal(what_is(fd), row->what);
}

static void test_in_root(void **state)
{
	static const struct row rows[] = {
		{ "/", O_RDONLY, 0, "dir" },
		{ ".", O_RDONLY, 0, "dir" },
		{ "", O_RDONLY, -ENOENT, NULL },
		{ "file", O_RDONLY, 0, "file" },
		{ "/file", O_RDONLY, 0, "file" },
		{ "//.//file", O_RDONLY, 0, "file" },
		{ "../file", O_RDONLY, 0, "file" }, /* ".." of the root is the root */
		{ "../../secret", O_RDONLY, -ENOENT, NULL },
		{ "d/../../secret", O_RDONLY, -ENOENT, NULL },
		{ "d/e/../in", O_RDONLY, 0, "in" },
		{ "d/..", O_RDONLY, 0, "dir" },
		{ "to_file", O_RDONLY, 0, "file" },
		{ "abs_to_file", O_RDONLY, 0, "file" },
		{ "to_dir/in", O_RDONLY, 0, "in" },
		{ "abs_to_dir/e/../in", O_RDONLY, 0, "in" },
		{ "to_dir", O_RDONLY | O_DIRECTORY, 0, "dir" },
		{ "up", O_RDONLY, -ENOENT, NULL },
		{ "far_up", O_RDONLY, -ENOENT, NULL },
		{ "abs_passwd", O_RDONLY, 0, "guest" },
		{ "dotdot/file", O_RDONLY, 0, "file" },
		{ "slash/slash/slash/file", O_RDONLY, 0, "file" },
		{ "loop", O_RDONLY, -ELOOP, NULL },
		{ "loop_a", O_RDONLY, -ELOOP, NULL },
		{ "loop_a/x", O_RDONLY, -ELOOP, NULL },
		{ "dangling", O_RDONLY, -ENOENT, NULL },
		{ "through_dotdot", O_RDONLY, 0, "file" },
		{ "chain", O_RDONLY, 0, "in" },
		{ "hop39", O_RDONLY, 0, "file" },
		{ "hop40", O_RDONLY, -ELOOP, NULL },
		{ "to_file", O_RDONLY | O_NOFOLLOW, -ELOOP, NULL },
		{ "to_file/", O_RDONLY, -ENOTDIR, NULL },
		{ "file/x", O_RDONLY, -ENOTDIR, NULL },
		{ "file/..", O_RDONLY, -ENOTDIR, NULL },
		{ "d/", O_RDONLY, 0, "dir" },
		{ "to_dir/", O_RDONLY, 0, "dir" },
		{ "file", O_RDONLY | O_DIRECTORY, -ENOTDIR, NULL },
		{ "absent/x", O_RDONLY, -ENOENT, NULL },
		{ "magic", O_RDONLY, -ENOENT, NULL },
		{ "to_file", O_WRONLY | O_CREAT | O_EXCL, -EEXIST, NULL },
		{ "dangling", O_WRONLY | O_CREAT | O_EXCL, -EEXIST, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i], vzr_open_in_root(root, rows[i].path, rows[i].flags, 0600));
}

static void test_beneath(void **state)
{
	static const struct row rows[] = {
		{ "file", O_RDONLY, 0, "file" },
		{ "d/e/../in", O_RDONLY, 0, "in" },
		{ ".", O_RDONLY, 0, "dir" },
		{ "d//./in", O_RDONLY, 0, "in" },
		{ "", O_RDONLY, -ENOENT, NULL },
		{ "/file", O_RDONLY, -EXDEV, NULL },
		{ "..", O_RDONLY, -EXDEV, NULL },
		{ "../secret", O_RDONLY, -EXDEV, NULL },
		{ "d/../../secret", O_RDONLY, -EXDEV, NULL },
		{ "to_file", O_RDONLY, -ELOOP, NULL },
		{ "to_file", O_PATH, -ELOOP, NULL },
		{ "to_dir", O_RDONLY | O_DIRECTORY, -ELOOP, NULL },
		{ "to_dir/in", O_RDONLY, -ELOOP, NULL },
		{ "abs_to_dir/in", O_RDONLY, -ELOOP, NULL },
		{ "up", O_RDONLY, -ELOOP, NULL },
		{ "dotdot/secret", O_RDONLY, -ELOOP, NULL },
		{ "loop", O_RDONLY, -ELOOP, NULL },
		{ "magic", O_RDONLY, -ELOOP, NULL },
		{ "dangling", O_WRONLY | O_CREAT, -ELOOP, NULL },
		{ "file/x", O_RDONLY, -ENOTDIR, NULL },
		{ "absent", O_RDONLY, -ENOENT, NULL },
		{ "fifo", O_RDONLY | O_NONBLOCK, 0, "" },
	};
	struct stat st;
	int fd;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		check_row(&rows[i], vzr_open_beneath(root, rows[i].path, rows[i].flags, 0600));
	/* The link itself can be looked at. */
	fd = vzr_open_beneath(root, "to_file", O_PATH | O_NOFOLLOW, 0);
	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	close(fd);
}

static void test_create(void **state)
{
	struct stat st;
	int fd = vzr_open_beneath(root, "d/made", O_WRONLY | O_CREAT | O_EXCL, 0640);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	close(fd);
	/* A dangling link of the administrator's makes its target, inside. */
	assert_int_equal(mkdirat(root, "new", 0755), 0);
	fd = vzr_open_in_root(root, "dangling_new", O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_true(exists(root, "made"));
	assert_int_equal(unlinkat(root, "made", 0), 0);
	assert_int_equal(unlinkat(root, "new", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(root, "d/made", 0), 0);
}

static void test_long(void **state)
{
	char path[5000];

	(void)state;
	memset(path, 'n', 300);
	path[300] = '\0';
	assert_int_equal(vzr_open_in_root(root, path, O_RDONLY, 0), -ENAMETOOLONG);
	assert_int_equal(vzr_open_beneath(root, path, O_RDONLY, 0), -ENAMETOOLONG);
	for (size_t i = 0; i + 2 < sizeof(path); i += 2)
		memcpy(path + i, "./", 3);
	assert_int_equal(vzr_open_in_root(root, path, O_RDONLY, 0), -ENAMETOOLONG);
	assert_int_equal(vzr_open_beneath(root, path, O_RDONLY, 0), -ENAMETOOLONG);
}

static void test_mkdirs(void **state)
{
	static const char *const paths[] = { "/m/a/b", "m//a///b/", "/m/./a/./b", "to_dir/m/x" };
	struct vzr_error err = { 0 };

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		int fd = vzr_mkdirs_in_root(root, paths[i], 0755, &err);

		assert_ok(fd, &err);
		close(fd);
		/* Again: it is there. */
		fd = vzr_mkdirs_in_root(root, paths[i], 0755, &err);
		assert_ok(fd, &err);
		close(fd);
		if (i < 3) {
			assert_int_equal(unlinkat(root, "m/a/b", AT_REMOVEDIR), 0);
			assert_int_equal(unlinkat(root, "m/a", AT_REMOVEDIR), 0);
			assert_int_equal(unlinkat(root, "m", AT_REMOVEDIR), 0);
		}
	}
	assert_true(exists(root, "d/m/x"));
	assert_int_equal(unlinkat(root, "d/m/x", AT_REMOVEDIR), 0);
	assert_int_equal(unlinkat(root, "d/m", AT_REMOVEDIR), 0);
	assert_error(vzr_mkdirs_in_root(root, "/file/x", 0755, &err), -ENOTDIR, &err, "/file/x");
	assert_error(vzr_mkdirs_in_root(root, "", 0755, &err), -ENOENT, &err, "");
	/* A link upwards stays inside: the directory is made in the root, not beside it. */
	assert_int_equal(symlinkat("../../esc", root, "esc_link"), 0);
	(void)!vzr_mkdirs_in_root(root, "/esc_link/x", 0755, NULL);
	assert_false(exists(outside_fd, "esc"));
	(void)unlinkat(root, "esc/x", AT_REMOVEDIR);
	(void)unlinkat(root, "esc", AT_REMOVEDIR);
	assert_int_equal(unlinkat(root, "esc_link", 0), 0);
}

static void test_parent(void **state)
{
	static const char *const refused[] = { "", "/", "d/", "d/.", "..", "d/.." };
	const char *name = NULL;
	int fd = vzr_open_parent_in_root(root, "/to_dir/in", &name);

	(void)state;
	assert_true(fd >= 0);
	assert_string_equal(name, "in");
	assert_true(exists(fd, "in"));
	close(fd);
	fd = vzr_open_parent_in_root(root, "file", &name);
	assert_true(fd >= 0);
	assert_string_equal(name, "file");
	close(fd);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		assert_int_equal(vzr_open_parent_in_root(root, refused[i], &name), -EINVAL);
	assert_int_equal(vzr_open_parent_in_root(root, "absent/x", &name), -ENOENT);
}

/* In a child with a mount namespace of its own, so that nothing stays mounted. */
static int cross_mounts(void)
{
	char path[128];
	int fd;

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return CHECK_SKIP;
	/* A descriptor from before belongs to the old namespace and would not see the mount. */
	snprintf(path, sizeof(path), "%s/root", top);
	root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	snprintf(path, sizeof(path), "%s/root/d/e", top);
	if (root < 0 || mount(top, path, NULL, MS_BIND, NULL) < 0)
		return CHECK_SKIP;
	fd = vzr_open_beneath(root, "d/e", O_RDONLY | O_DIRECTORY, 0);
	if (fd != -EXDEV)
		return 1;
	fd = vzr_open_beneath(root, "d/e/secret", O_RDONLY, 0);
	if (fd != -EXDEV)
		return 2;
	/* The administrator's own mounts are where they want them. */
	fd = vzr_open_in_root(root, "d/e/secret", O_RDONLY, 0);
	return fd >= 0 ? 0 : 3;
}

static void test_mounts(void **state)
{
	int status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(cross_mounts());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHECK_SKIP) {
		print_message("mounts cannot be made here: not tested\n");
		return;
	}
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* From here on openat2(2) is as on a kernel that does not have it. */
static void hide_openat2(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = 4, .filter = code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) < 0) {
		fprintf(stderr, "seccomp filters are not possible here\n");
		exit(CHECK_SKIP);
	}
	no_openat2 = true;
}

static void test_is_hidden(void **state)
{
	(void)state;
	assert_int_equal(syscall(SYS_openat2, root, "file", NULL, 0), -1);
	assert_int_equal(errno, ENOSYS);
}

#define TABLE                                                                                      \
	cmocka_unit_test(test_in_root), cmocka_unit_test(test_beneath),                            \
		cmocka_unit_test(test_create), cmocka_unit_test(test_long),                        \
		cmocka_unit_test(test_mkdirs), cmocka_unit_test(test_parent),                      \
		cmocka_unit_test(test_mounts)

int main(void)
{
	const struct CMUnitTest openat2_tests[] = { TABLE };
	const struct CMUnitTest walk_tests[] = { cmocka_unit_test(test_is_hidden), TABLE };
	int failed = cmocka_run_group_tests_name("openat2", openat2_tests, make_tree, remove_tree);

	hide_openat2();
	failed += cmocka_run_group_tests_name("walk", walk_tests, make_tree, remove_tree);
	return failed;
}
