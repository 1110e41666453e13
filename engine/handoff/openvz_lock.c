/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* vzctl's lock file: LOCKDIR/CTID.lck with a process id, made by link(2), stale when it is dead. */
#include "engine/handoff/internal.h"

#include "engine/base/cleanup.h"
#include "engine/journal.h"
#include "engine/base/fd.h"
#include "engine/base/path.h"

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <time.h>

#define TRIES 3
#define UNREADABLE_WAIT_NS 500000000
#define LOCK_TEXT_MAX 512 /* of vzctl's reader */

struct lock {
	const struct vzr_handoff_job *job;
	int dir;
	char name[32];
	char path[VZR_OPENVZ_PATH_MAX + 64];
};

static int lock_init(struct lock *lock, const struct vzr_handoff_job *job, struct vzr_error *err)
{
	const char *dir = vzr_setting(job->settings, "LOCKDIR");

	*lock = (struct lock){ .job = job, .dir = -1 };
	snprintf(lock->name, sizeof(lock->name), "%u.lck", job->ctid);
	if (strlen(dir) + strlen(lock->name) + 1 > VZR_OPENVZ_PATH_MAX)
		return vzr_fail(err, -VZR_E_CONFIG, "LOCKDIR is longer than vzctl can use: %s",
				dir);
	snprintf(lock->path, sizeof(lock->path), "%s/%s", dir, lock->name);
	return 0;
}

/* The number that sscanf("%d") of vzctl finds; 0 if there is none that can be a process id. */
static pid_t parse_pid(const char *text)
{
	long value;

	while (isspace((unsigned char)*text))
		text++;
	errno = 0;
	value = strtol(text, NULL, 10);
	return errno || value <= 0 || value > INT32_MAX ? 0 : (pid_t)value;
}

/* The process id in lock file @name: 0 if there is none in it, -errno if it cannot be read. */
static int read_pid(int dir, const char *name, struct stat *ret_st)
{
	VZR_AUTO_CLOSE int fd =
		openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char text[LOCK_TEXT_MAX + 1];
	ssize_t n;

	if (fd < 0 || fstat(fd, ret_st) < 0)
		return -errno;
	if (!S_ISREG(ret_st->st_mode))
		return -EINVAL;
	n = read(fd, text, LOCK_TEXT_MAX);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	return parse_pid(text);
}

/* A process of another user, or one that hidepid hides, lives all the same. */
static bool is_alive(pid_t pid)
{
	return kill(pid, 0) == 0 || errno != ESRCH;
}

static int write_pid(int fd)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%d\n\n", (int)getpid());

	return vzr_write_all(fd, text, (size_t)n);
}

