/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Reading, publishing, locking and free space, relative to a directory descriptor. */
#include "engine/base/fd.h"

#include "engine/base/time.h"
#include "tests/unit/check.h"

#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>

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

static void assert_file(const char *name, const char *text, mode_t mode)
{
	VZR_AUTO_BUF struct vzr_buf buf = { 0 };
	struct vzr_error err = { 0 };
	struct stat st;

	assert_ok(vzr_file_read(dir, name, &buf, &err), &err);
	assert_string_equal(vzr_buf_cstr(&buf), text);
	assert_int_equal(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW), 0);
	assert_int_equal(st.st_mode & 07777, mode);
}

/* Every size around the maximum: all that fits is read, nothing that does not. */
static void test_read_maximum(void **state)
{
	static const size_t maxima[] = { 1, 10, 4095, 4096, 5000, 65536, 70000, 131072 };
	char *data = malloc(140000);

	(void)state;
	memset(data, 'x', 140000);
	for (size_t i = 0; i < sizeof(maxima) / sizeof(maxima[0]); i++)
		for (size_t size = maxima[i] - 1; size <= maxima[i] + 1; size++) {
			VZR_AUTO_BUF struct vzr_buf buf = { .max = maxima[i] };
			struct vzr_error err = { 0 };
			int r;

			assert_ok(vzr_file_put(dir, "f", data, size, 0600, VZR_PUT_NO_SYNC, &err),
				  &err);
			r = vzr_file_read(dir, "f", &buf, &err);
			if (size > maxima[i]) {
				assert_error(r, -VZR_E_LIMIT, &err, "f: larger than ");
			} else {
				assert_ok(r, &err);
				assert_int_equal(buf.len, size);
				assert_true(size == 0 || buf.data[size - 1] == 'x');
			}
		}
	free(data);
}

static void test_read_only_regular_files(void **state)
{
	VZR_AUTO_BUF struct vzr_buf buf = { 0 };
	struct vzr_error err = { 0 };

	(void)state;
	put_text(dir, "file", "x");
	assert_int_equal(symlinkat("file", dir, "link"), 0);
	assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
	assert_int_equal(mkdirat(dir, "sub", 0700), 0);
	assert_error(vzr_file_read(dir, "link", &buf, &err), -ELOOP, &err, "cannot open link");
	assert_error(vzr_file_read(dir, "fifo", &buf, &err), -VZR_E_INPUT, &err,
		     "fifo is not a regular file");
	assert_error(vzr_file_read(dir, "sub", &buf, &err), -VZR_E_INPUT, &err,
		     "sub is not a regular file");
	assert_error(vzr_file_read(dir, "absent", &buf, &err), -ENOENT, &err,
		     "cannot open absent: No such file");
	assert_int_equal(buf.len, 0);
}

static void test_put(void **state)
{
	struct vzr_error err = { 0 };
	mode_t old = umask(0777);

	(void)state;
	assert_ok(vzr_file_put(dir, "a", "one", 3, 0644, VZR_PUT_NEW, &err), &err);
	assert_file("a", "one", 0644);
	assert_error(vzr_file_put(dir, "a", "two", 3, 0644, VZR_PUT_NEW, &err), -EEXIST, &err,
		     "cannot write a: File exists");
	assert_file("a", "one", 0644);
	assert_ok(vzr_file_put(dir, "a", "two", 3, 0600, 0, &err), &err);
	assert_file("a", "two", 0600);
	assert_ok(vzr_file_put(dir, "b", "", 0, 0600, VZR_PUT_NO_SYNC, &err), &err);
	assert_file("b", "", 0600);
	umask(old);
	assert_false(exists(dir, ".a.vzroot-tmp"));
	assert_error(vzr_file_put(dir, "absent/x", "1", 1, 0600, 0, &err), -ENOENT, &err,
		     "cannot write absent/x");
}

/* A link under the name, or left under the temporary name, is replaced and never followed. */
static void test_put_does_not_follow(void **state)
{
	struct vzr_error err = { 0 };

	(void)state;
	put_text(dir, "victim", "safe");
	assert_int_equal(symlinkat("victim", dir, "name"), 0);
	assert_int_equal(symlinkat("victim", dir, ".name.vzroot-tmp"), 0);
	assert_error(vzr_file_put(dir, "name", "x", 1, 0600, VZR_PUT_NEW, &err), -EEXIST, &err,
		     "File exists");
	assert_ok(vzr_file_put(dir, "name", "new", 3, 0600, 0, &err), &err);
	assert_file("name", "new", 0600);
	assert_file("victim", "safe", 0644);
	assert_false(exists(dir, ".name.vzroot-tmp"));
}

