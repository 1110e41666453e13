/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The journal: what is taken back when a transaction does not come to its commit. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "engine/base/cleanup.h"
#include "engine/base/fd.h"
#include "engine/journal.h"

#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/syscall.h>
#include <sys/wait.h>

struct world {
	char root[64];
	int fd;
	struct vzr_settings *settings;
};

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	strcpy(w->root, "/tmp/vzroot-journal.XXXXXX");
	assert_non_null(mkdtemp(w->root));
	w->fd = open(w->root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(vzr_settings_new(w->root, &w->settings, NULL), 0);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	struct world *w = *state;

	vzr_settings_free(w->settings);
	close(w->fd);
	assert_int_equal(vzr_rm_tree(AT_FDCWD, w->root, NULL), 0);
	free(w);
	return 0;
}

static bool exists(const struct world *w, const char *path)
{
	struct stat st;

	return fstatat(w->fd, path, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static void make_file(const struct world *w, const char *path, const char *text)
{
	int fd = openat(w->fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static void make_dir(const struct world *w, const char *path)
{
	assert_int_equal(mkdirat(w->fd, path, 0755), 0);
}

static unsigned int recover(const struct world *w, const struct vzr_journal_resume *resume)
{
	struct vzr_error err = VZR_ERROR_INIT;
	unsigned int count = 99;

	if (vzr_journal_recover(w->settings, NULL, resume, &count, &err) < 0)
		fail_msg("%s", err.msg);
	return count;
}

static size_t count_journals(const struct world *w)
{
	VZR_AUTO_CLOSEDIR DIR *dir = fdopendir(
		openat(w->fd, "var/lib/vzroot/journal", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	size_t n = 0;

	assert_non_null(dir);
	for (const struct dirent *e; (e = readdir(dir));)
		n += e->d_name[0] != '.';
	return n;
}

/* A transaction that stages a tree, publishes it as /private and writes /conf as its commit. */
static struct vzr_undo *transaction(const struct world *w, bool publish, bool commit)
{
	struct vzr_undo *undo = NULL;
	int tree;

	assert_int_equal(vzr_journal_begin(w->settings, "create", false, &undo, NULL), 0);
	assert_int_equal(vzr_journal_push_staging(undo, "/staged", NULL), 0);
	make_dir(w, "staged");
	make_file(w, "staged/file", "x");
	tree = openat(w->fd, "staged", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_int_equal(vzr_journal_note_tree(undo, tree, NULL), 0);
	close(tree);
	assert_int_equal(vzr_journal_commit_path(undo, "/conf", NULL), 0);
	assert_int_equal(vzr_undo_push(undo, VZR_UNDO_FILE, "/quota", NULL), 0);
	make_file(w, "quota", "x");
	if (publish) {
		assert_int_equal(vzr_undo_push(undo, VZR_UNDO_TREE, "/private", NULL), 0);
		assert_int_equal(renameat(w->fd, "staged", w->fd, "private"), 0);
	}
	if (commit)
		make_file(w, "conf", "x");
	return undo;
}

/* Edits the records as a reboot would: device numbers change (the handle stays, or does not). */
static void edit_and_recover(struct world *w, const char *script)
{
	char command[256];
	unsigned int count;

	vzr_journal_leave(transaction(w, true, false));
	snprintf(command, sizeof(command), "sed -i '%s' %s/var/lib/vzroot/journal/*.journal",
		 script, w->root);
	assert_int_equal(system(command), 0);
	assert_int_equal(vzr_journal_recover(w->settings, NULL, NULL, &count, NULL), 0);
	assert_int_equal(count, 1);
}

static void test_tree_is_known_after_a_reboot(void **state)
{
	struct world *w = *state;

	edit_and_recover(w, "s/^i [0-9]* /i 1 /");
	assert_false(exists(w, "private"));
}

static void test_inode_number_used_again_is_no_proof(void **state)
{
	struct world *w = *state;

	edit_and_recover(w, "s/^\\(i .* [0-9]*:\\).*/\\1ff/");
	assert_true(exists(w, "private"));
}

static void test_tree_without_a_handle(void **state)
{
	struct world *w = *state;

	edit_and_recover(w, "s/^\\(i [0-9]* [0-9]*\\) .*/\\1 -/");
	assert_false(exists(w, "private"));
}

static void test_failure_takes_everything_back(void **state)
{
	struct world *w = *state;

	vzr_journal_end(transaction(w, true, false), NULL);
	assert_false(exists(w, "private"));
	assert_false(exists(w, "staged"));
	assert_false(exists(w, "quota"));
	assert_int_equal(count_journals(w), 0);
}

/* Only the journal itself is nobody else's: other programs live below /var/lib. */
static void test_modes_of_what_is_made(void **state)
{
	static const struct {
		const char *path;
		mode_t mode;
	} rows[] = { { "var", 0755 }, { "var/lib", 0755 }, { "var/lib/vzroot", 0755 },
		     { "var/lib/vzroot/journal", 0700 } };
	struct world *w = *state;
	struct stat st;

	vzr_journal_end(transaction(w, true, true), NULL);
	for (size_t i = 0; i < VZR_COUNT(rows); i++) {
		assert_int_equal(fstatat(w->fd, rows[i].path, &st, 0), 0);
		assert_int_equal(st.st_mode & 07777, rows[i].mode);
	}
}

static void test_commit_keeps_the_container(void **state)
{
	struct world *w = *state;

	vzr_journal_end(transaction(w, true, true), NULL);
	assert_true(exists(w, "private/file"));
	assert_true(exists(w, "quota"));
	assert_true(exists(w, "conf"));
	assert_int_equal(count_journals(w), 0);
}

static void test_living_owner_is_left_alone(void **state)
{
	struct world *w = *state;
	struct vzr_undo *undo = transaction(w, true, false);

	assert_int_equal(recover(w, NULL), 0);
	assert_true(exists(w, "private/file"));
	vzr_journal_end(undo, NULL);
	assert_false(exists(w, "private"));
}

/* Number of the journal that the next transaction of this process will have. */
static unsigned int next_journal(const struct world *w, struct vzr_undo **ret_undo)
{
	VZR_AUTO_CLOSEDIR DIR *dir = NULL;
	const struct dirent *entry;
	unsigned int number = 0;
	int pid = 0;

	assert_int_equal(vzr_journal_begin(w->settings, "create", true, ret_undo, NULL), 0);
	dir = fdopendir(openat(w->fd, "var/lib/vzroot/journal", O_RDONLY | O_DIRECTORY));
	assert_non_null(dir);
	while ((entry = readdir(dir)))
		if (sscanf(entry->d_name, "create-%d-%u.", &pid, &number) == 2)
			break;
	assert_int_equal(pid, getpid());
	return number + 1;
}

/* Who recovers may see a journal before its maker has locked it, and takes it for a dead one's. */
static void test_begin_waits_for_a_recovery(void **state)
{
	struct world *w = *state;
	struct vzr_undo *first = NULL, *second = NULL;
	struct vzr_error err = VZR_ERROR_INIT;
	unsigned int number = next_journal(w, &first);
	char path[96], c;
	int ready[2], status;
	pid_t pid;

	snprintf(path, sizeof(path), "var/lib/vzroot/journal/create-%d-%u.journal", (int)getpid(),
		 number);
	assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	if (pid == 0) {
		int fd = openat(w->fd, path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		if (fd < 0 || flock(fd, LOCK_EX) < 0 || write(ready[1], "x", 1) != 1)
			_exit(1);
		usleep(50000);
		_exit(unlinkat(w->fd, path, 0) < 0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	if (vzr_journal_begin(w->settings, "create", true, &second, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(exists(w, path));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	vzr_journal_end(second, NULL);
	vzr_journal_end(first, NULL);
	close(ready[0]);
	close(ready[1]);
}

static void die_in_transaction(const struct world *w, bool publish, bool commit)
{
	pid_t pid = fork();
	int status;

	assert_true(pid >= 0);
	if (pid == 0) {
		transaction(w, publish, commit);
		kill(getpid(), SIGKILL);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

static void test_dead_owner_is_undone(void **state)
{
	struct world *w = *state;

	die_in_transaction(w, true, false);
	assert_true(exists(w, "private/file"));
	assert_int_equal(recover(w, NULL), 1);
	assert_false(exists(w, "private"));
	assert_false(exists(w, "quota"));
	assert_int_equal(count_journals(w), 0);
	assert_int_equal(recover(w, NULL), 0);
}

static void test_dead_owner_after_commit_is_kept(void **state)
{
	struct world *w = *state;

	die_in_transaction(w, true, true);
	assert_int_equal(recover(w, NULL), 1);
	assert_true(exists(w, "private/file"));
	assert_true(exists(w, "quota"));
	assert_int_equal(count_journals(w), 0);
}

/* Somebody else made the path after we died: its inode is not the one that was staged. */
static void test_foreign_tree_is_not_removed(void **state)
{
	struct world *w = *state;

	die_in_transaction(w, true, false);
	assert_int_equal(renameat(w->fd, "private", w->fd, "elsewhere"), 0);
	make_dir(w, "private");
	make_file(w, "private/theirs", "x");
	assert_int_equal(recover(w, NULL), 1);
	assert_true(exists(w, "private/theirs"));
}

static void test_older_file_is_not_removed(void **state)
{
	struct world *w = *state;
	struct vzr_undo *undo = NULL;

	make_file(w, "old", "x");
	usleep(20000); /* file systems stamp with the tick of the kernel's clock */
	assert_int_equal(vzr_journal_begin(w->settings, "create", false, &undo, NULL), 0);
	assert_int_equal(vzr_undo_push(undo, VZR_UNDO_FILE, "/old", NULL), 0);
	vzr_journal_end(undo, NULL);
	assert_true(exists(w, "old"));
}

static void test_lock_of_another_process_stays(void **state)
{
	struct world *w = *state;
	struct vzr_undo *undo = NULL;
	char mine[32];

	snprintf(mine, sizeof(mine), "%d\n\n", (int)getpid());
	make_file(w, "mine.lck", mine);
	make_file(w, "theirs.lck", "1\n\n");
	assert_int_equal(vzr_journal_begin(w->settings, "create", true, &undo, NULL), 0);
	assert_int_equal(vzr_undo_push(undo, VZR_UNDO_LOCK, "/mine.lck", NULL), 0);
	assert_int_equal(vzr_undo_push(undo, VZR_UNDO_LOCK, "/theirs.lck", NULL), 0);
	vzr_journal_end(undo, NULL);
	assert_false(exists(w, "mine.lck"));
	assert_true(exists(w, "theirs.lck"));
}

static void test_directory_goes_only_when_empty(void **state)
{
	struct world *w = *state;
	struct vzr_undo *undo = NULL;

	assert_int_equal(vzr_journal_begin(w->settings, "create", true, &undo, NULL), 0);
	assert_int_equal(vzr_undo_push(undo, VZR_UNDO_DIRECTORY, "/empty", NULL), 0);
	assert_int_equal(vzr_undo_push(undo, VZR_UNDO_DIRECTORY, "/full", NULL), 0);
	assert_int_equal(vzr_undo_push(undo, VZR_UNDO_DIRECTORY, "/absent/deep", NULL), 0);
	make_dir(w, "empty");
	make_dir(w, "full");
	make_file(w, "full/file", "x");
	vzr_journal_end(undo, NULL);
	assert_false(exists(w, "empty"));
	assert_true(exists(w, "full/file"));
	assert_int_equal(count_journals(w), 0);
}

/* A kill in the middle of a record leaves a cut line, whose act cannot have happened. */
static void test_cut_record_is_skipped(void **state)
{
	struct world *w = *state;

	make_dir(w, "var");
	make_dir(w, "var/lib");
	make_dir(w, "var/lib/vzroot");
	make_dir(w, "var/lib/vzroot/journal");
	make_file(w, "keep", "x");
	make_dir(w, "staged");
	make_file(w, "var/lib/vzroot/journal/create-1-0.journal", "p 1\ns /staged\ns /keep");
	assert_int_equal(recover(w, NULL), 1);
	assert_true(exists(w, "keep"));
	assert_false(exists(w, "staged"));
}

/* The name of the journal whose owner ends it just before somebody else's next flock(2). */
static const char *ends_now;

/* In place of libc's, in this program alone. */
int flock(int fd, int operation)
{
	if (ends_now)
		assert_int_equal(unlink(ends_now), 0);
	ends_now = NULL;
	return (int)syscall(SYS_flock, fd, operation);
}

/* By then the paths of its records may be those of a living transaction. */
static void test_ended_journal_is_left_alone(void **state)
{
	struct world *w = *state;
	char path[256];

	make_dir(w, "var");
	make_dir(w, "var/lib");
	make_dir(w, "var/lib/vzroot");
	make_dir(w, "var/lib/vzroot/journal");
	make_file(w, "var/lib/vzroot/journal/create-1-0.journal", "p 1\ns /staged\n");
	make_dir(w, "staged");
	snprintf(path, sizeof(path), "%s/var/lib/vzroot/journal/create-1-0.journal", w->root);
	ends_now = path;
	assert_int_equal(recover(w, NULL), 0);
	assert_null(ends_now);
	assert_true(exists(w, "staged"));
}

static int note_resume(void *data, const char *text, struct vzr_error *err)
{
	char *out = data;

	(void)err;
	strcpy(out, text);
	return 0;
}

static int refuse_resume(void *data, const char *text, struct vzr_error *err)
{
	(void)data;
	return vzr_fail(err, -EIO, "not now, %s", text);
}

static void test_resume(void **state)
{
	struct world *w = *state;
	char text[32] = "";
	const struct vzr_journal_resume refuse = { .fn = refuse_resume };
	const struct vzr_journal_resume note = { .fn = note_resume, .data = text };
	struct vzr_undo *undo = NULL;
	unsigned int count;

	assert_int_equal(vzr_journal_begin(w->settings, "destroy", false, &undo, NULL), 0);
	assert_int_equal(vzr_journal_push_resume(undo, "101", NULL), 0);
	vzr_journal_leave(undo);
	assert_true(vzr_journal_recover(w->settings, NULL, &refuse, &count, NULL) < 0);
	assert_int_equal(count_journals(w), 1);
	assert_int_equal(recover(w, &note), 1);
	assert_string_equal(text, "101");
	assert_int_equal(count_journals(w), 0);
}

static void test_newline_in_a_path_is_refused(void **state)
{
	struct world *w = *state;
	struct vzr_error err = VZR_ERROR_INIT;
	struct vzr_undo *undo = NULL;

	assert_int_equal(vzr_journal_begin(w->settings, "create", true, &undo, NULL), 0);
	assert_int_equal(vzr_undo_push(undo, VZR_UNDO_FILE, "/a\ns /b", &err), -VZR_E_INPUT);
	assert_non_null(strstr(err.msg, "newline"));
	vzr_journal_end(undo, NULL);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_failure_takes_everything_back),
		TEST(test_modes_of_what_is_made),
		TEST(test_commit_keeps_the_container),
		TEST(test_living_owner_is_left_alone),
		TEST(test_begin_waits_for_a_recovery),
		TEST(test_dead_owner_is_undone),
		TEST(test_dead_owner_after_commit_is_kept),
		TEST(test_foreign_tree_is_not_removed),
		TEST(test_tree_is_known_after_a_reboot),
		TEST(test_inode_number_used_again_is_no_proof),
		TEST(test_tree_without_a_handle),
		TEST(test_older_file_is_not_removed),
		TEST(test_lock_of_another_process_stays),
		TEST(test_directory_goes_only_when_empty),
		TEST(test_cut_record_is_skipped),
		TEST(test_ended_journal_is_left_alone),
		TEST(test_resume),
		TEST(test_newline_in_a_path_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
