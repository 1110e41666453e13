/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running programs: what they see, what comes back, what cannot get through. */
#include "engine/base/proc.h"

#include "tests/unit/check.h"

#include <signal.h>

static int shell(const char *script, int capture_fd, struct vzr_buf *buf, int *ret_status,
		 struct vzr_error *err)
{
	const char *argv[] = { "/bin/sh", "-c", script, NULL };
	struct vzr_proc proc = { .argv = argv, .capture_fd = capture_fd, .capture = buf };

	return vzr_proc_run(&proc, ret_status, err);
}

static void test_status(void **state)
{
	struct vzr_error err = { 0 };
	int status = -1;

	(void)state;
	assert_ok(shell("exit 0", 0, NULL, &status, &err), &err);
	assert_int_equal(status, 0);
	assert_ok(shell("exit 3", 0, NULL, &status, &err), &err);
	assert_int_equal(status, 3);
	assert_ok(shell("kill -TERM $$", 0, NULL, &status, &err), &err);
	assert_int_equal(status, 128 + SIGTERM);
}

static void test_capture_one_descriptor(void **state)
{
	static const char *const want[] = { NULL, "out\n", "err\n", "three\n" };

	(void)state;
	for (int fd = 1; fd <= 3; fd++) {
		VZR_AUTO_BUF struct vzr_buf buf = { 0 };
		struct vzr_error err = { 0 };
		int status = -1;

		assert_ok(shell("echo out; echo err >&2; echo three >&3", fd, &buf, &status, &err),
			  &err);
		assert_int_equal(status, 0);
		assert_string_equal(vzr_buf_cstr(&buf), want[fd]);
	}
}

static void test_environment_is_clean(void **state)
{
	VZR_AUTO_BUF struct vzr_buf buf = { 0 };
	struct vzr_error err = { 0 };
	int status = -1;

	(void)state;
	setenv("SECRET", "1", 1);
	setenv("LC_ALL", "tr_TR.UTF-8", 1);
	assert_ok(shell("/usr/bin/env | /usr/bin/sort; read x || echo no input", 1, &buf, &status,
			&err),
		  &err);
	assert_null(strstr(buf.data, "SECRET"));
	assert_non_null(strstr(buf.data, "LC_ALL=C\n"));
	assert_non_null(strstr(buf.data, "PATH=/usr/sbin:/usr/bin:/sbin:/bin\n"));
	assert_non_null(strstr(buf.data, "no input"));
	unsetenv("LC_ALL");
}

/* The caller's PATH must not decide which program runs. */
static void test_path_is_fixed(void **state)
{
	const char *argv[] = { "true", NULL };
	struct vzr_proc proc = { .argv = argv };
	struct vzr_error err = { 0 };
	char path[64], *saved = strdup(getenv("PATH"));
	int dir = scratch_open(path), status = -1;

	(void)state;
	put_text(dir, "true", "#!/bin/sh\nexit 66\n");
	assert_int_equal(fchmodat(dir, "true", 0755, 0), 0);
	setenv("PATH", path, 1);
	assert_ok(vzr_proc_run(&proc, &status, &err), &err);
	setenv("PATH", saved, 1);
	assert_int_equal(status, 0);
	free(saved);
	scratch_close(dir, path);
}

static void test_descriptors(void **state)
{
	VZR_AUTO_BUF struct vzr_buf buf = { 0 };
	const char *argv[] = { "/bin/sh", "-c", "cat <&4; ls /proc/$$/fd | tr '\\n' ' '", NULL };
	struct vzr_proc proc = { .argv = argv, .capture_fd = 1, .capture = &buf, .n_inherit = 1 };
	struct vzr_error err = { 0 };
	int status = -1, ends[2], leak = open("/etc/passwd", O_RDONLY); /* not O_CLOEXEC */

	(void)state;
	assert_true(leak >= 0);
	assert_int_equal(pipe(ends), 0);
	assert_int_equal(write(ends[1], "through 4\n", 10), 10);
	close(ends[1]);
	proc.inherit[0] = ends[0];
	assert_ok(vzr_proc_run(&proc, &status, &err), &err);
	close(ends[0]);
	close(leak);
	assert_int_equal(status, 0);
	assert_string_equal(buf.data, "through 4\n0 1 2 3 4 ");
}

static void test_refused(void **state)
{
	VZR_AUTO_BUF struct vzr_buf small = { .max = 100 };
	const char *argv[] = { "no-such-program-here", NULL };
	const char *sleeper[] = { "/bin/sleep", "60", NULL };
	struct vzr_proc proc = { .argv = argv };
	struct vzr_error err = { 0 };
	int status = 42;

	(void)state;
	assert_error(vzr_proc_run(&proc, &status, &err), -VZR_E_UNSUPPORTED, &err,
		     "program no-such-program-here is not installed");
	proc.argv = sleeper;
	proc.timeout_ms = 50;
	assert_error(vzr_proc_run(&proc, &status, &err), -ETIMEDOUT, &err, "/bin/sleep did not");
	/* Endless output ends at the maximum, not at the end of memory. */
	assert_error(shell("while :; do echo yes; done", 1, &small, &status, &err), -VZR_E_LIMIT,
		     &err, "/bin/sh did not end as it should");
	assert_int_equal(status, 42);
}

static void test_blocked_signals(void **state)
{
	struct vzr_error err = { 0 };
	int status = -1;
	sigset_t all, old;

	(void)state;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	assert_ok(shell("kill -INT $$; exit 9", 0, NULL, &status, &err), &err);
	sigprocmask(SIG_SETMASK, &old, NULL);
	assert_int_equal(status, 128 + SIGINT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_capture_one_descriptor),
		cmocka_unit_test(test_environment_is_clean),
		cmocka_unit_test(test_path_is_fixed),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_blocked_signals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
