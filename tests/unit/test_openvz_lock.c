/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vzctl's lock file: its text, its stale rules with real processes, one winner of many. */
#include "tests/unit/world.h"

#include "engine/handoff/handoff.h"

#include <signal.h>
#include <sys/wait.h>

static const struct vzr_handoff_ops *openvz(void)
{
	const struct vzr_handoff_ops *ops = vzr_handoff_find("openvz");

	assert_non_null(ops);
	return ops;
}

static struct vzr_handoff_job job_of(struct world *w)
{
	return (struct vzr_handoff_job){
		.ctx = &w->ctx,
		.settings = w->settings,
		.ctid = 101,
		.private_path = "/vz/private/101",
		.no_sync = true,
	};
}

static void lock_text(void **state)
{
	struct world *w = *state;
	const struct vzr_handoff_job job = job_of(w);
	struct vzr_error err = VZR_ERROR_INIT;
	struct stat st;
	char want[32];

	assert_ok(openvz()->lock(&job, w->undo, &err), &err);
	snprintf(want, sizeof(want), "%d\n\n", (int)getpid());
	assert_string_equal(text_of(w, "vz/lock/101.lck"), want);
	assert_int_equal(fstatat(w->fd, "vz/lock/101.lck", &st, 0), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	/* Our own is none that another one holds. */
	assert_int_equal(openvz()->running(&job, &err), 0);
	openvz()->unlock(&job);
	assert_false(exists(w->fd, "vz/lock/101.lck"));
	assert_string_equal(w->log, "");
}

static void lock_is_taken_back(void **state)
{
	struct world *w = *state;
	const struct vzr_handoff_job job = job_of(w);
	struct vzr_error err = VZR_ERROR_INIT;

	assert_ok(openvz()->lock(&job, w->undo, &err), &err);
	world_undo(w);
	assert_false(exists(w->fd, "vz/lock/101.lck"));
	assert_false(exists(w->fd, "vz"));
}

/* The id of a process that has just ended. */
static pid_t dead_pid(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	return pid;
}

static void lock_stale(void **state)
{
	enum { N_TEXTS = 5 };
	static const char *const texts[N_TEXTS] = { "", "0\n\n", "garbage\n", "-1\n\n",
					     "99999999999999999999\n\n" };
	struct world *w = *state;
	const struct vzr_handoff_job job = job_of(w);
	char dead[32];

	make_dirs(w, "vz/lock");
	snprintf(dead, sizeof(dead), "%d\nstarting\n", (int)dead_pid());
	for (size_t i = 0; i <= N_TEXTS; i++) {
		struct vzr_error err = VZR_ERROR_INIT;

		put_text(w->fd, "vz/lock/101.lck", i < N_TEXTS ? texts[i] : dead);
		w->log[0] = '\0';
		assert_ok(openvz()->lock(&job, w->undo, &err), &err);
		assert_logged(w, "removed the stale lock file /vz/lock/101.lck");
		openvz()->unlock(&job);
	}
}

static void lock_held(void **state)
{
	struct world *w = *state;
	const struct vzr_handoff_job job = job_of(w);
	struct vzr_error err = VZR_ERROR_INIT;
	pid_t pid = fork();
	char text[32];

	if (pid == 0) {
		pause();
		_exit(0);
	}
	assert_true(pid > 0);
	make_dirs(w, "vz/lock");
	snprintf(text, sizeof(text), "%d\nmounting\n", (int)pid);
	put_text(w->fd, "vz/lock/101.lck", text);
	snprintf(text, sizeof(text), "process %d ", (int)pid);
	assert_error(openvz()->lock(&job, w->undo, &err), -VZR_E_BUSY, &err, text);
	assert_int_equal(openvz()->running(&job, &err), 1);
	/* Not ours: it stays, whatever we do. */
	openvz()->unlock(&job);
	assert_true(exists(w->fd, "vz/lock/101.lck"));
	assert_logged(w, "is not ours any more");
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	assert_ok(openvz()->lock(&job, w->undo, &err), &err);
}

static void lock_unreadable(void **state)
{
	struct world *w = *state;
	const struct vzr_handoff_job job = job_of(w);
	struct vzr_error err = VZR_ERROR_INIT;

	make_dirs(w, "vz/lock");
	/* Opened, a fifo would hang; followed, a link would show another file. */
	assert_int_equal(mkfifoat(w->fd, "vz/lock/101.lck", 0600), 0);
	assert_error(openvz()->lock(&job, w->undo, &err), -VZR_E_BUSY, &err, "cannot be read");
	assert_true(exists(w->fd, "vz/lock/101.lck"));
}

static void lock_once(void **state)
{
	struct world *w = *state;
	const struct vzr_handoff_job job = job_of(w);
	int winners = 0;
	char dead[32];

	/* Many at once, over a stale lock: one gets it. */
	make_dirs(w, "vz/lock");
	snprintf(dead, sizeof(dead), "%d\n\n", (int)dead_pid());
	put_text(w->fd, "vz/lock/101.lck", dead);
	for (int i = 0; i < 8; i++) {
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (pid == 0) {
			int r = openvz()->lock(&job, w->undo, NULL);

			if (r == 0)
				usleep(300000);
			_exit(r == 0 ? 1 : r == -VZR_E_BUSY ? 0 : 2);
		}
	}
	for (int i = 0; i < 8; i++) {
		int status;

		assert_true(wait(&status) > 0);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
		winners += WEXITSTATUS(status);
	}
	assert_int_equal(winners, 1);
}

int main(void)
{
#define IN_WORLD(test) cmocka_unit_test_setup_teardown(test, world_open, world_close)
	const struct CMUnitTest tests[] = {
		IN_WORLD(lock_text),
		IN_WORLD(lock_is_taken_back),
		IN_WORLD(lock_stale),
		IN_WORLD(lock_held),
		IN_WORLD(lock_unreadable),
		IN_WORLD(lock_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