/* Many write one name at once, and one died in the middle: whole files, and nothing beside them. */
static void test_put_at_once(void **state)
{
	enum { WRITERS = 8, ROUNDS = 50, SIZE = 5000 };
	VZR_AUTO_BUF struct vzr_buf buf = { 0 };
	struct vzr_error err = { 0 };
	int status;

	(void)state;
	put_text(dir, ".name.vzroot-tmp", "left by the dead");
	for (int i = 0; i < WRITERS; i++) {
		char data[SIZE];

		memset(data, 'a' + i, sizeof(data));
		if (fork() != 0)
			continue;
		for (int round = 0; round < ROUNDS; round++)
			if (vzr_file_put(dir, "name", data, sizeof(data), 0600, VZR_PUT_NO_SYNC,
					 NULL) < 0)
				_exit(1);
		_exit(0);
	}
	for (int i = 0; i < WRITERS; i++) {
		assert_true(wait(&status) > 0);
		assert_int_equal(status, 0);
	}
	assert_ok(vzr_file_read(dir, "name", &buf, &err), &err);
	assert_int_equal(buf.len, SIZE);
	for (size_t i = 1; i < SIZE; i++)
		assert_int_equal(buf.data[i], buf.data[0]);
	assert_false(exists(dir, ".name.vzroot-tmp"));
}

static void test_write_all(void **state)
{
	struct vzr_error err = { 0 };
	VZR_AUTO_BUF struct vzr_buf buf = { .max = 1 << 20 };
	static char data[300000];
	int ends[2], full = open("/dev/full", O_WRONLY | O_CLOEXEC);
	pid_t pid;

	(void)state;
	assert_int_equal(vzr_write_all(full, "x", 1), -ENOSPC);
	assert_int_equal(vzr_write_all(full, "", 0), 0);
	close(full);
	assert_int_equal(vzr_write_all(-1, "x", 1), -EBADF);
	/* Larger than a pipe: the writer meets short writes. */
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		close(ends[0]);
		memset(data, 'q', sizeof(data));
		_exit(vzr_write_all(ends[1], data, sizeof(data)) < 0);
	}
	close(ends[1]);
	assert_ok(vzr_fd_read(ends[0], &buf, &err), &err);
	close(ends[0]);
	assert_int_equal(buf.len, sizeof(data));
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void test_lock(void **state)
{
	struct vzr_error err = { 0 };
	int held, again;

	(void)state;
	held = vzr_lock(dir, "lock", false, &err);
	assert_ok(held, &err);
	assert_error(vzr_lock(dir, "lock", false, &err), -VZR_E_BUSY, &err,
		     "lock is locked by another process");
	close(held);
	again = vzr_lock(dir, "lock", false, &err);
	assert_ok(again, &err);
	close(again);
	assert_int_equal(symlinkat("elsewhere", dir, "link"), 0);
	assert_error(vzr_lock(dir, "link", false, &err), -ELOOP, &err, "cannot open lock link");
	assert_false(exists(dir, "elsewhere"));
}

/* Who waits for a lock whose holder removes the name must end up with the name, not the inode. */
static void test_lock_removed_while_waiting(void **state)
{
	struct vzr_error err = { 0 };
	struct stat mine, named;
	int held = vzr_lock(dir, "lock", false, &err);
	uint64_t begun = vzr_monotonic_us();
	int got, status;
	pid_t pid;

	(void)state;
	assert_ok(held, &err);
	pid = fork();
	if (pid == 0) {
		usleep(100000);
		unlinkat(dir, "lock", 0);
		_exit(flock(held, LOCK_UN) < 0);
	}
	close(held); /* the child's copy of the descriptor holds it now */
	got = vzr_lock(dir, "lock", true, &err);
	assert_ok(got, &err);
	assert_true(vzr_monotonic_us() - begun >= 50000);
	assert_int_equal(fstat(got, &mine), 0);
	assert_int_equal(fstatat(dir, "lock", &named, 0), 0);
	assert_int_equal(mine.st_ino, named.st_ino);
	close(got);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* A lock dies with its holder. */
static void test_lock_of_the_dead(void **state)
{
	struct vzr_error err = { 0 };
	int ready[2], got;
	pid_t pid;
	char c;

	(void)state;
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int fd = vzr_lock(dir, "lock", false, NULL);

		(void)!write(ready[1], fd < 0 ? "n" : "y", 1);
		pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(c, 'y');
	assert_error(vzr_lock(dir, "lock", false, &err), -VZR_E_BUSY, &err, "locked");
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	got = vzr_lock(dir, "lock", false, &err);
	assert_ok(got, &err);
	close(got);
	close(ready[0]);
	close(ready[1]);
}

static void test_free_space(void **state)
{
	struct vzr_error err = { 0 };
	uint64_t kib = 0, inodes = 0;

	(void)state;
	assert_ok(vzr_free_space(dir, &kib, &inodes, &err), &err);
	assert_true(kib > 0 && inodes > 0);
	assert_error(vzr_free_space(-1, &kib, &inodes, &err), -EBADF, &err,
		     "cannot tell the free space");
	assert_int_equal(vzr_fsync_dir(dir), 0);
	assert_int_equal(vzr_fsync_dir(-1), -EBADF);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_read_maximum),
		TEST(test_read_only_regular_files),
		TEST(test_put),
		TEST(test_put_does_not_follow),
		TEST(test_put_at_once),
		TEST(test_write_all),
		TEST(test_lock),
		TEST(test_lock_removed_while_waiting),
		TEST(test_lock_of_the_dead),
		TEST(test_free_space),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
