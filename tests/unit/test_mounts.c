/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Mount points: escapes of mountinfo, and what is mounted below a directory. */
#include "engine/base/mounts.h"

#include "tests/unit/check.h"

#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>

static void test_escapes(void **state)
{
	static const struct {
		const char *text, *want;
	} rows[] = {
		{ "", "" },		      { "/plain", "/plain" },
		{ "/a\\040b", "/a b" },	      { "\\134\\011\\012", "\\\t\n" },
		{ "/cut\\04", "/cut\\04" },   { "/no\\089", "/no\\089" },
		{ "/end\\", "/end\\" },	      { "\\0401", " 1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[32];

		snprintf(text, sizeof(text), "%s", rows[i].text);
		vzr_mounts_unescape(text);
		assert_string_equal(text, rows[i].want);
	}
}

/* In a mount namespace of its own: nobody else sees it, and it goes with the process. */
static int look(int dir, const char *path)
{
	char inner[128];

	if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return CHECK_SKIP;
	if (vzr_mounts_below(dir) != 0)
		return 1;
	snprintf(inner, sizeof(inner), "%s/a b", path);
	if (mkdir(inner, 0755) < 0 || mount("none", inner, "tmpfs", 0, "size=64k") < 0)
		return CHECK_SKIP;
	if (vzr_mounts_below(dir) != 1)
		return 2;
	snprintf(inner, sizeof(inner), "%s/a", path);
	if (mkdir(inner, 0755) < 0)
		return CHECK_SKIP;
	/* The name of a mount point begins with ours, but it is beside us. */
	dir = open(inner, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return vzr_mounts_below(dir) == 0 ? 0 : 3;
}

static void test_below(void **state)
{
	char path[64];
	int dir = scratch_open(path), status;
	pid_t pid = fork();

	(void)state;
	if (pid == 0)
		_exit(look(dir, path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	scratch_close(dir, path);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == CHECK_SKIP)
		skip();
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escapes),
		cmocka_unit_test(test_below),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
