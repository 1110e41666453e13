/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The confined child and the parent that listens to it. */
#include "engine/unpack/unpack.h"

#include "engine/base/cleanup.h"
#include "engine/unpack/confine.h"
#include "engine/unpack/frame.h"
#include "engine/unpack/walk.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define CANCEL_POLL_MS 50

/* In the child: everything from here to the last frame. */
static int work(struct vzr_unpack_job *job, struct vzr_unpack_result *result, struct vzr_error *err)
{
	struct vzr_walk *walk = NULL;
	int r = vzr_walk_new(job, true, &walk, err);

	if (r < 0)
		return r;
	r = vzr_confine(job->tree_fd, job->ctx, err);
	if (r == 0)
		r = vzr_walk_run(walk, result, err);
	vzr_walk_free(walk);
	return r;
}

/* Signals as a fresh process has them; the terminal's are the parent's business. */
static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		if (sig != SIGKILL && sig != SIGSTOP)
			signal(sig, SIG_DFL);
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void run_child(const struct vzr_unpack_job *given, int pipe_fd, pid_t parent)
	__attribute__((noreturn));

static void run_child(const struct vzr_unpack_job *given, int pipe_fd, pid_t parent)
{
	struct vzr_error error = VZR_ERROR_INIT;
	struct vzr_unpack_result result = {0};
	struct vzr_unpack_job job = *given;
	int fd = VZR_CHILD_PIPE, r;
	struct vzr_context ctx = {.fn = vzr_frame_event, .data = &fd};

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
	reset_signals();
	r = vzr_confine_descriptors(pipe_fd, given->archive_fd, given->tree_fd);
	if (r < 0) {
		r = vzr_fail_code(&error, r, "cannot prepare the unpacking process");
		_exit(vzr_frame_end(pipe_fd, r, &result, &error) < 0);
	}
	job.ctx = &ctx;
	job.archive_fd = VZR_CHILD_ARCHIVE;
	job.tree_fd = given->tree_fd < 0 ? -1 : VZR_CHILD_TREE;
	r = work(&job, &result, &error);
	_exit(vzr_frame_end(fd, r, &result, &error) < 0);
}

static void kill_child(int pidfd, pid_t pid)
{
	if (pidfd >= 0)
		syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	else
		kill(pid, SIGKILL);
}

/* Frames until the last one, until the child is gone, or until the work is cancelled. */
static int listen_to(struct vzr_frame_reader *reader, int fd, int pidfd, struct vzr_error *err)
{
	while (!reader->ended) {
		struct pollfd p[2] = {{.fd = fd, .events = POLLIN},
				      {.fd = pidfd, .events = POLLIN}};
		int n, r = vzr_cancelled(reader->ctx, err);

		if (r < 0)
			return r;
		n = poll(p, VZR_COUNT(p), CANCEL_POLL_MS);
		if (n < 0 && errno != EINTR)
			return vzr_fail_errno(err, "cannot wait for the unpacking process");
		if (n <= 0)
			continue;
		/* What a dead child wrote before is read first. */
		if (!p[0].revents)
			return 0;
		r = vzr_frame_read(reader, fd, err);
		if (r <= 0)
			return r;
	}
	return 0;
}

/* Waits for the end of the child. False: its status is not known (SIGCHLD is ignored). */
static bool reap(pid_t pid, int *ret_status)
{
	pid_t r;

	do
		r = waitpid(pid, ret_status, 0);
	while (r < 0 && errno == EINTR);
	return r == pid;
}

static int died(bool known, int status, struct vzr_error *err)
{
	if (known && WIFSIGNALED(status))
		return vzr_fail(err, -VZR_E_FAILED,
				"the unpacking process was killed by signal %d (%s)",
				WTERMSIG(status), strsignal(WTERMSIG(status)));
	if (known && WIFEXITED(status))
		return vzr_fail(err, -VZR_E_FAILED,
				"the unpacking process ended with status %d and no result",
				WEXITSTATUS(status));
	return vzr_fail(err, -VZR_E_FAILED, "the unpacking process ended without a result");
}

static int run_parent(const struct vzr_unpack_job *job, int fd, pid_t pid,
		      struct vzr_unpack_result *ret_result, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	VZR_AUTO_FREE struct vzr_frame_reader *reader = calloc(1, sizeof(*reader));
	int status = 0, r;
	bool known;

	if (!reader)
		r = vzr_fail_code(err, -ENOMEM, "cannot unpack");
	else {
		reader->ctx = job->ctx;
		r = listen_to(reader, fd, pidfd, err);
	}
	if (r < 0)
		kill_child(pidfd, pid);
	known = reap(pid, &status);
	if (r < 0)
		return r;
	if (!reader->ended || (known && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)))
		return died(known, status, err);
	if (reader->code < 0) {
		if (err)
			*err = reader->error;
		return reader->code;
	}
	*ret_result = reader->result;
	return 0;
}

int vzr_unpack(const struct vzr_unpack_job *job, struct vzr_unpack_result *ret_result,
	       struct vzr_error *err)
{
	VZR_AUTO_CLOSE int read_end = -1, write_end = -1;
	pid_t pid, parent = getpid();
	int fds[2], r;

	r = vzr_cancelled(job->ctx, err);
	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return vzr_fail_errno(err, "cannot make a pipe");
	read_end = fds[0];
	write_end = fds[1];
	pid = fork();
	if (pid < 0)
		return vzr_fail_errno(err, "cannot start the unpacking process");
	if (pid == 0)
		run_child(job, write_end, parent);
	close(vzr_take_fd(write_end));
	return run_parent(job, read_end, pid, ret_result, err);
}
