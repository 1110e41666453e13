/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Running a program. */
#include "engine/base/proc.h"

#include "engine/base/cleanup.h"
#include "engine/base/time.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>

#define SAFE_PATH "/usr/sbin:/usr/bin:/sbin:/bin"
#define FIRST_INHERITED 4
#define PARKED 64 /* descriptors are moved above this before they are put in place */
#define EXEC_FAILED 127

static const char *const environment[] = { "PATH=" SAFE_PATH, "LC_ALL=C", NULL };

/* In the child: descriptors 0 to 3 and the inherited ones in place, all others closed. */
static bool place_descriptors(const struct vzr_proc *proc, int pipe_fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int parked_null = fcntl(null, F_DUPFD, PARKED);
	int parked_pipe = pipe_fd < 0 ? parked_null : fcntl(pipe_fd, F_DUPFD, PARKED);
	int parked[VZR_PROC_INHERIT_MAX];

	if (parked_null < 0 || parked_pipe < 0)
		return false;
	for (size_t i = 0; i < proc->n_inherit; i++) {
		parked[i] = fcntl(proc->inherit[i], F_DUPFD, PARKED);
		if (parked[i] < 0)
			return false;
	}
	for (int fd = 0; fd < FIRST_INHERITED; fd++)
		if (dup2(fd && fd == proc->capture_fd ? parked_pipe : parked_null, fd) < 0)
			return false;
	for (size_t i = 0; i < proc->n_inherit; i++)
		if (dup2(parked[i], FIRST_INHERITED + (int)i) < 0)
			return false;
	return close_range((unsigned int)(FIRST_INHERITED + proc->n_inherit), ~0u, 0) == 0;
}

static void run_child(const struct vzr_proc *proc, const char *path, int pipe_fd)
	__attribute__((noreturn));

static void run_child(const struct vzr_proc *proc, const char *path, int pipe_fd)
{
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (place_descriptors(proc, pipe_fd))
		execve(path, (char *const *)(uintptr_t)proc->argv,
		       (char *const *)(uintptr_t)environment);
	_exit(EXEC_FAILED);
}

/* Collects output until the child closes it. 0, -ETIMEDOUT or another error. */
static int collect(int fd, struct vzr_buf *buf, uint64_t deadline_us)
{
	char block[4096];

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = vzr_monotonic_us();
		ssize_t n;

		if (now >= deadline_us)
			return -ETIMEDOUT;
		if (poll(&p, 1, (int)((deadline_us - now) / 1000 + 1)) <= 0)
			continue;
		n = read(fd, block, sizeof(block));
		if (n == 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			int r = vzr_buf_add(buf, block, (size_t)n);

			if (r < 0)
				return r;
		}
	}
}

static int wait_until(pid_t pid, uint64_t deadline_us, int *ret_status)
{
	const struct timespec pause = { .tv_nsec = 2000000 };

	for (;;) {
		int status;
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (got == pid) {
			*ret_status = WIFEXITED(status) ? WEXITSTATUS(status)
							: 128 + WTERMSIG(status);
			return 0;
		}
		if (vzr_monotonic_us() >= deadline_us)
			return -ETIMEDOUT;
		nanosleep(&pause, NULL);
	}
}

/* Writes the absolute path of program @name into @out. The caller's own PATH does not count. */
static bool find_program(const char *name, char out[PATH_MAX])
{
	static const char *const dirs[] = { "/usr/sbin", "/usr/bin", "/sbin", "/bin" };

	if (strchr(name, '/')) {
		snprintf(out, PATH_MAX, "%s", name);
		return access(out, X_OK) == 0;
	}
	for (size_t i = 0; i < VZR_COUNT(dirs); i++) {
		snprintf(out, PATH_MAX, "%s/%s", dirs[i], name);
		if (access(out, X_OK) == 0)
			return true;
	}
	return false;
}

int vzr_proc_run(const struct vzr_proc *proc, int *ret_status, struct vzr_error *err)
{
	uint64_t deadline = vzr_monotonic_us() + 1000ull * (proc->timeout_ms ? proc->timeout_ms
									      : 60000);
	VZR_AUTO_CLOSE int in = -1, out = -1;
	int status = 0, r = 0;
	char path[PATH_MAX];
	int ends[2];
	pid_t pid;

	if (!find_program(proc->argv[0], path))
		return vzr_fail(err, -VZR_E_UNSUPPORTED, "program %s is not installed",
				proc->argv[0]);
	if (proc->capture_fd) {
		if (pipe2(ends, O_CLOEXEC) < 0)
			return vzr_fail_errno(err, "cannot run %s", proc->argv[0]);
		in = ends[0];
		out = ends[1];
	}
	pid = fork();
	if (pid < 0)
		return vzr_fail_errno(err, "cannot run %s", proc->argv[0]);
	if (pid == 0)
		run_child(proc, path, out);
	vzr_closep(&out);
	out = -1;
	if (in >= 0)
		r = collect(in, proc->capture, deadline);
	if (r == 0)
		r = wait_until(pid, deadline, &status);
	if (r < 0) {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
		return vzr_fail_code(err, r, "%s did not end as it should", proc->argv[0]);
	}
	*ret_status = status;
	return 0;
}
