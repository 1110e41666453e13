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
#include <sys/socket.h>
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

/* The child and what is heard of it. */
struct vzr_unpacking {
	struct vzr_context *ctx;
	pid_t pid;
	int pidfd;   /* -1: the kernel has none */
	int events;  /* frames come here */
	int archive; /* bytes go there; -1: the child reads a file, or has got all of them */
	bool gone;   /* the child, or its end of the pipe */
	struct vzr_frame_reader reader;
};

/*
 * Waits for frames, with @want also for room to write, and takes what there is. 1: there is room;
 * 0: something was heard, or time passed; negative: an error. The end of the child is heard too.
 */
static int hear(struct vzr_unpacking *u, bool want, struct vzr_error *err)
{
	struct pollfd p[3] = {{.fd = u->events, .events = POLLIN},
			      {.fd = u->pidfd, .events = POLLIN},
			      {.fd = want ? u->archive : -1, .events = POLLOUT}};
	int n, r = vzr_cancelled(u->ctx, err);

	if (r < 0)
		return r;
	n = poll(p, VZR_COUNT(p), CANCEL_POLL_MS);
	if (n < 0 && errno != EINTR)
		return vzr_fail_errno(err, "cannot wait for the unpacking process");
	if (n <= 0)
		return 0;
	/* What a dead child wrote before is read first. */
	if (p[0].revents) {
		r = vzr_frame_read(&u->reader, u->events, err);
		u->gone |= r == 0;
		return r < 0 ? r : 0;
	}
	u->gone |= p[1].revents != 0;
	return p[2].revents != 0;
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

static void unpacking_free(struct vzr_unpacking *u)
{
	vzr_closep(&u->pidfd);
	vzr_closep(&u->events);
	vzr_closep(&u->archive);
	free(u);
}

static struct vzr_unpacking *unpacking_new(struct vzr_context *ctx)
{
	struct vzr_unpacking *u = calloc(1, sizeof(*u));

	if (u) {
		u->ctx = u->reader.ctx = ctx;
		u->pidfd = u->events = u->archive = -1;
	}
	return u;
}

/* Forks the child, which reads job->archive_fd. */
static int start(const struct vzr_unpack_job *job, struct vzr_unpacking *u, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int write_end = -1;
	pid_t parent = getpid();
	int fds[2], r = vzr_cancelled(job->ctx, err);

	if (r < 0)
		return r;
	if (pipe2(fds, O_CLOEXEC) < 0)
		return vzr_fail_errno(err, "cannot make a pipe");
	u->events = fds[0];
	write_end = fds[1];
	u->pid = fork();
	if (u->pid < 0)
		return vzr_fail_errno(err, "cannot start the unpacking process");
	if (u->pid == 0)
		run_child(job, write_end, parent);
	u->pidfd = (int)syscall(SYS_pidfd_open, u->pid, 0);
	return 0;
}

int vzr_unpack_start(const struct vzr_unpack_job *job, struct vzr_unpacking **ret_unpacking,
		     struct vzr_error *err)
{
	struct vzr_unpack_job fed = *job;
	VZR_AUTO_CLOSE int read_end = -1;
	struct vzr_unpacking *u = unpacking_new(job->ctx);
	int fds[2], r;

	if (!u)
		return vzr_fail_code(err, -ENOMEM, "cannot unpack");
	/* Sockets rather than a pipe: writing to one whose reader is gone need not be a signal. */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0) {
		r = vzr_fail_errno(err, "cannot make a socket");
	} else {
		u->archive = fds[0];
		fed.archive_fd = read_end = fds[1];
		r = start(&fed, u, err);
	}
	if (r < 0) {
		unpacking_free(u);
		return r;
	}
	*ret_unpacking = u;
	return 0;
}

int vzr_unpack_feed(struct vzr_unpacking *u, const void *data, size_t len, struct vzr_error *err)
{
	const char *p = data;

	while (len > 0 && !u->gone && !u->reader.ended) {
		ssize_t n;
		int r = hear(u, true, err);

		if (r < 0)
			return r;
		if (r == 0)
			continue;
		n = send(u->archive, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EPIPE)
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return vzr_fail_errno(err, "cannot feed the unpacking process");
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

void vzr_unpack_abort(struct vzr_unpacking *u)
{
	int status;

	if (!u)
		return;
	kill_child(u->pidfd, u->pid);
	(void)reap(u->pid, &status);
	unpacking_free(u);
}

int vzr_unpack_finish(struct vzr_unpacking *u, struct vzr_unpack_result *ret_result,
		      struct vzr_error *err)
{
	int status = 0, r = 0;
	bool known;

	vzr_closep(&u->archive);
	u->archive = -1;
	while (r == 0 && !u->gone && !u->reader.ended)
		r = hear(u, false, err);
	if (r < 0) {
		vzr_unpack_abort(u);
		return r;
	}
	known = reap(u->pid, &status);
	if (!u->reader.ended || (known && (!WIFEXITED(status) || WEXITSTATUS(status) != 0)))
		r = died(known, status, err);
	else if (u->reader.code < 0) {
		r = u->reader.code;
		if (err)
			*err = u->reader.error;
	} else {
		*ret_result = u->reader.result;
	}
	unpacking_free(u);
	return r;
}

int vzr_unpack(const struct vzr_unpack_job *job, struct vzr_unpack_result *ret_result,
	       struct vzr_error *err)
{
	struct vzr_unpacking *u = unpacking_new(job->ctx);
	int r = u ? start(job, u, err) : vzr_fail_code(err, -ENOMEM, "cannot unpack");

	if (r == 0)
		return vzr_unpack_finish(u, ret_result, err);
	if (u)
		unpacking_free(u);
	return r;
}