/* Without O_TMPFILE: a name as vzctl itself uses, recorded before it is made. */
static int link_named(const struct lock *lock, struct vzr_undo *undo, struct vzr_error *err)
{
	VZR_AUTO_FREE char *path = NULL;
	VZR_AUTO_CLOSE int fd = -1;
	unsigned int random;
	const char *temp;
	int r;

	if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -errno;
	if (asprintf(&path, "%s%06x", lock->path, random & 0xffffffu) < 0)
		return -ENOMEM;
	r = vzr_undo_push(undo, VZR_UNDO_FILE, path, err);
	if (r < 0)
		return r;
	temp = strrchr(path, '/') + 1;
	fd = openat(lock->dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_pid(fd);
	if (r == 0 && linkat(lock->dir, temp, lock->dir, lock->name, 0) < 0)
		r = -errno;
	unlinkat(lock->dir, temp, 0);
	return r;
}

/* The lock appears whole, and a kill leaves no temporary name. 0 or -errno (-EEXIST: locked). */
static int link_lock(const struct lock *lock, struct vzr_undo *undo, struct vzr_error *err)
{
	VZR_AUTO_CLOSE int fd =
		openat(lock->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	char link[32];
	int r;

	if (fd < 0 && errno != EOPNOTSUPP && errno != EISDIR && errno != ENOENT && errno != EINVAL)
		return -errno;
	if (fd < 0)
		return link_named(lock, undo, err);
	r = write_pid(fd);
	if (r < 0)
		return r;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (linkat(AT_FDCWD, link, lock->dir, lock->name, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	/* No /proc here. */
	return errno == ENOENT ? link_named(lock, undo, err) : -errno;
}

/* Removes the lock file if it is still the one that was found stale. */
static int remove_stale(const struct lock *lock, const struct stat *seen)
{
	struct stat st;

	if (fstatat(lock->dir, lock->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (st.st_ino != seen->st_ino || st.st_dev != seen->st_dev)
		return 0;
	if (unlinkat(lock->dir, lock->name, 0) < 0 && errno != ENOENT)
		return -errno;
	vzr_info(lock->job->ctx, "removed the stale lock file %s", lock->path);
	return 0;
}

static int refuse_busy(const struct lock *lock, pid_t pid, struct vzr_error *err)
{
	return vzr_fail(err, -VZR_E_BUSY,
			"container %u is locked by process %d (%s): wait until it has ended",
			lock->job->ctid, (int)pid, lock->path);
}

static int take_lock(const struct lock *lock, struct vzr_undo *undo, struct vzr_error *err)
{
	static const struct timespec wait = { .tv_nsec = UNREADABLE_WAIT_NS };
	int r = 0;

	for (int i = 0; i < TRIES; i++) {
		struct stat st;
		int pid;

		r = link_lock(lock, undo, err);
		if (r != -EEXIST)
			return r < 0 ? vzr_fail_code(err, r, "cannot make lock file %s", lock->path)
				     : 0;
		pid = read_pid(lock->dir, lock->name, &st);
		if (pid < 0) {
			nanosleep(&wait, NULL);
			continue;
		}
		if (pid > 0 && is_alive(pid))
			return refuse_busy(lock, pid, err);
		r = remove_stale(lock, &st);
		if (r < 0)
			return vzr_fail_code(err, r, "cannot remove the stale lock file %s",
					     lock->path);
	}
	return vzr_fail(err, -VZR_E_BUSY,
			"lock file %s cannot be read or comes back each time it is removed",
			lock->path);
}

int vzr_openvz_lock(const struct vzr_handoff_job *job, struct vzr_undo *undo,
		    struct vzr_error *err)
{
	struct lock lock;
	VZR_AUTO_CLOSE int dir = -1;
	int r = lock_init(&lock, job, err);

	if (r < 0)
		return r;
	dir = vzr_undo_mkdirs(undo, job->settings, vzr_setting(job->settings, "LOCKDIR"), 0755,
			      err);
	if (dir < 0)
		return dir;
	lock.dir = dir;
	/* Two of us must not take the same stale lock for removable, one after the other. */
	while (flock(dir, LOCK_EX) < 0)
		if (errno != EINTR)
			return vzr_fail_errno(err, "cannot lock the directory of %s", lock.path);
	r = vzr_undo_push(undo, VZR_UNDO_LOCK, lock.path, err);
	if (r == 0 && job->sync_records)
		r = vzr_journal_sync(undo, err);
	return r < 0 ? r : take_lock(&lock, undo, err);
}

void vzr_openvz_unlock(const struct vzr_handoff_job *job)
{
	VZR_AUTO_CLOSE int dir = -1;
	const char *name;
	struct lock lock;
	struct stat st;

	if (lock_init(&lock, job, NULL) < 0)
		return;
	dir = vzr_open_parent_in_root(vzr_settings_root_fd(job->settings), lock.path, &name);
	if (dir < 0 || read_pid(dir, name, &st) != getpid()) {
		vzr_warn(job->ctx, "lock file %s is not ours any more", lock.path);
		return;
	}
	if (unlinkat(dir, name, 0) < 0)
		vzr_warn(job->ctx, "cannot remove lock file %s: %s", lock.path, strerror(errno));
}

pid_t vzr_openvz_locked_by(const struct vzr_settings *settings, uint32_t ctid)
{
	const struct vzr_handoff_job job = { .settings = settings, .ctid = ctid };
	VZR_AUTO_CLOSE int dir = -1;
	const char *name;
	struct lock lock;
	struct stat st;
	int pid;

	if (lock_init(&lock, &job, NULL) < 0)
		return 0;
	dir = vzr_open_parent_in_root(vzr_settings_root_fd(settings), lock.path, &name);
	pid = dir < 0 ? dir : read_pid(dir, name, &st);
	return pid > 0 && pid != getpid() && is_alive(pid) ? pid : 0;
}
